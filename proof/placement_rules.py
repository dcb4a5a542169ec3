"""Invariants of placements, after every write.

- the hosts of a placement are those that its reservation lists for it; no host has two placements, and all
  are of domains that the reservation owns, so a placement never leaves its reservation;
- a placement takes another host only for a server that leaves one, and gives that one back only after its
  server is gone; no ordinal has two servers but for one that leaves;
- a placement begins under a provisioned reservation, and no reservation ends before its placements;
- a server is deployed for a live placement, on one of its hosts, while the reservation holds the host;
- a hold does not end under a server, nor while a placement has the host;
- a placement ends after its servers;
- a server gets images that its placement had, the latest one last;
- the service rebuilds no more servers at a time than the customer allows;
- a provisioned placement has all its servers, and they are up, unless it says why not.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from proof.host_provider import BROKEN_IMAGE, boot_of
from testkit.items import GONE, PLACEMENT, RESERVATION
from testkit.placed import count_of, occupied_of, placed_of, placed_server_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from proof.faults import Work
    from testkit.items import Domain, Hardware, Item, PodKey, Record, RecordKey
    from testkit.placed import Hosts, Placed, PlacedServer

    Place = tuple[str, str]
    """Owner of a server or a hold, and host."""

OCCUPIED: Final = frozenset({"provisioned", "deprovisioning"})
BY_CUSTOMER: Final = "reconcile_placement_server"
"""The operation by which customers rebuild single servers, as many at a time as they like."""


@dataclass(eq=False, slots=True)
class Watch:
    """The least number of hosts of a reservation that were free since the watch began, and its statuses."""

    key: RecordKey
    least: int
    statuses: set[str]


@dataclass(eq=False, slots=True)
class Followed:
    """The phases in which a server was since it is followed."""

    place: Place
    phases: set[str]


class PlacementRules:
    """Follows placements, holds and servers; see ``Ledger`` for the arguments."""

    def __init__(
        self,
        now: Callable[[], int],
        work: Callable[[], Work | None],
        tell: Callable[[str], None],
        in_trouble: Callable[[str], bool],
        records: Mapping[RecordKey, Record],
    ) -> None:
        self._now = now
        self._work = work
        self._tell = tell
        self._in_trouble = in_trouble
        self._records = records
        self.placed: dict[RecordKey, Placed] = {}
        self.servers: dict[Place, PlacedServer] = {}
        self._of: defaultdict[RecordKey, set[RecordKey]] = defaultdict(set)
        self._occupied: dict[RecordKey, dict[RecordKey, Hosts]] = {}
        self._holds: dict[Place, int | None] = {}
        """When each hold ends; ``None`` as long as nobody has asked for its end."""
        self._owners: dict[str, RecordKey] = {}
        self._images: defaultdict[str, dict[int, str]] = defaultdict(dict)
        self._budgets: dict[str, tuple[int, int]] = {}
        """By owner a generation, and the largest budget that the placement had with it."""
        self._by_customer: set[tuple[str, str, int]] = set()
        self._stands: dict[str, tuple[Domain, int]] = {}
        self._stood: defaultdict[str, set[tuple[Domain, int]]] = defaultdict(set)
        self._touched: set[RecordKey] = set()
        self._hardware: dict[PodKey, Hardware] = {}
        self._watches: list[Watch] = []
        self._followed: list[Followed] = []

    # Taking notes.

    def note_hardware(self, pod: PodKey, hardware: Hardware) -> None:
        """Note where hosts stand."""
        self._hardware[pod] = hardware
        for host in [host for host, (domain, _) in self._stands.items() if domain[:2] == pod]:
            del self._stands[host]
        for position, slots in hardware.slots.items():
            for slot, (host, _) in slots.items():
                self._stands[host] = ((*pod, position), slot)
                self._stood[host].add(self._stands[host])

    def note_record(self, key: RecordKey, after: Item | None) -> RecordKey | None:
        """Note a write of a record; of a placement return the reservation, with which it may end."""
        if key[1].startswith(RESERVATION):
            occupied = occupied_of(key, after)
            if occupied or key in self._occupied or self._of[key]:
                self._occupied[key] = occupied
                self._touched.add(key)
        return self._note_placement(key, after) if key[1].startswith(PLACEMENT) else None

    def _note_placement(self, key: RecordKey, after: Item | None) -> RecordKey | None:
        before, now = self.placed.pop(key, None), placed_of(key, after)
        if before is not None:
            self._of[before.reservation].discard(key)
            self._touched.add(before.reservation)
        if now is not None:
            self.placed[key] = now
            self._of[now.reservation].add(key)
            self._touched.add(now.reservation)
            self._owners[now.owner] = key
            self._note_image(now)
            self._judge_change(before, now)
        elif before is not None:
            self._judge_end(before)
        placed = now or before
        return placed.reservation if placed else None

    def _note_image(self, placed: Placed) -> None:
        known = self._images[placed.owner].setdefault(placed.generation, placed.image)
        if known != placed.image or placed.generation < max(self._images[placed.owner]):
            self._tell(f"{placed.key}: image {placed.image} has the generation {placed.generation}")
        generation, budget = self._budgets.get(placed.owner, (0, 0))
        same = generation == placed.generation
        self._budgets[placed.owner] = (
            placed.generation,
            max(placed.budget, budget) if same else placed.budget,
        )

    def note_server(self, key: RecordKey, after: Item | None) -> None:
        """Note a write of the provider's table: of a hold, of a server, or of anything else."""
        kind, _, owner = key[0].partition("#")
        if kind == "HOLDER" and key[1].startswith("HOST#"):
            place = (owner, key[1].removeprefix("HOST#"))
            was = self._holds.pop(place, 0)
            if after is not None:
                self._holds[place] = int(after["gone_at"]["N"]) if "gone_at" in after else None
                if was is None and self._holds[place] is not None:
                    self._judge_release(*place)
        elif kind == "PLACEMENT":
            place = (owner, key[1].removeprefix("SERVER#"))
            was_there = self.servers.pop(place, None)
            if after is not None and (server := placed_server_of(key, after)) is not None:
                self.servers[place] = server
                for followed in self._followed:
                    if followed.place == place:
                        followed.phases.add(server.phase)
                self._judge_server(was_there, server)

    # Judging.

    def judge(self) -> None:
        """Check what one write changed, once all of it is noted."""
        for key in sorted(self._touched):
            for problem in self._disagreements(key):
                self._tell(f"{key} {problem}")
        self._touched.clear()
        for watch in self._watches:
            watch.least = min(watch.least, self._free(watch.key))
            watch.statuses.add(self._status(watch.key))

    def _disagreements(self, key: RecordKey) -> Iterator[str]:
        record, occupied = self._records.get(key), self._occupied.get(key, {})
        life = record.life if record else ""
        listed = {k: self.placed[k].hosts for k in self._of[key] if self.placed[k].life == life}
        if listed != occupied or len(listed) != len(self._of[key]):
            yield f"lists hosts for {sorted(occupied)}, its placements are {sorted(self._of[key])}"
        taken: dict[Domain, int] = {}
        for hosts in occupied.values():
            for domain, mask in hosts.items():
                if taken.get(domain, 0) & mask:
                    yield f"gives hosts of {domain} to several placements"
                taken[domain] = taken.get(domain, 0) | mask
        if strange := taken.keys() - (record.holds if record else {}).keys():
            yield f"gives hosts of {sorted(strange)} to placements, and does not own them"
        if self._of[key] and (record is None or record.status not in OCCUPIED):
            yield f"is {self._status(key)} and has placements"

    def _judge_change(self, before: Placed | None, now: Placed) -> None:
        if count_of(now.hosts) != now.count + len(now.leaving):
            self._tell(f"{now.key} has {count_of(now.hosts)} of {now.count} hosts")
        if before is None:
            if (status := self._status(now.reservation)) != "provisioned":
                self._tell(f"{now.key} begins while its reservation is {status}")
        elif before.hosts != now.hosts:
            self._judge_move(before, now)
        if now.status == "provisioned" and (before is None or before.status != now.status):
            self._judge_ready(now)

    def _judge_move(self, before: Placed, now: Placed) -> None:
        """Hosts come for servers that leave others, and go after their servers."""
        gained, lost = _without(now.hosts, before.hosts), _without(before.hosts, now.hosts)
        begun = set(now.leaving) - set(before.leaving)
        ended = set(before.leaving) - set(now.leaving)
        if count_of(gained) != len(begun) or count_of(lost) != len(ended):
            self._tell(f"{now.key} had the hosts {before.hosts}, and has {now.hosts}")
        for _, host in ended:
            server = self.servers.get((now.owner, host))
            if server is not None and server.lives(self._now()):
                self._tell(f"{now.key} gives {host} back, where its server is")

    def _judge_ready(self, placed: Placed) -> None:
        up = sum(
            self._is_ready(server, placed)
            for place, server in self.servers.items()
            if place[0] == placed.owner
        )
        if up < placed.count and not placed.is_impaired:
            self._tell(f"{placed.key} is provisioned with {up} of {placed.count} servers")

    def _is_ready(self, server: PlacedServer, placed: Placed) -> bool:
        if not placed.budget and server.phase == "rebuilding":
            # The customer rebuilds it, perhaps since the last look.
            return True
        has_image = not placed.budget or server.image == placed.image
        return has_image and self._is_up(server)

    def _is_up(self, server: PlacedServer) -> bool:
        """As the provider shows it: one that was stopped is not booting any more, whatever its trouble."""
        if server.phase == "stopping":
            return True
        if server.image == BROKEN_IMAGE or not server.is_up(self._now()):
            return False
        return not self._in_trouble(boot_of(server.owner, server.host, server.generation))

    def _judge_end(self, placed: Placed) -> None:
        now = self._now()
        for (owner, host), server in self.servers.items():
            if owner == placed.owner and server.lives(now):
                self._tell(f"{placed.key} is gone, and its server stays on {host}")

    def _judge_server(self, before: PlacedServer | None, server: PlacedServer) -> None:
        now = self._now()
        if before is None or not before.lives(now):
            self._judge_deployed(server)
        elif server.generation < before.generation:
            self._tell(f"an older image is back on {server.host}: {before.image}, then {server.image}")
        known = self._images[server.owner]
        if before is not None:
            # An image from before the run.
            known.setdefault(before.generation, before.image)
        if known.get(server.generation) != server.image:
            self._tell(f"{server.host} has {server.image}, which is not of generation {server.generation}")
        if before is not None and before.generation != server.generation:
            self._judge_rebuilt(server)

    def _judge_deployed(self, server: PlacedServer) -> None:
        owner, host = server.owner, server.host
        placed = self.placed.get(self._owners.get(owner, ("", "")))
        if placed is None or placed.owner != owner:
            self._tell(f"a server of {owner} was deployed on {host}, and there is no such placement")
            return
        if not any(placed.hosts.get(domain, 0) >> slot & 1 for domain, slot in self._stood[host]):
            self._tell(f"a server of {placed.key} was deployed on {host}, which is none of its hosts")
        left = {host for _, host in placed.leaving}
        for (whose, where), other in self.servers.items():
            beside = whose == owner and where != host and other.ordinal == server.ordinal
            if beside and other.lives(self._now()) and other.gone_at is None and where not in left:
                self._tell(f"{placed.key} has its server {server.ordinal} on {host} and on {where}")
        record = self._records.get(placed.reservation)
        if record is None or self._holds.get((record.hold_owner, host), 0) is not None:
            self._tell(
                f"a server was deployed on {host}, which the reservation of {placed.key} does not hold"
            )
        if len(owners := [whose for whose, where in self.living() if where == host]) > 1:
            self._tell(f"{host} has servers of {sorted(owners)}")

    def _judge_rebuilt(self, server: PlacedServer) -> None:
        """A rolling update keeps to its budget, counted in servers that are on their way to one image."""
        work, owner = self._work(), server.owner
        if work is not None and work.name == BY_CUSTOMER:
            self._by_customer.add((owner, server.host, server.generation))
        generation, budget = self._budgets.get(owner, (0, 0))
        if generation != server.generation:
            # A late request for an image that is no longer wanted: the next one waits until it is up.
            return
        moving = [
            s.host
            for (whose, _), s in self.servers.items()
            if (whose, s.generation) == (owner, generation)
            and s.phase == "rebuilding"
            and not self._is_up(s)
            and (owner, s.host, generation) not in self._by_customer
        ]
        if len(moving) > budget:
            self._tell(f"{sorted(moving)} of {owner} are rebuilt at a time, and {budget} may be")

    def _judge_release(self, holder: str, host: str) -> None:
        now = self._now()
        for (owner, where), server in self.servers.items():
            if where == host and server.lives(now):
                self._tell(f"{holder} releases {host}, where {owner} has a server")
        domain, slot = self._stands.get(host, (("", "", 0), 0))
        for placed in self.placed.values():
            record = self._records.get(placed.reservation)
            is_of = record is not None and holder in record.hold_owners
            if is_of and placed.hosts.get(domain, 0) >> slot & 1:
                self._tell(f"{holder} releases {host}, which {placed.key} has")

    def held_by(self, holder: str) -> list[str]:
        """The hosts that are held for a holder, in order."""
        return sorted(host for (owner, host), ends in self._holds.items() if owner == holder and ends is None)

    def living(self) -> list[Place]:
        """Owner and host of every server that has not gone by now."""
        now = self._now()
        return [place for place, server in self.servers.items() if server.lives(now)]

    @contextmanager
    def watching(self, key: RecordKey) -> Iterator[Watch]:
        """Follows how many hosts of a reservation are free, while a request is under way."""
        watch = Watch(key, self._free(key), {self._status(key)})
        self._watches.append(watch)
        try:
            yield watch
        finally:
            self._watches.remove(watch)

    @contextmanager
    def following(self, place: Place) -> Iterator[set[str]]:
        """The phases of a server while a request about it is under way."""
        server = self.servers.get(place)
        followed = Followed(place, {server.phase} if server else set())
        self._followed.append(followed)
        try:
            yield followed.phases
        finally:
            self._followed.remove(followed)

    def had_image(self, owner: str, generation: int, image: str) -> bool:
        """Whether this was the image of a generation."""
        return self._images[owner].get(generation) == image

    def _status(self, key: RecordKey) -> str:
        record = self._records.get(key)
        return record.status if record else GONE

    def _free(self, key: RecordKey) -> int:
        """How many hosts in service a reservation has for placements; 0 unless it is provisioned."""
        record = self._records.get(key)
        if record is None or record.status != "provisioned":
            return 0
        taken: defaultdict[Domain, int] = defaultdict(int)
        for hosts in self._occupied.get(key, {}).values():
            for domain, mask in hosts.items():
                taken[domain] |= mask
        return sum(
            serves and not taken[domain] >> slot & 1
            for domain in record.holds
            for slot, (_, serves) in self._hardware[domain[:2]].slots.get(domain[2], {}).items()
        )


def _without(hosts: Hosts, others: Hosts) -> dict[Domain, int]:
    return {domain: rest for domain, mask in hosts.items() if (rest := mask & ~others.get(domain, 0))}
