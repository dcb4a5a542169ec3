"""The keys of what the simulated providers keep in the servers table. Those of hosts: ``host_keys``.

================  ===========  ===================================================
pk                sk           item
================  ===========  ===================================================
HOST#host         GPU#number   the run whose server occupies the GPU
VMRUN#owner       SERVER       the server of one run of a VM
VMRUN#owner       FENCE        no further server may be started for the run
VMDISK#id         DISK         the disk of a VM
================  ===========  ===================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.providers.host_keys import HOST_PREFIX, HostKeys, key

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.keys import Key

HOSTS: Final = HostKeys("")


def occupied_gpu(host_id: str, gpu: int) -> Key:
    """The run whose server occupies a GPU."""
    return key(HOST_PREFIX + host_id, f"GPU#{gpu}")


def vm_server(owner: str) -> Key:
    """The server of one run of a VM."""
    return key(f"VMRUN#{owner}", "SERVER")


def vm_fence(owner: str) -> Key:
    """Exists if no further server may be started for the run."""
    return key(f"VMRUN#{owner}", "FENCE")


def vm_disk(vm_id: str) -> Key:
    """The disk of a VM."""
    return key(f"VMDISK#{vm_id}", "DISK")
