"""The names that Ironic gets from us, and the keys of what we keep about its hosts."""

from __future__ import annotations

import hashlib
import uuid
from typing import Final

from gpu_capacity.providers.host_keys import HostKeys

HOSTS: Final = HostKeys("IRONIC")

_ALLOCATIONS: Final = uuid.UUID("5c1f0d7e-6f5b-4a57-9f0c-3b8f3d3c7a51")
_MARK: Final = "~"
_DIGITS: Final = 16


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
