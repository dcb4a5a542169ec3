"""Repairs findings: a conditional write or a request to a provider, and an audit line for each."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.upkeep.audit.findings import (
    DropItem,
    EndBooking,
    Enqueue,
    Index,
    ListHolder,
    ListKey,
    MarkPart,
    MarkRun,
    Register,
    ReleasePart,
    SetEntry,
    SetHash,
    SetListing,
    SetUsed,
    TakeAway,
    TakeNoticeBack,
    UnlistKey,
)
from gpu_capacity.upkeep.audit.writes import actions_for

if TYPE_CHECKING:
    from gpu_capacity.upkeep.audit.findings import Finding, Repair, Write
    from gpu_capacity.upkeep.audit.means import Audit
    from gpu_capacity.upkeep.audit.providers import Freeing


EFFECTS: Final[dict[type[Repair], str]] = {
    ReleasePart: "removes the owner from the domain, if its provider confirms that nothing is left there",
    EndBooking: "ends the booking, if the provider confirms that nothing is left on its hosts",
    MarkPart: "marks the part of the domain as the holder's",
    MarkRun: "books the run for the holder again",
    SetHash: "writes the hash of the hardware into the record",
    SetUsed: "writes the recount into the quota",
    DropItem: "removes the entry",
    Enqueue: "puts the claim back into its queue",
    Register: "records the name of the claim again",
    Index: "puts the record back into the index of unsettled records",
    ListHolder: "puts the record back into the index of holders",
    SetEntry: "makes the roster agree with the record",
    SetListing: "makes the list agree with the record",
    TakeNoticeBack: "withdraws the notice",
    ListKey: "lists the key",
    UnlistKey: "removes the key from the list",
    TakeAway: "fences the owner at its provider, and deletes what it has there",
}
"""What each repair does, for operators."""

NEEDS_WORD: Final = "no record says that its holder is over: name it in takeAway if you are sure"


class Result(StrEnum):
    """The result for a finding.

    ``REPORTED``: an operator has to decide. ``REPAIRABLE``: it can be repaired, but repairs were not asked
    for. ``REPAIRED``: it was. ``REFUSED``: a condition of the repair does not hold. ``VANISHED``: it does not
    exist any more, because of an earlier repair or of traffic.
    """

    REPORTED = "reported"
    REPAIRABLE = "repairable"
    REPAIRED = "repaired"
    REFUSED = "refused"
    VANISHED = "vanished"


def repair(audit: Audit, finding: Finding) -> tuple[Result, str]:
    """Repair a finding, if everything that the repair was decided on still holds.

    Returns:
        The result, and why it is not ``REPAIRED``; empty if there is nothing to explain.

    Raises:
        StorageUnavailable: it is unknown whether the repair was written; the next check shows.
    """
    match finding.repair:
        case None:
            return Result.REPORTED, ""
        case TakeAway() if lacks_word(audit, finding.repair):
            return Result.REPORTED, NEEDS_WORD
        case TakeAway() | ReleasePart() | EndBooking():
            result, why = _at_provider(audit, finding.repair)
        case _:
            result, why = _written(audit, finding.repair)
    name = type(finding.repair).__name__
    audit.telemetry.audit(
        audit.actor,
        f"repair_{finding.kind}",
        finding.subject,
        result.value,
        repair=name,
        why=why,
        reason=audit.reason,
    )
    return result, why


def expected(audit: Audit, finding: Finding) -> tuple[Result, str]:
    """What a repair would come to now, without any effect: ``REPAIRABLE``, or why not."""
    match finding.repair:
        case None:
            return Result.REPORTED, ""
        case TakeAway() if lacks_word(audit, finding.repair):
            return Result.REPORTED, NEEDS_WORD
        case ReleasePart() | EndBooking():
            try:
                why = audit.providers.why_occupied(finding.repair)
            except ProviderUnavailable as error:
                why = _no_answer(error)
            return (Result.REFUSED, why) if why else (Result.REPAIRABLE, "")
        case _:
            return Result.REPAIRABLE, ""


def lacks_word(audit: Audit, wanted: TakeAway) -> bool:
    """Whether an operator would have to name the owner, and has not."""
    return wanted.needs_word and wanted.thing.name not in audit.taken_away


def _no_answer(error: ProviderUnavailable) -> str:
    return f"its provider does not answer: {error}"


def _at_provider(audit: Audit, wanted: TakeAway | Freeing) -> tuple[Result, str]:
    try:
        if isinstance(wanted, TakeAway):
            audit.providers.take_away(wanted)
            return Result.REPAIRED, ""
        if why := audit.providers.why_not_free(wanted):
            return Result.REFUSED, why
    except ProviderUnavailable as error:
        return Result.REFUSED, _no_answer(error)
    return _written(audit, wanted)


def _written(audit: Audit, wanted: Write) -> tuple[Result, str]:
    if audit.store.commit(actions_for(wanted, audit.store.tables, audit.clock.now())):
        return Result.REPAIRED, ""
    return Result.REFUSED, "something moved on meanwhile: run again"
