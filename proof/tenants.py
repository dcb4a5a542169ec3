"""The common part of the clients of all APIs: identity, known holders, retries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from gpu_capacity.errors import (
    CapacityError,
    Conflict,
    DoesNotFit,
    RequestRefused,
    StorageUnavailable,
    TryAgain,
)
from proof.faults import Killed, Work
from proof.visible import Seen
from testkit.world import ORGANIZATION, PROJECT, caller

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from gpu_capacity.access import Caller
    from gpu_capacity.runtime.services import Services
    from proof.cloud import Cloud
    from proof.ledger import Ledger
    from testkit.items import RecordKey

Key = tuple[str, str, str]
"""An idempotency key: of an organization, of a subject there, and its text."""

OTHER_ORGANIZATION: Final = "5f0c2b1e-8a77-4f1b-9a53-0f6d1c2e3a4b"
ORGANIZATIONS: Final = (ORGANIZATION, OTHER_ORGANIZATION)
SUBJECTS: Final = ("user-0", "user-1")
LOST: Final = "lost"


@dataclass
class Book:
    """The holders that the members of one organization know, together.

    ``known`` are the holders that answers named, in that order; ``keys`` are the requests for reservations of
    each idempotency key, ``placement_keys`` those for placements.
    """

    organization: str
    known: dict[RecordKey, None] = field(default_factory=dict)
    keys: list[tuple[str, Any]] = field(default_factory=list)
    placement_keys: list[tuple[str, Any]] = field(default_factory=list)


class Office:
    """Sends operations to the service, and keeps the result of each."""

    def __init__(self, cloud: Cloud, ledger: Ledger, tell: Callable[[str], None]) -> None:
        self.cloud = cloud
        self.ledger = ledger
        self.works: list[Work] = []
        self._uses: dict[Key, list[Work]] = {}
        self._tags: set[tuple[RecordKey, str]] = set()
        self._tell = tell

    def ask(
        self,
        client: str,
        name: str,
        request: tuple[Any, ...],
        run: Callable[[Services], Any],
        read: Callable[[Any, Work], None],
        key: Key | None = None,
    ) -> Work:
        """Run one operation with an idempotency key. ``read`` notes in the work what the answer says."""
        work = Work(name, client, request, self.cloud.tick())
        self.works.append(work)
        if key is not None:
            self._uses.setdefault(key, []).append(work)
        self.cloud.note(name, repr(request), "")
        answer: Any
        try:
            answer = self.cloud.invoke("api", work, lambda environment: run(environment.services))
        except CapacityError as error:
            answer = error
        except Killed:
            work.answer = LOST
            return work
        work.answered = self.cloud.tick()
        work.answer = type(answer).__name__
        read(answer, work)
        self._judge(answer, work)
        if key is not None:
            self._judge_key(key, work, answer)
        self.cloud.note(name, work.answer, repr(work.seen))
        return work

    def remember(self, key: Key, made: RecordKey) -> None:
        """Note a holder that the same request created with a key before the run."""
        self._uses.setdefault(key, []).append(Work("create_reservation", created=[made]))

    def tell(self, problem: str) -> None:
        """Note a violation."""
        self._tell(problem)

    def _judge(self, answer: object, work: Work) -> None:
        """Check that a refused request created nothing, and that an accepted one has a holder."""
        may_stand = isinstance(answer, StorageUnavailable) and answer.outcome_unknown
        work.denied = isinstance(answer, RequestRefused | DoesNotFit | TryAgain) and not may_stand
        if work.denied and work.created:
            self._tell(f"{work.name} {work.request} was refused with {answer} and made {work.created}")

    def released_with(self, tag: tuple[RecordKey, str]) -> None:
        """A release was answered: each entity tag of a reservation is good for one."""
        if tag in self._tags:
            self._tell(f"units of {tag[0]} were released twice with the entity tag {tag[1]}")
        self._tags.add(tag)

    def forget_keys(self) -> None:
        """A day has passed: forget the idempotency keys."""
        self._uses.clear()

    def _judge_key(self, key: Key, work: Work, answer: object) -> None:
        """Check that a key answers only with what its own subject created with it.

        A conflict means that the key was used for another request, or that its holder has ended.
        """
        uses = self._uses[key]
        made = {holder for use in uses for holder in use.created}
        if len(made) > 1:
            self._tell(f"the key {key} stands for {sorted(made)}")
        if isinstance(answer, Conflict):
            differs = any(use.request not in ((), work.request) for use in uses)
            if not differs and not made & self.ledger.asked_to_end:
                self._tell(f"the key {key} was used for nothing else, and the answer is {answer}")
        elif strange := {told.holder for told in work.seen if isinstance(told, Seen)} - made:
            self._tell(f"the key {key} answers with {sorted(strange)}, which was not made under it")

    def acknowledged(self, book: Book, holder: RecordKey) -> None:
        """An answer named a holder: it has to exist, or to have ended."""
        self.ledger.quotas.acknowledged.add(holder)
        if holder not in self.ledger.existed:
            self._tell(f"{holder} was acknowledged and never recorded")
        book.known.setdefault(holder)


class Api(Protocol):
    """The clients of one API. A new API adds an implementation.

    ``kind`` is the prefix of the sort keys of its records.
    """

    kind: str

    def act(self, who: Tenant) -> None:
        """Do one thing that a client may do."""

    def look(self, who: Tenant) -> list[RecordKey]:
        """List everything, and return the holders."""

    def end(self, who: Tenant, holder: RecordKey) -> None:
        """Ask for the end of a holder."""


@dataclass
class Tenant:
    """A member of an organization. Two organizations have members of the same subject."""

    name: str
    office: Office
    book: Book
    draw: Random
    subject: str = SUBJECTS[0]

    @property
    def caller(self) -> Caller:
        """Its token."""
        return caller(
            subject=self.subject,
            organizations=frozenset({self.book.organization}),
            projects=frozenset({PROJECT}),
        )

    def one_of(self, kind: str) -> RecordKey | None:
        """A known holder of a kind: mostly one of the latest without a request to end it."""
        known = [holder for holder in self.book.known if holder[1].startswith(kind)]
        current = [holder for holder in known if holder not in self.office.ledger.asked_to_end][-3:]
        if current and self.draw.random() < 0.85:
            return self.draw.choice(current)
        return self.draw.choice(known) if known else None

    def insist(self, ask: Callable[[], Work], times: int = 3) -> Work:
        """Retry as long as the request may still succeed, or there is no answer."""
        work = ask()
        for _ in range(times):
            if work.answer != LOST and work.answer not in _AGAIN:
                break
            self.office.cloud.turns.sleep(self.draw.randrange(100, 4_000))
            work = ask()
        return work


_AGAIN: Final = frozenset({"TryAgain", "RaceLost", "StorageUnavailable"})
