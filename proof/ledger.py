"""Checks after every write whether the change of the tables is allowed.

The invariants hold at every moment, not only at the end:

- if parts of a domain are owned, the pod has exactly the parts that records list, because both change in one
  transaction; whole domains follow ``booking_rules``; and no host has two owners;
- newly owned hardware is present, in service and not cordoned; a reservation gets a row of complete domains;
- a record appears once, follows its lifecycle, and disappears only after a request to end it:
  ``move_rules``;
- a quota counts exactly the usage of its holders, and no write that adds a holder exceeds the limit:
  ``quota_rules``;
- no claim takes capacity that an older claim waits for: ``queue_rules``;
- held hardware stays in the inventory, even if the fleet document drops it; no host is in two places;
- times are correct, and notice periods are kept: ``time_rules``;
- a server runs only on hardware of its holder, and is gone when the hardware is released;
- a reservation is provisioned when all of its servers are up;
- placements have hosts of their reservation, and servers there: ``placement_rules``.

Capacity that a write frees or adds is noted in the operation that it belongs to: that operation has to wake
the claims that wait there.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from proof.booking_rules import BookingRules
from proof.effects import Effect, Observed
from proof.move_rules import MoveRules
from proof.placement_rules import PlacementRules
from proof.queue_rules import QueueRules
from proof.quota_rules import QuotaRules
from proof.sale_rules import SaleRules
from proof.servers import Servers
from proof.time_rules import NO_TERMS, Terms, TimeRules
from proof.unreadable import MARK
from proof.vm_rules import VmRules
from testkit.items import (
    GONE,
    KINDS,
    RESERVATION,
    WHOLE,
    Hardware,
    Record,
    domains_of,
    owners_of,
    record_of,
)
from testkit.world import HOLDERS, INVENTORY, SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from proof.faults import Work
    from testkit.dynamodb.storage import Change
    from testkit.items import Domain, Item, PodKey, RecordKey

_NO_HARDWARE: Final = Hardware(0)


class Ledger:
    """Follows the writes of one run.

    Args:
        tick: returns the next tick of the run.
        now_ms: the true time in milliseconds.
        work: returns the operation that writes.
        tell: called with each violation.
        terms: what time customers are given.
        in_trouble: whether the server on a host, or of a VM's run, is in trouble now; by its name.
    """

    def __init__(
        self,
        tick: Callable[[], int],
        now_ms: Callable[[], int],
        work: Callable[[], Work | None],
        tell: Callable[[str], None],
        in_trouble: Callable[[str], bool] = lambda _name: False,
        terms: Terms = NO_TERMS,
    ) -> None:
        self._tick = tick
        self._now_ms = now_ms
        self._work = work
        self._tell = tell
        self.records: dict[RecordKey, Record] = {}
        self.vms = VmRules(self._now, self._tell_of_new, in_trouble)
        self.placements = PlacementRules(self._now, work, self._tell_of_new, in_trouble, self.records)
        self.bookings = BookingRules(tell)
        self.quotas = QuotaRules(now_ms, work, tell)
        self._queues = QueueRules(now_ms, work, tell)
        self._times = TimeRules(now_ms, work, tell, terms)
        self.hardware: dict[PodKey, Hardware] = {}
        self._sale = SaleRules()
        self.effects: list[Effect | Observed] = []
        self._moves = MoveRules(work, tell)
        self.existed, self.asked_to_end = self._moves.existed, self._moves.asked_to_end
        self.writes = 0
        self._adopts = False
        self._owners: dict[PodKey, dict[int, dict[str, int]]] = {}
        self._listed: defaultdict[Domain, dict[RecordKey, int]] = defaultdict(dict)
        # The domains that reservations list and own.
        self._has: dict[RecordKey, dict[Domain, int]] = {}
        self._host_places: dict[str, PodKey] = {}
        self._servers = Servers(self._now, in_trouble)
        # By host: every domain it was ever in, because a host may move under its holder.
        self._stood: defaultdict[str, set[Domain]] = defaultdict(set)
        self._now_tick = 0

    def adopt(self, tables: Mapping[str, Sequence[Item]]) -> None:
        """Take the stored items as given, without checking how they were written."""
        self._adopts = True
        self(
            [
                (table, (item["pk"]["S"], item["sk"]["S"]), None, item)
                for table, items in sorted(tables.items())
                # Hardware first, and before it what is out of sale: owned hardware has to be present.
                for item in sorted(items, key=lambda item: not item["pk"]["S"].startswith(_FIRST))
            ]
        )
        self._adopts = False

    def __call__(self, changes: list[Change]) -> None:
        """See ``MemoryDynamoDB.watch``."""
        self.writes += 1
        self._now_tick = self._tick()
        domains: set[Domain] = set()
        records: list[tuple[RecordKey, Item | None]] = []
        for table, key, _, after in changes:
            if table == HOLDERS and key[1].startswith("QUOTA#"):
                self.quotas.note_limit(key, after)
            elif table == HOLDERS and key[1].startswith(KINDS) and MARK not in (after or {}):
                records.append((key, after))
            elif table == INVENTORY:
                domains.update(self._note_inventory(key, after))
        noted = len(self.effects)
        for key, after in records:
            domains.update(self._note_record(key, after))
        self.vms.follow(records)
        self._judge_hands([effect for effect in self.effects[noted:] if isinstance(effect, Effect)])
        for domain in sorted(domains):
            self._judge_domain(domain)
        self._follow_bookings({key for key, _ in records if key[1].startswith(RESERVATION)})
        self.quotas.judge()
        self.placements.judge()
        for table, key, _, after in changes:
            if table == SERVERS:
                self._note_server(key, after)
                self.placements.note_server(key, after)

    def forget_the_gone(self) -> None:
        """A day has passed: ids of removed holders may be used again."""
        for key in [key for key, record in self.records.items() if record.status == GONE]:
            del self.records[key]
        self.existed.intersection_update(self.records)

    def owned(self) -> dict[Domain, dict[str, int]]:
        """Everything that is owned, according to the pods."""
        return {
            (*pod, position): owners
            for pod, by_position in self._owners.items()
            for position, owners in by_position.items()
        }

    def living_servers(self) -> list[tuple[str, str]]:
        """(server owner, host id) of every server that has not gone by now."""
        return [*self._servers.living(), *self.placements.living()]

    # Taking notes.

    def _note_inventory(self, key: RecordKey, after: Item | None) -> Iterator[Domain]:
        if key[0].startswith("CLAIMS#"):
            yield from self._note_owners(key, after or {})
        elif key[0] == "CORDONS":
            self._sale.note(key, after)
        elif key[0].startswith("HOSTS#") and after is not None:
            self._note_hardware((key[0].removeprefix("HOSTS#"), key[1].removeprefix("POD#")), after)

    def _note_owners(self, key: RecordKey, after: Item) -> Iterator[Domain]:
        region = key[0].split("#")[1]
        pod = (region, key[1].removeprefix("POD#"))
        before, now = self._owners.get(pod, {}), owners_of(after)
        self._owners[pod] = now
        self.bookings.note_pod(pod, after, given=self._adopts)
        for position in before.keys() | now.keys():
            if before.get(position) != now.get(position):
                yield (*pod, position)

    def _note_hardware(self, pod: PodKey, after: Item) -> None:
        hardware = self._sale.hardware(pod, after)
        before = self.hardware.get(pod)
        self.hardware[pod] = hardware
        self.placements.note_hardware(pod, hardware)
        self.effects.append(Observed(self._now_tick, pod, hardware))
        if before is not None and hardware.version <= before.version:
            self._tell(f"{pod}: version {before.version} became {hardware.version}")
        for position in hardware.slots:
            self._note_free(
                (*pod, position), hardware.usable(position) & ~(before.usable(position) if before else 0)
            )
        for position, owners in sorted(self._owners.get(pod, {}).items()):
            if owners and not hardware.keeps(position, before):
                self._tell(f"{(*pod, position)} is held by {sorted(owners)} and lost hosts in the inventory")
        for host in hardware.doubles():
            self._tell(f"host {host} is twice in {pod}")
        for host in [host for host, place in self._host_places.items() if place == pod]:
            del self._host_places[host]
        for position, slots in hardware.slots.items():
            for host, _ in slots.values():
                self._stood[host].add((*pod, position))
                if self._host_places.setdefault(host, pod) != pod:
                    self._tell(f"host {host} is in {pod} and in {self._host_places[host]}")

    def _now(self) -> int:
        return self._now_ms() // 1000

    def _note_record(self, key: RecordKey, after: Item | None) -> Iterator[Domain]:
        before = self.records.get(key)
        record = record_of(key, after) if after is not None else None
        if record is None:
            self.records.pop(key, None)
        else:
            self.records[key] = record
        if self.placements.note_record(key, after) in self.asked_to_end:
            self.asked_to_end.add(key)
        self._moves.note(key, before, record, given=self._adopts)
        self._times.note(key, after, given=self._adopts)
        if not self._adopts:
            self._judge_ready(before, record)
        self.quotas.note_record(before, record, given=self._adopts)
        if key[1].startswith(RESERVATION):
            self.bookings.note_record(key, before, record, given=self._adopts)
            return
        was = before.holds if before else {}
        now = record.holds if record else {}
        gained = {d: m & ~was.get(d, 0) for d, m in now.items() if m & ~was.get(d, 0)}
        zones = {domain[0] for domain in gained} if not self._adopts else set()
        self._queues.note(key, after, zones, is_new=before is None and not self._adopts)
        if was == now:
            return
        lost = {d: m & ~now.get(d, 0) for d, m in was.items() if m & ~now.get(d, 0)}
        revision = record.revision if record else 0
        self.effects.append(Effect(self._now_tick, key, revision, gained, lost))
        for domain in was.keys() | now.keys():
            if was.get(domain) != now.get(domain):
                self._listed[domain].pop(key, None)
                if domain in now:
                    self._listed[domain][key] = now[domain]
                yield domain

    def _note_server(self, key: RecordKey, after: Item | None) -> None:
        """A server of a holder on a host (``HOST#`` under its owner), or of a VM on some GPUs of one."""
        kind, _, owner = key[0].partition("#")
        of_vm = kind == "VMRUN" and key[1] == "SERVER"
        if of_vm:
            self.vms.note_server(owner, after)
        if kind == "HOLDER" and key[1].startswith("HOST#"):
            host, gpus = key[1].removeprefix("HOST#"), WHOLE
        elif of_vm and after is not None:
            host, gpus = after["host"]["S"], int(after["gpus"]["N"])
        else:
            return
        record = next((r for r in self.records.values() if owner in r.hold_owners), None)
        has = self._has.get(record.key, record.holds) if record else {}
        held = {d: m for d, m in has.items() if d in self._stood[host]}
        is_new = self._servers.note((owner, host), after, held, of_vm=of_vm)
        if is_new and not self._adopts and all(gpus & ~mask for mask in held.values()):
            self._tell(f"{owner} got {host}, which it does not own")

    def _tell_of_new(self, problem: str) -> None:
        if not self._adopts:
            self._tell(problem)

    # Judging.

    def _judge_domain(self, domain: Domain) -> None:
        """Parts agree with their records, whole domains have a reservation, no host has two owners."""
        owners = self._owners_of(domain)
        listed = {self.records[key].tag: mask for key, mask in self._listed[domain].items()}
        parts = {tag: mask for tag, mask in owners.items() if mask != WHOLE}
        if parts != listed or len(listed) != len(self._listed[domain]):
            self._tell(f"{domain}: the pod shows {parts}, records list {dict(self._listed[domain])}")
        if strangers := [tag for tag in owners.keys() - parts if self.bookings.bearer(tag) is None]:
            self._tell(f"{domain}: the pod shows {strangers}, which no record lists or names")
        taken = 0
        for mask in owners.values():
            if mask & taken or not mask:
                self._tell(f"{domain}: a host has two owners, {owners}")
            taken |= mask

    def _follow_bookings(self, changed: set[RecordKey]) -> None:
        """Update what reservations booked, released and have after the last write."""
        self.bookings.judge(self._owners_of, given=self._adopts)
        made, over = self.bookings.take()
        kept = self.bookings.divided(made, over)
        for tag in made if not self._adopts else ():
            for domain in set(domains_of(self.bookings.bookings[tag])) - kept:
                if not self._hardware_of(domain).is_complete(domain[2]):
                    self._tell(f"{tag} booked {domain}, which is not for sale")
        for _, run in over:
            self._judge_given({domain: WHOLE for domain in domains_of(run) if domain not in kept})
        bearers = (self.bookings.bearer(tag) for tag in (*made, *(tag for tag, _ in over)))
        for key in sorted(changed | {bearer.key for bearer in bearers if bearer}):
            self._note_has(key)

    def _note_has(self, key: RecordKey) -> None:
        record, was = self.records.get(key), self._has.get(key, {})
        runs = {**record.owned, **record.leaving} if record else {}
        now = {
            domain: WHOLE
            for tag, run in runs.items()
            for domain in domains_of(run)
            if tag in self._owners_of(domain)
        }
        if now == was:
            return
        self._has[key] = now
        gained, lost = dict.fromkeys(now.keys() - was, WHOLE), dict.fromkeys(was.keys() - now, WHOLE)
        # No revision: it gets all of it at once, and loses all of it at once, or some units.
        self.effects.append(Effect(self._now_tick, key, 0, gained, lost, partial=bool(now) and bool(lost)))

    def _owners_of(self, domain: Domain) -> dict[str, int]:
        return self._owners.get(domain[:2], {}).get(domain[2], {})

    def _judge_hands(self, effects: Sequence[Effect]) -> None:
        """Check one write's transfers: only available hardware is taken, only empty is released."""
        given: defaultdict[Domain, int] = defaultdict(int)
        taken: defaultdict[Domain, int] = defaultdict(int)
        for effect in effects:
            for domain, mask in effect.lost.items():
                given[domain] |= mask
            for domain, mask in effect.gained.items():
                taken[domain] |= mask
        for effect in effects if not self._adopts else ():
            self._judge_gain(effect.holder, effect.gained, given)
        self._judge_given({domain: mask & ~taken[domain] for domain, mask in given.items()})

    def _judge_given(self, given: Mapping[Domain, int]) -> None:
        """Released hardware has no server on it; waiting claims may have it."""
        for domain, mask in given.items():
            if mask:
                shared = bool(self._owners_of(domain))
                for owner, host in self._servers.left_on(domain, mask, shared=shared):
                    self._tell(f"{domain} was released while the server of {owner} is on {host}")
                self._note_free(domain, mask)

    def _judge_gain(self, key: RecordKey, gained: Mapping[Domain, int], given: Mapping[Domain, int]) -> None:
        for domain, mask in gained.items():
            if mask & ~self._hardware_of(domain).usable(domain[2]) & ~given.get(domain, 0):
                self._tell(f"{key} got hosts of {domain} that are not for sale")

    def _judge_ready(self, before: Record | None, record: Record | None) -> None:
        """A reservation that becomes provisioned has servers on all of its hosts."""
        if record is None or (record.kind, record.status) != (RESERVATION, "provisioned"):
            return
        if before and before.status == record.status:
            return
        wanted = sum(self._hardware_of(domain).hosts_per_unit for domain in record.holds)
        if (up := self._servers.count_up(record.hold_owner)) < wanted:
            self._tell(f"{record.key} is provisioned with {up} of {wanted} servers")

    def _note_free(self, domain: Domain, gpus: int) -> None:
        """New capacity is owed to the waiting claims; see ``Work``."""
        taken = sum(self._owners.get(domain[:2], {}).get(domain[2], {}).values())
        if (work := self._work()) and self._hardware_of(domain).whole_hosts(domain[2], ~taken) & gpus:
            work.owes.add(domain[0])

    def _hardware_of(self, domain: Domain) -> Hardware:
        return self.hardware.get(domain[:2], _NO_HARDWARE)


_FIRST: Final = ("CORDONS", "HOSTS#")
