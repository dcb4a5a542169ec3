"""What a region looks like: pods as rows, racks as cells, and who has them as far as the caller may know."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Cell(Enum):
    """What a rack is drawn as: a sign, the same in ASCII, a colour, and what it means.

    The signs differ as well as the colours, which are those of Okabe and Ito: everybody can tell them apart.
    """

    FREE = ("·", ".", "#009E73", "held by nobody")
    HELD = ("■", "#", "#E69F00", "held by somebody else")
    PARTLY = ("▪", "+", "#E69F00", "held in part")
    CORDONED = ("⊘", "x", "#CC79A7", "cordoned")
    MAINTAINED = ("⚒", "m", "#56B4E9", "in maintenance")
    QUARANTINED = ("!", "!", "#D55E00", "quarantined")
    BROKEN = ("-", "-", "bright_black", "incomplete or out of service")

    def __init__(self, sign: str, plain: str, colour: str, meaning: str) -> None:
        self.sign = sign
        self.plain = plain
        self.colour = colour
        self.meaning = meaning


HOLDER_COLOUR: Final = "#0072B2"


@dataclass(frozen=True)
class Rack:
    """A rack or, of machines that are sold one by one, a host."""

    cell: Cell
    holder: str | None = None
    """Who has it, if the caller may know: the key of a legend."""


@dataclass(frozen=True)
class Pod:
    """A row."""

    name: str
    racks: list[Rack]


@dataclass
class Plan:
    """A region. ``holders`` has a line about each holder, by its key, in the order in which they are met."""

    groups: dict[str, list[Pod]] = field(default_factory=dict)
    """Pods by what is sold of them."""
    holders: dict[str, str] = field(default_factory=dict)

    def letter(self, holder: str) -> str:
        """The sign of a holder; those that are too many share one."""
        place = list(self.holders).index(holder)
        return LETTERS[place] if place < len(LETTERS) else "*"

    def pods(self) -> Iterable[Pod]:
        """All rows."""
        return (pod for pods in self.groups.values() for pod in pods)


BY_STATE: Final = (
    ("quarantined", Cell.QUARANTINED),
    ("inMaintenance", Cell.MAINTAINED),
    ("outOfService", Cell.BROKEN),
    ("incomplete", Cell.BROKEN),
    ("held", Cell.HELD),
    ("partlyHeld", Cell.PARTLY),
    ("cordoned", Cell.CORDONED),
)
"""States of the operators' map; what comes first is shown. A holder goes before a cordon."""


def of_operators(region: Mapping[str, Any]) -> Plan:
    """Draw up the operators' map of a region."""
    plan = Plan()
    for pod in region["pods"]:
        whole = {*region["states"], *pod["states"]}
        racks = []
        for domain in pod["domains"]:
            states = whole | set(domain["states"])
            cell = next((cell for state, cell in BY_STATE if state in states), Cell.FREE)
            # A placement stands on a reservation, which has the rack.
            holders = [holder for holder in domain["holders"] if holder["kind"] != "placement"]
            named = None
            if len(holders) == 1 and cell in {Cell.HELD, Cell.PARTLY}:
                named = holders[0]["id"]
                plan.holders.setdefault(
                    named, f"{holders[0]['kind']} {named} of {holders[0]['organizationId']}"
                )
            racks.append(Rack(cell, named))
        plan.groups.setdefault(pod["flavorId"], []).append(Pod(pod["id"], racks))
    return plan


def of_customers(regions: Iterable[Mapping[str, Any]], region_id: str) -> Plan:
    """Draw up the topology of an organization: its own reservations are known, others only as held."""
    plan = Plan()
    for region in regions:
        if region["regionId"] != region_id:
            continue
        for projection in region["projections"]:
            sold = projection["reservationUnit"]
            own = projection["overlays"]["reservations"]
            for key, reservation in own.items():
                metadata = reservation["metadata"]
                plan.holders[key] = f"reservation {metadata['id']} {metadata['name']}"
            plan.groups[f"{sold['accelerator']} {sold['unit']}"] = [
                Pod(pod.get("name", pod["id"][:8]), [_seen(domain, own) for domain in pod["domains"]])
                for pod in projection["topology"]
            ]
    return plan


def _seen(domain: Mapping[str, Any], own: Mapping[str, Any]) -> Rack:
    hosts = domain["hosts"]
    mine = {host["reservationRef"] for host in hosts if host.get("reservationRef") in own}
    taken = sum(host["reserved"] for host in hosts)
    if len(mine) == 1:
        return Rack(Cell.HELD, mine.pop())
    if taken == 0:
        return Rack(Cell.FREE)
    return Rack(Cell.HELD if taken == len(hosts) else Cell.PARTLY)
