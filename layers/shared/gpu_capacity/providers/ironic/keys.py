"""The keys of all items in the servers table, and the names that Ironic gets from us.

=====================  =================  =============================================
pk                     sk                 item
=====================  =================  =============================================
IRONICHOLDER#id        HOST#host          a hold of a host
IRONICHOLDER#id        FENCE              nothing more may be done for this holder or placement
IRONICHOST#host        HOST               the holder of the host, and whose server is on it
IRONICMAINTAINED       name host          a host is in a maintenance
ENDED#IRONICMAIN…#name host               a maintenance has ended for a host
IRONICPLACEMENT#owner  SERVER#host        the server of a placement on a host
=====================  =================  =============================================
"""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.keys import Key

MAINTAINED_PARTITION: Final = "IRONICMAINTAINED"
HOST_PREFIX: Final = "HOST#"
SERVER_PREFIX: Final = "SERVER#"

_ALLOCATIONS: Final = uuid.UUID("5c1f0d7e-6f5b-4a57-9f0c-3b8f3d3c7a51")
_MARK: Final = "~"
_DIGITS: Final = 16


def holds_partition(holder_id: str) -> str:
    """The partition of all holds of a holder."""
    return f"IRONICHOLDER#{holder_id}"


def hold(holder_id: str, host_id: str) -> Key:
    """A hold of a host."""
    return _key(holds_partition(holder_id), HOST_PREFIX + host_id)


def fence(owner: str) -> Key:
    """Exists if nothing more may be done for a holder or a placement."""
    return _key(holds_partition(owner), "FENCE")


def servers_partition(owner: str) -> str:
    """The partition of all servers of a placement."""
    return f"IRONICPLACEMENT#{owner}"


def server(owner: str, host_id: str) -> Key:
    """The server of a placement on a host."""
    return _key(servers_partition(owner), SERVER_PREFIX + host_id)


def host(host_id: str) -> Key:
    """The holder of a host, and the placement whose server is on it."""
    return _key(f"IRONICHOST#{host_id}", "HOST")


def allocation(holder_id: str, host_id: str) -> str:
    """The UUID of the allocation that holds the host. A holder holds a host once and never again."""
    return str(uuid.uuid5(_ALLOCATIONS, f"{holder_id} {host_id}"))


def name_after(owner: str, host_id: str, boot: int | None = None) -> str:
    """The name of the node once nothing of this owner may reach it any more.

    With ``boot``: from this boot of its server (a number) on. Each name is used once.
    """
    text = f"{owner} {host_id}" if boot is None else f"{owner} {host_id} {boot}"
    return f"{host_id}{_MARK}{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"


def host_named(name: str | None) -> str:
    """The host whose node has this name now: the part that never changes."""
    return (name or "").rpartition(_MARK)[0] or name or ""


def _key(pk: str, sk: str) -> Key:
    return {"pk": {"S": pk}, "sk": {"S": sk}}
