"""The service with its handlers, as in ``tests.functional``, and tokens with permissions on claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from testkit.handlers import arrangements as given
from testkit.handlers import sample_events
from testkit.handlers.authority import STRANGERS_ORGANIZATION, Authority
from testkit.handlers.history_arrangements import tell
from testkit.handlers.remembering import remembered
from testkit.handlers.stage import Answer, Stage
from testkit.world import ORGANIZATION, set_quota

if TYPE_CHECKING:
    import pytest

CLAIMS: Final = "/v1alpha1/inference/capacityclaims"
CLAIM_ID: Final = "3f0e9a52-7c1b-4d6e-9f38-2b5a6c7d8e9f"
STEP: Final[dict[str, Any]] = {"organization": ORGANIZATION, "claim": CLAIM_ID}


class ClaimStage(Stage):
    """A stage whose customers may claim."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
        super().__init__(monkeypatch, **settings)
        self.authority = Authority(("reservations", "capacityclaims"), private_key=self.authority.private_key)

    def claim(self, case: str = "full", **changes: Any) -> Answer:
        """Return the event of a create with other fields of its body; one that is ``None`` is omitted."""
        return self.request("create_capacity_claim", varied(case, **changes))

    def calm(self) -> None:
        """Run the started executions and sent events, as the platform does."""
        while self.step_functions.executions or self.functions.invocations:
            executions = [arn for arn in self.step_functions.executions if "settle" in arn]
            self.step_functions.executions.clear()
            for _ in executions:
                while self.run_step("settle_capacity_claim", dict(STEP))["outcome"] == "again":
                    pass
            invocations, self.functions.invocations = self.functions.invocations, []
            for _, payload in invocations:
                self.run("fill_capacity_claims", payload)


def varied(case: str = "full", function: str = "create_capacity_claim", **changes: Any) -> dict[str, Any]:
    """Return an event with other fields of its body, those of ``resources`` included."""
    event = sample_events.read(function, case)
    body = sample_events.body_of(event)
    for name, value in changes.items():
        part = body if name in {"id", "name", "resources"} else body["resources"]
        if value is None:
            part.pop(name, None)
        else:
            part[name] = value
    return sample_events.with_body(event, body)


@remembered
def told(stage: Stage) -> None:
    """The claim that the events name has a history."""
    claimed(stage)
    tell(stage)


@remembered
def claimed(stage: Stage) -> None:
    """The sample fleet and reservations, and the claim that the events name, which is allocated."""
    given.sample(stage)
    assert stage.request_event("create_capacity_claim", "full").status == 200


@remembered
def waiting(stage: Stage) -> None:
    """Another organization has claimed everything in both zones, so that the claim waits."""
    given.sample(stage)
    event = varied("accepted_minimal", instanceCount=1000)
    answer = stage.request("create_capacity_claim", event, "stranger")
    assert answer.json["capacityClaim"]["status"]["pendingInstances"] > 0
    stage.clock.advance_ms(1)
    assert stage.request_event("create_capacity_claim", "full").status == 200


@remembered
def freed(stage: Stage) -> None:
    """The claim waits, the earlier claims are gone, and the filler has not run yet."""
    waiting(stage)
    listed = stage.request_event("list_capacity_claims", "nothing_visible").json["capacityClaims"]
    for entry in listed:
        claim_id = entry["spec"]["id"]
        path = f"{CLAIMS}/{claim_id}"
        event = sample_events.with_path(sample_events.read("delete_capacity_claim", "foreign"), path)
        event["pathParameters"] = {"claimID": claim_id}
        assert stage.request("delete_capacity_claim", event).status == 200
        step = {"organization": STRANGERS_ORGANIZATION, "claim": claim_id}
        while stage.run_step("settle_capacity_claim", step)["outcome"] == "again":
            pass


@remembered
def shrunk(stage: Stage) -> None:
    """The claim has been shrunk."""
    claimed(stage)
    assert stage.request_event("update_capacity_claim", "shrunk").status == 200


@remembered
def deleted(stage: Stage) -> None:
    """Its deletion was accepted."""
    claimed(stage)
    assert stage.request_event("delete_capacity_claim", "accepted").status == 200


@remembered
def drained(stage: Stage) -> None:
    """It no longer owns anything."""
    deleted(stage)
    assert stage.run_step("settle_capacity_claim", dict(STEP)) == {"outcome": "again"}


@remembered
def gone(stage: Stage) -> None:
    """It is gone; its tombstone is left."""
    drained(stage)
    assert stage.run_step("settle_capacity_claim", dict(STEP)) == {"outcome": "gone"}


def limited(stage: Stage) -> None:
    """The organization may own nine instances."""
    given.sample(stage)
    set_quota(stage.db, 9, "instances")


def claimed_and_limited(stage: Stage) -> None:
    """The claim is allocated, and its organization has reached its limit."""
    given.sample(stage)
    set_quota(stage.db, 11, "instances")
    assert stage.request_event("create_capacity_claim", "full").status == 200


def abandoned(stage: Stage) -> None:
    """It was deleted long ago, and no execution was ever started."""
    claimed(stage)
    stage.step_functions.down = True
    assert stage.request_event("delete_capacity_claim", "accepted").status == 200
    stage.step_functions.down = False
    stage.clock.advance(600)
