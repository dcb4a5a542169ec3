"""What happens beside the holder: rivals, a sync, an audit that repairs, a holder of a part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proof.protocol.state import NEVER, SHARED, Booking, Naming
from proof.protocol.writes import apply, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from proof.protocol.state import Process, Record, State

    Step = tuple[str, State]


def others(rules: AbstractSet[str], state: State) -> Iterator[Step]:
    """What a rival of whole runs does, and a sync."""
    budget = state.budget
    if budget.rival:
        for number in state.free_runs():
            drawn, tag = state.draw()
            stamps = tuple(
                tag if domain in state.runs[number] else stamp
                for domain, stamp in enumerate(drawn.pod.stamps)
            )
            pod = drawn.pod._replace(
                stamps=stamps, bookings=drawn.pod.bookings | {Booking(tag, number, is_rival=True)}
            )
            yield (
                f"rival owns run {number}",
                drawn._replace(pod=pod, budget=budget._replace(rival=budget.rival - 1)),
            )
    for booking in state.pod.bookings:
        if booking.is_rival:
            pod = state.pod._replace(bookings=state.pod.bookings - {booking})
            yield "rival gives back", state._replace(pod=pod)
    if budget.syncs:
        # There and back again where versions may come back.
        raised = state.pod.version + 1 if "version-rises" in rules else 3 - state.pod.version
        pod = state.pod._replace(version=raised)
        yield (
            "sync writes the pod",
            state._replace(pod=pod, budget=budget._replace(syncs=budget.syncs - 1)),
        )


def audit(rules: AbstractSet[str], state: State, index: int, me: Process) -> Iterator[Step]:
    """Frees what is owned and what no record names."""
    ours = frozenset(booking for booking in state.pod.bookings if not booking.is_rival)
    record = state.record
    if me.at == "idle" and "audit-reads-pod-first" in rules:
        if ours:
            yield "reads the pod", state.with_process(index, at="record", found=ours)
    elif me.at == "idle":
        yield "reads the record", state.with_process(index, at="pod", todo=_spared(rules, record))
    elif me.at == "pod":
        orphans = frozenset(one for one in ours if one.tag not in {naming.tag for naming in me.todo})
        yield "reads the pod", state.with_process(index, at="free", found=orphans)
    elif me.at == "record":
        spared = {naming.tag for naming in _spared(rules, record)}
        orphans = frozenset(one for one in me.found if one.tag not in spared)
        yield "reads the record", state.with_process(index, at="free", found=orphans)
    else:
        after = state
        for booking in me.found:
            after, _ = apply(rules, after, ("unbook", Naming(booking.tag, booking.run, (), 0)))
        yield "frees what it found", after.ended(index, "done")


def parts(rules: AbstractSet[str], state: State, index: int, me: Process) -> Iterator[Step]:
    """Takes a part of the shared domain and gives it back, each in one transaction with its record."""
    if me.at == "idle":
        if state.budget.parts and not state.pod.part:
            fewer = state._replace(budget=state.budget._replace(parts=state.budget.parts - 1))
            if not any(SHARED in state.runs[booking.run] for booking in state.pod.bookings):
                seen = state.pod.stamps[SHARED]
                yield (
                    "plans",
                    fewer.with_process(index, at="take", life=seen, revision=state.part_revision),
                )
    elif me.at == "take":
        yield from send(
            rules,
            state,
            "takes a part",
            ("take part", me.life, me.revision),
            lambda after, _: (
                after.ended(index)
                if not after.pod.part
                else after.with_process(index, at="give", revision=after.part_revision)
            ),
            lambda after: after,
        )
    else:
        drawn, fresh = state.draw()
        left = fresh if "parts-leave-stamp" in rules else NEVER
        yield from send(
            rules,
            drawn,
            "gives its part back",
            ("give part", left, me.revision),
            lambda after, _: after.ended(index),
            lambda after: after,
        )


def _spared(rules: AbstractSet[str], record: Record | None) -> tuple[Naming, ...]:
    if record is None:
        return ()
    if "audit-spares-names" in rules:
        return record.names
    return (record.placement,) if record.status == "settled" and record.placement else ()
