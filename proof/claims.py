"""Clients of the capacity claims API."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.capacity_claims.create import create_capacity_claim
from gpu_capacity.capacity_claims.delete import delete_capacity_claim
from gpu_capacity.capacity_claims.read import get_capacity_claim, instance_types_by_zone, list_capacity_claims
from gpu_capacity.capacity_claims.record import CapacityClaim
from gpu_capacity.capacity_claims.resources import Resources
from gpu_capacity.capacity_claims.update import update_capacity_claim
from gpu_capacity.errors import NotFound
from proof.fleet import CHICAGO, LONDON
from proof.visible import Seen
from testkit.items import CLAIM
from testkit.vms.scene import GPU5090
from testkit.world import INSTANCE_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.runtime.services import Services
    from proof.faults import Work
    from proof.tenants import Tenant
    from testkit.items import RecordKey

ZONES: Final = ((LONDON,), (CHICAGO,), (LONDON, CHICAGO), (CHICAGO, LONDON))
COUNTS: Final = (1, 1, 2, 2, 3, 4, 6, 9)
NODES_SHARE: Final = 0.3
"""The share of claims for nodes on which VMs are rented, too."""

_ACTIONS: Final = (
    ("create", 7),
    ("create again", 2),
    ("delete", 5),
    ("update", 4),
    ("get", 3),
    ("list", 2),
    ("parameters", 1),
)


class Claims:
    """See ``Api``."""

    kind = CLAIM

    def __init__(self) -> None:
        self._made: dict[str, list[tuple[str, Resources, str | None]]] = {}
        self._types: dict[RecordKey, str] = {}

    def act(self, who: Tenant) -> None:
        names, weights = zip(*_ACTIONS, strict=True)
        holder = who.one_of(CLAIM)
        match who.draw.choices(names, weights)[0]:
            case "delete" if holder:
                self.end(who, holder)
            case "update" if holder:
                wanted = replace(self._wish(who), instance_id=self._types.get(holder, INSTANCE_TYPE))
                self.update(who, holder, wanted)
            case "get" if holder:
                self._about(who, "get_capacity_claim", holder, get_capacity_claim)
            case "list":
                self.look(who)
            case "parameters":
                who.office.ask(
                    who.name,
                    "list_capacity_claim_parameters",
                    (),
                    lambda s: instance_types_by_zone(s, who.caller),
                    lambda _answer, _work: None,
                )
            case "create again" if self._made.get(who.book.organization):
                identity, wanted, name = who.draw.choice(self._made[who.book.organization])
                if who.draw.random() < 0.2:
                    wanted = self._wish(who)
                self.create(who, wanted, identity, name)
            case _:
                self._create_new(who)

    def look(self, who: Tenant) -> list[RecordKey]:
        known = [holder for holder in who.book.known if holder[1].startswith(CLAIM)]
        found: list[RecordKey] = []

        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, list):
                there = {self._saw(claim, work) for claim in answer}
                found.extend(sorted(there))
                work.seen += [Seen(holder, holds=False) for holder in known if holder not in there]

        who.office.ask(
            who.name,
            "list_capacity_claims",
            (),
            lambda s: list_capacity_claims(s, who.caller, None),
            read,
        )
        return found

    def end(self, who: Tenant, holder: RecordKey) -> None:
        who.office.ledger.asked_to_end.add(holder)
        who.insist(lambda: self._about(who, "delete_capacity_claim", holder, delete_capacity_claim))

    def _create_new(self, who: Tenant) -> None:
        wanted = self._wish(who)
        identity = (
            str(uuid.UUID(int=who.draw.getrandbits(128), version=4)) if who.draw.random() < 0.6 else None
        )
        name = f"inference-{who.draw.randrange(4)}" if who.draw.random() < 0.3 else None
        if identity is None:
            self.create(who, wanted, None, name)
            return
        self._made.setdefault(who.book.organization, []).append((identity, wanted, name))
        who.insist(lambda: self.create(who, wanted, identity, name))

    def create(self, who: Tenant, wanted: Resources, identity: str | None, name: str | None) -> Work:
        """Claim instances."""

        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, CapacityClaim):
                who.office.acknowledged(who.book, self._saw(answer, work))

        return who.office.ask(
            who.name,
            "create_capacity_claim",
            (wanted.instance_count, wanted.zones, identity, name),
            lambda s: create_capacity_claim(s, who.caller, wanted, claim_id=identity, name=name),
            read,
        )

    def update(self, who: Tenant, holder: RecordKey, wanted: Resources) -> None:
        """Change what a claim requests."""
        who.insist(
            lambda: self._about(
                who,
                "update_capacity_claim",
                holder,
                lambda s, caller, claim_id: update_capacity_claim(s, caller, claim_id, wanted),
                (wanted.instance_count, wanted.zones),
            )
        )

    def _about(
        self,
        who: Tenant,
        name: str,
        holder: RecordKey,
        run: Callable[[Services, Any, str], CapacityClaim],
        more: tuple[Any, ...] = (),
    ) -> Work:
        def read(answer: Any, work: Work) -> None:
            if isinstance(answer, NotFound):
                work.seen.append(Seen(holder, holds=False))
            elif isinstance(answer, CapacityClaim):
                self._saw(answer, work)

        claim_id = holder[1].removeprefix(CLAIM)
        return who.office.ask(who.name, name, (*holder, *more), lambda s: run(s, who.caller, claim_id), read)

    def _wish(self, who: Tenant) -> Resources:
        count, zones = who.draw.choice(COUNTS), who.draw.choice(ZONES)
        if who.office.cloud.profile.nodes and who.draw.random() < NODES_SHARE:
            return Resources(str(GPU5090.instance_type), min(count, 2), (LONDON,), "CAPACITY_TYPE_CUSTOMER")
        return Resources(INSTANCE_TYPE, count, zones, "CAPACITY_TYPE_CUSTOMER")

    def _saw(self, claim: CapacityClaim, work: Work) -> RecordKey:
        holder = (f"ORG#{claim.organization_id}", CLAIM + claim.id)
        work.seen.append(Seen(holder, holds=True, revision=claim.revision))
        self._types[holder] = claim.instance_id
        return holder
