"""What a placement's record says of servers that have moved to another host."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moved:
    """A server that has moved. ``since`` is when it did so last, in seconds since the epoch.

    ``host_id`` is the host where it is or will be, ``times`` how often it has moved since it was last up.
    ``served``: it was up there.
    """

    ordinal: int
    host_id: str
    times: int
    since: int
    served: bool = False


@dataclass(frozen=True, slots=True)
class Condemned:
    """A server that has to leave its host although it runs. ``reason`` is for customers.

    ``sets_aside``: its host is put into quarantine once it has moved, or if it cannot.
    """

    ordinal: int
    host_id: str
    reason: str
    sets_aside: bool = True


@dataclass(frozen=True, slots=True)
class Leaving:
    """A host that a server has left. The placement keeps it until the provider has let go of that server.

    ``host_id`` is empty if nothing knew the host any more. ``reason`` is for customers, ``since`` in seconds
    since the epoch.
    """

    ordinal: int
    position: int
    slot: int
    host_id: str
    reason: str
    since: int
