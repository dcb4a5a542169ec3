"""Clients of the reservations API."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.errors import InsufficientCapacity, NotFound
from gpu_capacity.reservations.create import create_reservation
from gpu_capacity.reservations.delete import delete_reservation
from gpu_capacity.reservations.observation import Observed
from gpu_capacity.reservations.read import (
    ReservationFilter,
    UnitFilter,
    get_reservation,
    list_reservation_units,
    list_reservations,
)
from gpu_capacity.reservations.record import Status
from gpu_capacity.reservations.release_units import Released, UnitRelease, release_units
from proof.faults import Kind
from proof.fleet import REGIONS
from proof.visible import Offered, Refused, Seen
from testkit.items import CLAIMING, GONE, RESERVATION
from testkit.vms.scene import GPU5090, NODE_OFFERING
from testkit.world import GB300, PROJECT, request

if TYPE_CHECKING:
    from gpu_capacity.reservations.request import ReservationRequest
    from gpu_capacity.runtime.services import Services
    from proof.faults import Work
    from proof.tenants import Tenant
    from testkit.items import RecordKey

COUNTS: Final = (1, 1, 1, 2, 2, 3, 4)
FLAVORS: Final = {"GB300": GB300.id, NODE_OFFERING.accelerator: GPU5090.id}
NODES_SHARE: Final = 0.3
"""The share of requests for nodes on which VMs are rented, too."""
_ACTIONS: Final = (
    ("create", 8),
    ("create again", 2),
    ("delete", 5),
    ("release", 4),
    ("get", 4),
    ("list", 2),
    ("dry run", 2),
    ("units", 1),
)
NOWHERE: Final[frozenset[str]] = frozenset()


class Reservations:
    """See ``Api``."""

    kind = RESERVATION

    def act(self, who: Tenant) -> None:
        names, weights = zip(*_ACTIONS, strict=True)
        holder = who.one_of(RESERVATION)
        match who.draw.choices(names, weights)[0]:
            case "delete" if holder:
                self.end(who, holder)
            case "release" if holder:
                numbers = (0,) if who.draw.random() < 0.5 else (0, 2)
                who.office.cloud.turns.sleep(who.draw.choice((0, 5_000, 20_000)))
                self.release(who, holder, numbers)
            case "get" if holder:
                self._get(who, holder)
            case "list":
                self.look(who)
            case "dry run":
                self.create(who, self._request(who), None, dry_run=True)
            case "units":
                who.office.ask(
                    who.name,
                    "list_reservation_units",
                    (),
                    lambda s: list_reservation_units(s, who.caller, UnitFilter()),
                    lambda _answer, _work: None,
                )
            case "create again" if who.book.keys:
                self._create_again(who)
            case _:
                self._create_new(who)

    def look(self, who: Tenant) -> list[RecordKey]:
        known = [holder for holder in who.book.known if holder[1].startswith(RESERVATION)]
        found: list[RecordKey] = []

        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, list):
                there = {self._saw(who, observed, work) for observed in answer}
                found.extend(sorted(there))
                work.seen += [Seen(holder, holds=False) for holder in known if holder not in there]

        who.office.ask(
            who.name,
            "list_reservations",
            (),
            lambda s: list_reservations(s, who.caller, ReservationFilter()),
            read,
        )
        return found

    def end(self, who: Tenant, holder: RecordKey) -> None:
        who.office.ledger.asked_to_end.add(holder)

        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, NotFound):
                work.seen.append(Seen(holder, holds=False))

        who.insist(
            lambda: who.office.ask(
                who.name,
                "delete_reservation",
                holder,
                lambda s: delete_reservation(s, who.caller, _id(holder), NOWHERE),
                read,
            )
        )

    def release(self, who: Tenant, holder: RecordKey, numbers: tuple[int, ...]) -> Work:
        """Read a reservation, and release units of it, by number, with the entity tag that was shown.

        A client that gets no answer reads again: what it wanted to release may be released already.
        """
        wanted: list[int] = []
        tags: list[tuple[RecordKey, str]] = []

        def run(services: Services) -> Observed | Released:
            seen = get_reservation(services, who.caller, _id(holder), NOWHERE)
            positions = seen.reservation.positions
            if not wanted:
                wanted.extend(positions[number] for number in numbers if number < len(positions))
            ids = tuple(seen.reservation.unit_id(p) for p in wanted if p in positions)
            if not ids or seen.reservation.status is not Status.PROVISIONED:
                return seen
            tags[:] = [(holder, seen.topology_hash or "")]
            who.office.ledger.bookings.asked_to_release.add(holder)
            request = UnitRelease(seen.topology_hash or "", ids)
            return release_units(services, who.caller, _id(holder), NOWHERE, lambda: request)

        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, NotFound):
                work.seen.append(Seen(holder, holds=False))
            elif isinstance(answer, Observed):
                self._saw(who, answer, work)
            elif isinstance(answer, Released):
                self._saw(who, answer.observed, work)
                who.office.released_with(*tags)

        return who.insist(
            lambda: who.office.ask(who.name, "release_reservation_units", (holder, numbers), run, read)
        )

    def _get(self, who: Tenant, holder: RecordKey) -> None:
        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, NotFound):
                work.seen.append(Seen(holder, holds=False))
            elif isinstance(answer, Observed):
                self._saw(who, answer, work)

        who.office.ask(
            who.name,
            "get_reservation",
            holder,
            lambda s: get_reservation(s, who.caller, _id(holder), NOWHERE),
            read,
        )

    def _create_new(self, who: Tenant) -> None:
        wanted, key = self._request(who), None
        if who.draw.random() < 0.6:
            key = f"key-{len(who.book.keys)}"
            who.book.keys.append((key, wanted))
        self._create_with(who, wanted, key)

    def _create_again(self, who: Tenant) -> None:
        """Use a key again: as a program after a crash, by mistake for another request, or as a colleague."""
        key, wanted = who.draw.choice(who.book.keys)
        if who.draw.random() < 0.2:
            wanted = self._request(who)
        self._create_with(who, wanted, key)

    def _create_with(self, who: Tenant, wanted: ReservationRequest, key: str | None) -> None:
        cloud = who.office.cloud
        if key is not None and cloud.fault_source.chance(cloud.fault_source.share):
            # An impatient client, or a proxy: the same request is under way twice.
            cloud.fault_source.count(Kind.DUPLICATE)
            cloud.turns.spawn(
                f"{who.name} again",
                lambda: self.create(who, wanted, key),
                who.draw.choice((0, 0, 20, 500, 2_000)),
            )
        if key is None:
            self.create(who, wanted, None)
        else:
            who.insist(lambda: self.create(who, wanted, key))

    def create(
        self, who: Tenant, wanted: ReservationRequest, key: str | None, *, dry_run: bool = False
    ) -> Work:
        """Reserve, or with ``dry_run`` ask what is available."""

        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, InsufficientCapacity):
                work.seen.append(Refused(wanted.region_id, FLAVORS[wanted.accelerator], wanted.count))
            elif dry_run and isinstance(answer, Observed):
                [run] = answer.reservation.runs
                pod = (wanted.region_id, run.placement.pod_id)
                work.seen.append(Offered(tuple((*pod, position) for position in run.placement.positions)))
            elif isinstance(answer, Observed):
                holder = self._saw(who, answer, work)
                who.office.acknowledged(who.book, holder)
                if answer.reservation.count != wanted.count:
                    who.office.tell(f"{holder} has {answer.reservation.count} units for {wanted.count}")

        return who.office.ask(
            who.name,
            "create_reservation" if not dry_run else "dry_run",
            (wanted.region_id, wanted.accelerator, wanted.count, wanted.name, key),
            lambda s: create_reservation(s, who.caller, wanted, idempotency_key=key, dry_run=dry_run),
            read,
            None if key is None else (wanted.organization_id, who.subject, key),
        )

    def _request(self, who: Tenant) -> ReservationRequest:
        wanted = request(
            who.draw.choice(COUNTS),
            organization_id=who.book.organization,
            project_id=PROJECT,
            region_id=who.draw.choice(REGIONS),
            name=f"training-{who.draw.randrange(3)}",
        )
        are_nodes = who.office.cloud.profile.nodes and who.draw.random() < NODES_SHARE
        return of_nodes(wanted) if are_nodes else wanted

    def _saw(self, who: Tenant, observed: Observed, work: Work) -> RecordKey:
        reservation = observed.reservation
        holder = (f"ORG#{reservation.organization_id}", RESERVATION + reservation.id)
        status = reservation.status.value
        if status in (CLAIMING, GONE):
            who.office.tell(f"{holder} is shown as {status}")
        undecided = status == "deprovisioning" or (reservation.leaving and not reservation.runs)
        holds = None if undecided else bool(reservation.runs)
        work.seen.append(Seen(holder, holds=holds))
        return holder


def of_nodes(wanted: ReservationRequest) -> ReservationRequest:
    """The same for nodes: one, or two in a row."""
    return replace(
        wanted,
        accelerator=NODE_OFFERING.accelerator,
        unit=NODE_OFFERING.unit,
        count=min(wanted.count, 2),
    )


def _id(holder: RecordKey) -> str:
    return holder[1].removeprefix(RESERVATION)
