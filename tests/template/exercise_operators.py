"""What operators do to holders of other kinds than the event files name: ``tests.operations`` checks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testkit.handlers import claim_stage, sample_events
from testkit.handlers.vm_stage import SAMPLE_VM
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


def force_delete(stage: Stage, kind: str, holder_id: str) -> int:
    """Delete a holder of the sample organization; the status of the answer."""
    event = sample_events.read("force_delete_holder", "reservation")
    event["pathParameters"] = {"organizationID": ORGANIZATION, "kind": kind, "holderID": holder_id}
    return stage.request("force_delete_holder", event).status


def limit(stage: Stage, subject: str) -> int:
    """Set a quota of the sample organization; the status of the answer."""
    event = sample_events.read("set_operator_quota", "accelerator")
    event["pathParameters"] = {"organizationID": ORGANIZATION, "subject": subject}
    return stage.request("set_operator_quota", event).status


def _waiting_claim(stage: Stage) -> None:
    stage.authority.nouns = (*stage.authority.nouns, "capacityclaims")
    claim_stage.waiting(stage)
    listed = sample_events.with_query(sample_events.read("list_holders", "all"), kind=["capacityClaim"])
    (claim_id,) = (
        one["id"]
        for one in stage.request("list_holders", listed).json
        if one["organizationId"] == ORGANIZATION
    )
    assert stage.request_event("list_queues", "all").json[0]["waiting"]
    assert limit(stage, "instances") == 200
    assert force_delete(stage, "capacityClaim", claim_id) == 202


LIVES = (_waiting_claim,)


def vm(stage: Stage) -> None:
    """A VM is counted in and destroyed. For a stage of the VM API."""
    assert limit(stage, "vm_gpus") == 200
    assert force_delete(stage, "vm", SAMPLE_VM) == 202
