"""The keys of all items in the servers table.

=====================  =================  =============================================
pk                     sk                 item
=====================  =================  =============================================
HOLDER#id              HOST#host          a hold of a host
HOLDER#id              FENCE              nothing more may be done for this holder or placement
HOST#host              HOST               the holder of the host, and whose server is on it
MAINTAINED             name host          a host is in a maintenance
ENDED#MAINTAINED#name  host               a maintenance has ended for a host
PLACEMENT#owner        SERVER#host        the server of a placement on a host
HOST#host              GPU#number         the run whose server occupies the GPU
VMRUN#owner            SERVER             the server of one run of a VM
VMRUN#owner            FENCE              no further server may be started for the run
VMDISK#id              DISK               the disk of a VM
=====================  =================  =============================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.keys import Key

MAINTAINED_PARTITION: Final = "MAINTAINED"
HOST_PREFIX: Final = "HOST#"
SERVER_PREFIX: Final = "SERVER#"


def holds_partition(holder_id: str) -> str:
    """The partition of all holds of a holder."""
    return f"HOLDER#{holder_id}"


def hold(holder_id: str, host_id: str) -> Key:
    """A hold of a host."""
    return _key(holds_partition(holder_id), HOST_PREFIX + host_id)


def fence(owner: str) -> Key:
    """Exists if nothing more may be done for a holder or a placement."""
    return _key(holds_partition(owner), "FENCE")


def servers_partition(owner: str) -> str:
    """The partition of all servers of a placement."""
    return f"PLACEMENT#{owner}"


def server(owner: str, host_id: str) -> Key:
    """The server of a placement on a host."""
    return _key(servers_partition(owner), SERVER_PREFIX + host_id)


def held_host(host_id: str) -> Key:
    """The holder of a host, and the placement whose server is on it."""
    return _key(HOST_PREFIX + host_id, "HOST")


def occupied_gpu(host_id: str, gpu: int) -> Key:
    """The run whose server occupies a GPU."""
    return _key(HOST_PREFIX + host_id, f"GPU#{gpu}")


def vm_server(owner: str) -> Key:
    """The server of one run of a VM."""
    return _key(f"VMRUN#{owner}", "SERVER")


def vm_fence(owner: str) -> Key:
    """Exists if no further server may be started for the run."""
    return _key(f"VMRUN#{owner}", "FENCE")


def vm_disk(vm_id: str) -> Key:
    """The disk of a VM."""
    return _key(f"VMDISK#{vm_id}", "DISK")


def _key(pk: str, sk: str) -> Key:
    return {"pk": {"S": pk}, "sk": {"S": sk}}
