"""Converts the answers that clients got into operations on pods for the linearizability checker.

*What* a holder took and released is known from the writes. *When* is taken only from what clients could
observe: a change happened after the request of the last answer that shows the holder without it, not before
the holder (or its end) was requested, and before the first answer that shows it. Changes of hardware happen
at the tick of their write.

A tentative booking belongs to no holder yet: its claimant may have to release it. So it explains no refusal,
and a claimant that never settles is left out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from math import inf
from typing import TYPE_CHECKING

from proof import pods
from proof.effects import Effect
from proof.linear import Operation, Undecided, order_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from proof.effects import Observed
    from proof.faults import Work
    from proof.ledger import Ledger
    from proof.linear import Step
    from testkit.items import Domain, Hardware, PodKey, RecordKey

    Operations = list[Operation[pods.PodState]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What an answer shows of a holder: its revision, and whether it holds anything.

    Reservations have no revisions: they take everything at once, and release it at once, or some units of it.
    One that is being torn down is shown until its record is removed, a moment after the release: ``holds`` is
    ``None`` then, and while the last units are being freed.
    """

    holder: RecordKey
    holds: bool | None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer was that no row of so many domains of a flavor is free anywhere in the region."""

    region: str
    flavor: str
    count: int


@dataclass(frozen=True, slots=True)
class NoSlice:
    """The answer was that no slice of so many GPUs of a node is free."""

    domain: Domain
    count: int


@dataclass(frozen=True, slots=True)
class Offered:
    """The answer was that these domains were available."""

    domains: tuple[Domain, ...]


@dataclass(frozen=True, slots=True)
class _Sighting:
    invoked: int
    answered: float
    seen: Seen


def judge(ledger: Ledger, works: Sequence[Work]) -> Iterator[str]:
    """Yield a violation for each pod whose operations have no order that explains all answers."""
    for pod, operations in sorted(operations_by_pod(ledger, works).items()):
        try:
            if order_of(operations, pods.EMPTY) is None:
                yield f"{pod}: no order of {len(operations)} operations explains the answers"
        except Undecided:
            yield f"{pod}: too many orders of {len(operations)} operations to decide"


def operations_by_pod(ledger: Ledger, works: Sequence[Work]) -> dict[PodKey, Operations]:
    """Return the operations on each pod, with the times that clients could observe."""
    asked, sightings = _asked(works), _sightings(works)
    by_pod: defaultdict[PodKey, Operations] = defaultdict(list)
    for tick, group in groupby(ledger.effects, key=lambda effect: effect.tick):
        changes: list[Effect] = []
        for effect in group:
            if isinstance(effect, Effect):
                changes.append(effect)
            else:
                by_pod[effect.pod].append(Operation(_hardware(effect), tick, tick, tick))
        spans = [_between(effect, asked, sightings.get(effect.holder, ())) for effect in changes]
        for pod in {domain[:2] for effect in changes for domain in (*effect.gained, *effect.lost)}:
            parts = tuple(
                pods.Part("#".join(e.holder), _of(pod, e.gained), _of(pod, e.lost)) for e in changes
            )
            since, until = max(span[0] for span in spans), min(span[1] for span in spans)
            by_pod[pod].append(Operation(pods.Change(parts), since, until, tick))
    known = sorted(ledger.hardware.items(), key=lambda pair: pair[0])
    for work in works:
        until = inf if work.answered is None else work.answered
        for told in work.seen:
            if work.misled and isinstance(told, Refused | NoSlice):
                # A tentative booking explains no refusal, but its claimant is found by a (stale) index.
                continue
            for pod, read in _reads(told, known):
                by_pod[pod].append(Operation(read, work.invoked, until, work.invoked))
    return dict(by_pod)


def _reads(
    told: object, known: Iterable[tuple[PodKey, Hardware]]
) -> Iterator[tuple[PodKey, Step[pods.PodState]]]:
    """Yield the reads of an answer. A refusal reads every pod of the region, each at a separate moment."""
    match told:
        case Refused(region, flavor, count):
            yield from (
                (pod, pods.Refusal(count))
                for pod, hardware in known
                if (pod[0], hardware.flavor) == (region, flavor)
            )
        case NoSlice(domain, count):
            yield domain[:2], pods.NoSlice(domain[2], count)
        case Offered(domains):
            yield domains[0][:2], pods.Offer(tuple(domain[2] for domain in domains))
        case _:
            pass


def _between(
    effect: Effect, asked: dict[RecordKey, int], sightings: Iterable[_Sighting]
) -> tuple[float, float]:
    """Return the ticks between which a change happened, as far as clients could observe."""
    since: float = asked.get(effect.holder, 0)
    until = inf
    sightings = tuple(sightings)
    shown = (sighting.answered for sighting in sightings if sighting.seen.holds is not False)
    # A holder without a request existed before the run, and was known.
    first_shown = min(shown, default=inf) if effect.holder in asked else 0
    for sighting in sightings:
        if sighting.seen.holds is False and sighting.invoked < first_shown:
            # It may not exist yet: a story reads it by an id that no client knows yet, while its record is
            # claiming and the write that settles it is in flight.
            continue
        match _shows(sighting.seen, effect):
            case True:
                until = min(until, sighting.answered)
            case False:
                since = max(since, sighting.invoked)
            case None:
                pass
    return since, until


def _shows(seen: Seen, effect: Effect) -> bool | None:
    """Whether the holder was shown as after the change (else as before it); ``None`` if unknown.

    A holder that was shown before and is now absent has been deleted.
    """
    if seen.holds is None or (effect.partial and seen.holds):
        return None
    if effect.revision:
        return not seen.holds or seen.revision >= effect.revision
    if effect.gained:
        return True if seen.holds else None
    return not seen.holds


def _asked(works: Iterable[Work]) -> dict[RecordKey, int]:
    """Return the tick of the request for each holder."""
    return {holder: work.invoked for work in works for holder in work.created}


def _sightings(works: Iterable[Work]) -> dict[RecordKey, list[_Sighting]]:
    found: defaultdict[RecordKey, list[_Sighting]] = defaultdict(list)
    for work in works:
        if work.answered is not None:
            for told in work.seen:
                if isinstance(told, Seen):
                    found[told.holder].append(_Sighting(work.invoked, work.answered, told))
    return found


def _hardware(effect: Observed) -> pods.Hardware:
    hardware = effect.hardware
    return pods.Hardware(
        pods.masks({position: hardware.usable(position) for position in hardware.slots}),
        frozenset(position for position in hardware.slots if hardware.is_complete(position)),
    )


def _of(pod: PodKey, by_domain: Mapping[Domain, int]) -> pods.Masks:
    return pods.masks({domain[2]: mask for domain, mask in by_domain.items() if domain[:2] == pod})
