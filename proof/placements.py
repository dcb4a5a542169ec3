"""Clients of placements and their servers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.errors import HostsUnavailable, NotFound, StateConflict, Unprocessable
from gpu_capacity.placement.servers import Policy, Readiness
from gpu_capacity.placements.create import create_placement
from gpu_capacity.placements.delete import delete_placement
from gpu_capacity.placements.observation import ObservedPlacement
from gpu_capacity.placements.read import PlacementFilter, get_placement, list_placements
from gpu_capacity.placements.record import (
    MANUAL,
    Constraints,
    Unsatisfiable,
    UpdateStrategy,
)
from gpu_capacity.placements.update import update_placement
from proof.fleet import REGIONS
from proof.host_provider import BROKEN_IMAGE
from proof.placement_servers import PlacementServers
from proof.reservations import NOWHERE, Reservations
from proof.visible import Seen
from testkit import placements
from testkit.items import CLAIMING, GONE, PLACEMENT, RESERVATION
from testkit.placements import rolling, spec_of
from testkit.world import request as reservation_request

if TYPE_CHECKING:
    from gpu_capacity.placements.record import Placement
    from gpu_capacity.placements.request import PlacementRequest
    from proof.faults import Work
    from proof.placement_rules import Watch
    from proof.tenants import Tenant
    from testkit.items import RecordKey

IMAGES: Final = (*(f"d5c7154a-b317-4870-b087-15989200000{n}" for n in range(4)), BROKEN_IMAGE)
COUNTS: Final = (1, 1, 2, 2, 3, 4)
BUDGETS: Final = ("1", "2", "50%", None)
_ACTIONS: Final = (
    ("create", 6),
    ("create again", 2),
    ("update", 8),
    ("delete", 4),
    ("get", 4),
    ("list", 2),
    ("dry run", 1),
    ("reserve", 1),
    ("servers", 9),
)


class Placements:
    """See ``Api``."""

    kind = PLACEMENT

    def __init__(self) -> None:
        self._servers = PlacementServers()

    def act(self, who: Tenant) -> None:
        names, weights = zip(*_ACTIONS, strict=True)
        holder, home = who.one_of(PLACEMENT), _home(who)
        if home is None:
            self.reserve(who)
            return
        match who.draw.choices(names, weights)[0]:
            case "reserve":
                self.reserve(who)
            case "create again" if who.book.placement_keys:
                self._create_again(who)
            case "dry run":
                self.create(who, request(who, home), None, dry_run=True)
            case "update" if holder:
                self._update(who, holder)
            case "delete" if holder:
                self.end(who, holder)
            case "get" if holder:
                self.get(who, holder)
            case "list":
                self.look(who)
            case "servers" if holder:
                self._servers.act(who, holder)
            case _:
                self._create_new(who, home)
        # Some wait until something has come of it, others do not.
        who.office.cloud.turns.sleep(who.draw.choice((0, 0, 3_000, 8_000)))

    def look(self, who: Tenant) -> list[RecordKey]:
        known = [holder for holder in who.book.known if holder[1].startswith(PLACEMENT)]
        found: list[RecordKey] = []

        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, list):
                found.extend(sorted(self._saw(who, observed, work) for observed in answer))
                for holder in known:
                    if holder not in found and not _may_be_gone(who, holder):
                        who.office.tell(f"{holder} is known and not listed")

        who.office.ask(
            who.name, "list_placements", (), lambda s: list_placements(s, who.caller, PlacementFilter()), read
        )
        return found

    def end(self, who: Tenant, holder: RecordKey) -> None:
        who.office.ledger.asked_to_end.add(holder)
        who.insist(
            lambda: who.office.ask(
                who.name,
                "delete_placement",
                holder,
                lambda s: delete_placement(s, who.caller, _id(holder), NOWHERE),
                lambda _answer, _work: None,
            )
        )

    def get(self, who: Tenant, holder: RecordKey) -> Placement | None:
        """Read a placement; ``None`` if there is no answer or no placement."""
        was_gone = _is_gone(who, holder)
        read_it: list[Placement] = []

        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, NotFound) and not _may_be_gone(who, holder):
                who.office.tell(f"{holder} is known and not found")
            if isinstance(answer, ObservedPlacement):
                self._saw(who, answer, work)
                read_it.append(answer.placement)
                if was_gone:
                    who.office.tell(f"{holder} is gone, and is shown again")

        who.office.ask(
            who.name,
            "get_placement",
            holder,
            lambda s: get_placement(s, who.caller, _id(holder), NOWHERE),
            read,
        )
        return read_it[0] if read_it else None

    def create(
        self, who: Tenant, wanted: PlacementRequest, key: str | None, *, dry_run: bool = False
    ) -> Work:
        """Place servers, or with ``dry_run`` ask whether that is possible."""
        home = (f"ORG#{who.book.organization}", RESERVATION + wanted.reservation_id)

        def read(answer: Any, work: Work) -> None:
            _judge_refusal(who, wanted, watch, answer, work)
            if isinstance(answer, ObservedPlacement) and not dry_run:
                holder = self._saw(who, answer, work)
                who.office.acknowledged(who.book, holder)
                sent = replace(wanted.spec, strategy=wanted.spec.strategy or MANUAL)
                if answer.placement.generation == 1 and spec_of(answer.placement) != sent:
                    who.office.tell(f"{holder} was created with another spec than {wanted.spec}")

        with who.office.ledger.placements.watching(home) as watch:
            return who.office.ask(
                who.name,
                "create_placement" if not dry_run else "dry_run",
                (wanted, key),
                lambda s: create_placement(s, who.caller, wanted, idempotency_key=key, dry_run=dry_run),
                read,
                None if key is None else (who.book.organization, who.subject, f"placement {key}"),
            )

    def update(self, who: Tenant, holder: RecordKey, **changes: Any) -> None:
        """Read a placement, and put it with these changes of its spec."""
        known = self.get(who, holder)
        if known is None:
            return
        spec = spec_of(known, **changes)

        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, ObservedPlacement):
                self._saw(who, answer, work)
                now = answer.placement
                if (now.image_id, now.strategy) != (spec.image_id, spec.strategy or known.strategy):
                    who.office.tell(f"{holder} was not updated to {spec}")
                if not who.office.ledger.placements.had_image(now.server_owner, now.generation, now.image_id):
                    who.office.tell(f"{holder} is shown with {now.image_id}, which was not recorded")

        who.office.ask(
            who.name,
            "update_placement",
            (holder, spec.image_id, spec.strategy),
            lambda s: update_placement(s, who.caller, _id(holder), spec, NOWHERE),
            read,
        )

    def _update(self, who: Tenant, holder: RecordKey) -> None:
        changes: dict[str, Any] = {}
        if who.draw.random() < 0.8:
            changes["image_id"] = who.draw.choice(IMAGES)
        if who.draw.random() < 0.4:
            changes["strategy"] = _strategy(who)
        self.update(who, holder, **changes)

    def reserve(self, who: Tenant) -> None:
        """Reserve racks for placements."""
        wanted = reservation_request(
            who.draw.choice((1, 1, 2, 3)),
            organization_id=who.book.organization,
            region_id=who.draw.choice(REGIONS),
        )
        Reservations().create(who, wanted, None)
        # Most clients wait until it is provisioned.
        who.office.cloud.turns.sleep(who.draw.choice((0, 5_000, 20_000)))

    def _create_new(self, who: Tenant, home: RecordKey) -> None:
        wanted, key = request(who, home), None
        if who.draw.random() < 0.6:
            key = f"key-{len(who.book.placement_keys)}"
            who.book.placement_keys.append((key, wanted))
            who.insist(lambda: self.create(who, wanted, key))
        else:
            self.create(who, wanted, None)

    def _create_again(self, who: Tenant) -> None:
        """Use a key again, perhaps by mistake for another request."""
        key, wanted = who.draw.choice(who.book.placement_keys)
        if who.draw.random() < 0.2:
            wanted = replace(wanted, name=f"{wanted.name}-other")
        who.insist(lambda: self.create(who, wanted, key))

    def _saw(self, who: Tenant, observed: ObservedPlacement, work: Work) -> RecordKey:
        placement, counts = observed.placement, observed.counts
        holder = (f"ORG#{placement.organization_id}", PLACEMENT + placement.id)
        work.seen.append(Seen(holder, holds=None))
        if placement.status.value == GONE:
            who.office.tell(f"{holder} is shown as gone")
        if counts is not None:
            stays = placement.count - counts.in_flight
            fits = (
                counts.updated + counts.drifted == placement.count
                and counts.stalled <= counts.in_flight <= counts.drifted
                and counts.ready <= stays >= counts.updated
            )
            if not fits:
                who.office.tell(f"{holder} of {placement.count} servers is shown with {counts}")
        return holder


def request(who: Tenant, home: RecordKey) -> PlacementRequest:
    """Any placement under a reservation."""
    draw = who.draw
    constraints = Constraints(Policy.PACK)
    if draw.random() < 0.5:
        constraints = Constraints(
            Policy.SPREAD,
            max_skew=draw.choice((None, None, 1, 2)),
            min_domains=draw.choice((None, None, 1)),
            when_unsatisfiable=draw.choice((None, Unsatisfiable.BEST_EFFORT)),
        )
    return wish(
        home,
        draw.choice(COUNTS),
        constraints=constraints,
        readiness=draw.choice((None, Readiness.REQUIRE, Readiness.IGNORE)),
        image_id=draw.choice(IMAGES),
        strategy=draw.choice((None, _strategy(who))),
    )


def wish(home: RecordKey, count: int, **changes: Any) -> PlacementRequest:
    """A placement of so many servers under a reservation: packed, with images as the customer puts them."""
    return placements.wish(_id_of(home, RESERVATION), count, **({"image_id": IMAGES[0]} | changes))


def _strategy(who: Tenant) -> UpdateStrategy:
    return who.draw.choice((UpdateStrategy(), rolling(who.draw.choice(BUDGETS))))


def _judge_refusal(who: Tenant, wanted: PlacementRequest, watch: Watch, answer: Any, work: Work) -> None:
    """Refusals have to be true at some moment of the request."""
    if work.misled:
        return
    tell = who.office.tell
    match answer:
        case HostsUnavailable(reason=short) if short.ready is not None and short.ready < short.free:
            # Some of the free ones are in quarantine, and it wants ready ones only.
            pass
        case HostsUnavailable() if watch.least >= wanted.spec.count:
            tell(f"{watch.key} had {watch.least} free hosts, and refused {wanted.spec.count}")
        case Unprocessable() if wanted.spec.constraints.wanted == Constraints(Policy.PACK).wanted:
            tell(f"{watch.key} refused to pack: {answer}")
        case StateConflict() if watch.statuses == {"provisioned"}:
            tell(f"{watch.key} was provisioned, and refused: {answer}")
        case NotFound() if not watch.statuses & {GONE, CLAIMING}:
            tell(f"{watch.key} was {sorted(watch.statuses)}, and was not found")
        case _:
            pass


def _home(who: Tenant) -> RecordKey | None:
    """A known reservation; mostly one that is provisioned, as clients wait for that."""
    records = who.office.ledger.records
    known = [holder for holder in who.book.known if holder[1].startswith(RESERVATION)]
    ready = [holder for holder in known if holder in records and records[holder].status == "provisioned"]
    if ready and who.draw.random() < 0.9:
        return who.draw.choice(ready[-3:])
    if known and who.draw.random() < 0.5:
        who.office.cloud.turns.sleep(3_000)
    return who.one_of(RESERVATION)


def _is_gone(who: Tenant, holder: RecordKey) -> bool:
    record = who.office.ledger.records.get(holder)
    return record is None or record.status == GONE


def _may_be_gone(who: Tenant, holder: RecordKey) -> bool:
    """Whether somebody asked for its end, or for that of its reservation."""
    return holder in who.office.ledger.asked_to_end or _is_gone(who, holder)


def _id(holder: RecordKey) -> str:
    return _id_of(holder, PLACEMENT)


def _id_of(holder: RecordKey, kind: str) -> str:
    return holder[1].removeprefix(kind)
