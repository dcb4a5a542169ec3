"""Put right what an audit found: one conditional write and one audit line each."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from gpu_capacity.dynamodb.audit_writes import actions_for

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.audit_facts import Finding
    from gpu_capacity.dynamodb.audit_store import AuditStore
    from gpu_capacity.ports import Telemetry


class Result(StrEnum):
    """What became of a finding.

    ``REPORTED``: somebody has to decide. ``REPAIRABLE``: nobody asked for the repair. ``REFUSED``: a
    condition of the repair does not hold. ``VANISHED``: an earlier repair or traffic took it away.
    """

    REPORTED = "reported"
    REPAIRABLE = "repairable"
    REPAIRED = "repaired"
    REFUSED = "refused"
    VANISHED = "vanished"


def repair(store: AuditStore, telemetry: Telemetry, actor: str, finding: Finding, now: int) -> Result:
    """Write the repair of a finding, if everything it was decided on is still so.

    Raises:
        StorageUnavailable: whether it stands is not known; the next audit tells.
    """
    if finding.repair is None:
        return Result.REPORTED
    stands = store.commit(actions_for(finding.repair, store.tables, now))
    result = Result.REPAIRED if stands else Result.REFUSED
    telemetry.audit(
        actor, f"repair_{finding.kind}", finding.subject, result.value, repair=type(finding.repair).__name__
    )
    return result
