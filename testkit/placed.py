"""Hosts of reservations that placements have, as items show it: the records of both list them.

Like ``items``, it shares only the layout of keys and attributes with the product.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

from testkit.items import GONE, PLACEMENT, RESERVATION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testkit.items import Domain, Item, RecordKey

Hosts: TypeAlias = "Mapping[Domain, int]"
"""Masks of slots, by domain."""

_OCCUPIED_CHARACTERS: Final = 23
_POSITION_BYTES: Final = 2
_SERVER = "SERVER#"


@dataclass(frozen=True, slots=True)
class Placed:
    """A live placement. ``owner`` is the provider's name for it, ``life`` that of its reservation.

    ``budget`` is how many of its servers the service may rebuild at a time, 0 if it rebuilds none.
    ``leaving`` are hosts that servers of these ordinals have left; ``hosts`` has them as well.
    ``is_impaired``: servers are missing, and it says so.
    """

    key: RecordKey
    status: str
    reservation: RecordKey
    life: str
    hosts: Hosts
    count: int
    image: str
    generation: int
    budget: int
    owner: str
    revision: int
    leaving: tuple[tuple[int, str], ...]
    is_impaired: bool

    @property
    def name(self) -> str:
        """Its id."""
        return self.key[1].removeprefix(PLACEMENT)


@dataclass(frozen=True, slots=True)
class PlacedServer:
    """A server of a placement on a host. Times are seconds; ``until`` is when the phase ends."""

    owner: str
    host: str
    ordinal: int
    generation: int
    image: str
    phase: str
    until: int
    gone_at: int | None

    def lives(self, now: int) -> bool:
        """Whether it has not gone by now."""
        return self.gone_at is None or self.gone_at > now

    def is_up(self, now: int) -> bool:
        """Whether its image has booted; it may be stopped or reboot."""
        boots = self.phase in ("building", "rebuilding") and self.until > now
        return self.gone_at is None and not boots


def placed_of(key: RecordKey, item: Item | None) -> Placed | None:
    """The placement that an item is; ``None`` if it is none, or gone."""
    if item is None or not key[1].startswith(PLACEMENT) or item["status"]["S"] == GONE:
        return None
    count = int(item["servers"]["N"])
    place = (item["region"]["S"], item["pod"]["S"])
    return Placed(
        key=key,
        status=item["status"]["S"],
        reservation=(key[0], RESERVATION + item["reservation"]["S"]),
        life=item["reservation_life"]["B"].hex() if "reservation_life" in item else "",
        hosts=_hosts(place, item["hosts"]["B"]),
        count=count,
        image=item["image"]["S"],
        generation=int(item["generation"]["N"]),
        budget=_budget(item, count),
        owner=f"{key[1].removeprefix(PLACEMENT)}-{item['created_at']['N']}",
        revision=int(item["revision"]["N"]),
        leaving=tuple(
            (int(row["L"][0]["N"]), row["L"][3]["S"]) for row in item.get("leaving", {"L": []})["L"]
        ),
        is_impaired="failure" in item,
    )


def occupied_of(key: RecordKey, item: Item | None) -> dict[RecordKey, Hosts]:
    """By placement the hosts that the record of a reservation lists."""
    if item is None:
        return {}
    place = (item.get("region", {}).get("S", ""), item.get("pod", {}).get("S", ""))
    return {
        (key[0], f"{PLACEMENT}{UUID(bytes=urlsafe_b64decode(name[1:] + '=='))}"): _hosts(place, value["B"])
        for name, value in item.items()
        if name[0] == "o" and len(name) == _OCCUPIED_CHARACTERS
    }


def placed_server_of(key: RecordKey, item: Item) -> PlacedServer | None:
    """The server that an item of the provider's table is; ``None`` if it is none of a placement."""
    kind, _, owner = key[0].partition("#")
    if kind != "PLACEMENT" or not key[1].startswith(_SERVER):
        return None
    return PlacedServer(
        owner=owner,
        host=key[1].removeprefix(_SERVER),
        ordinal=int(item["ordinal"]["N"]),
        generation=int(item["generation"]["N"]),
        image=item["image"]["S"],
        phase=item["phase"]["S"],
        until=int(item["until"]["N"]),
        gone_at=int(item["gone_at"]["N"]) if "gone_at" in item else None,
    )


def count_of(hosts: Hosts) -> int:
    """How many hosts these are."""
    return sum(mask.bit_count() for mask in hosts.values())


def _hosts(place: tuple[str, str], value: bytes) -> dict[Domain, int]:
    row = _POSITION_BYTES + value[0]
    rows = (value[start : start + row] for start in range(1, len(value), row))
    return {
        (*place, int.from_bytes(part[:_POSITION_BYTES], "big")): int.from_bytes(part[_POSITION_BYTES:], "big")
        for part in rows
    }


def _budget(item: Item, count: int) -> int:
    if item["strategy"]["S"] != "RollingUpdate":
        return 0
    amount = item.get("max_unavailable", {"S": "1"})["S"]
    if amount.endswith("%"):
        return -(-count * int(amount[:-1]) // 100)
    return min(int(amount), count)
