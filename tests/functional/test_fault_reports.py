"""A fault that a customer reports is in the operators' list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testkit.handlers import arrangements as given

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


def test_a_report_is_listed_with_what_was_seen_and_the_customers_words(stage: Stage) -> None:
    given.servers_up(stage)
    assert stage.request_event("list_fault_reports", "all").json == []
    answer = stage.request_event("report_placement_server_fault", "accepted").json
    assert answer["outcome"] == "recorded"
    (listed,) = stage.request_event("list_fault_reports", "all").json
    assert (listed["reason"], listed["text"]) == ("nvlink", "NCCL hangs on this server")
    assert (listed["hostId"], listed["seen"]) == (answer["infrastructureRef"], answer["seen"])
    assert listed["placementId"] == "bc00120f-d7fe-42ca-909a-a3ced49c5752"
