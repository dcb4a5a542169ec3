"""Repairs findings: a conditional write or a request to a provider, and an audit line for each."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from gpu_capacity.errors import ProviderUnavailable
from gpu_capacity.upkeep.audit.findings import EndBooking, ReleasePart, TakeAway
from gpu_capacity.upkeep.audit.writes import actions_for

if TYPE_CHECKING:
    from gpu_capacity.upkeep.audit.findings import Finding, Write
    from gpu_capacity.upkeep.audit.means import Audit
    from gpu_capacity.upkeep.audit.providers import Freeing


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
        case TakeAway(needs_word=True) if finding.repair.thing.name not in audit.taken_away:
            return Result.REPORTED, "no record says that its holder is over: --take-away names it"
        case TakeAway() | ReleasePart() | EndBooking():
            result, why = _at_provider(audit, finding.repair)
        case _:
            result, why = _written(audit, finding.repair)
    name = type(finding.repair).__name__
    audit.telemetry.audit(
        audit.actor, f"repair_{finding.kind}", finding.subject, result.value, repair=name, why=why
    )
    return result, why


def _at_provider(audit: Audit, wanted: TakeAway | Freeing) -> tuple[Result, str]:
    try:
        if isinstance(wanted, TakeAway):
            audit.providers.take_away(wanted)
            return Result.REPAIRED, ""
        if why := audit.providers.why_not_free(wanted):
            return Result.REFUSED, why
    except ProviderUnavailable as error:
        return Result.REFUSED, f"its provider does not answer: {error}"
    return _written(audit, wanted)


def _written(audit: Audit, wanted: Write) -> tuple[Result, str]:
    if audit.store.commit(actions_for(wanted, audit.store.tables, audit.clock.now())):
        return Result.REPAIRED, ""
    return Result.REFUSED, "something moved on meanwhile: run again"
