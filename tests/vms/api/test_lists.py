"""The list of VMs: pages, cursors, statuses, and how long a destroyed VM is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from gpu_capacity.dynamodb.tombstones import TTL_ATTRIBUTE
from gpu_capacity.vms.destroy import destroy_vm
from gpu_capacity.vms.stop import stop_vm
from testkit.handlers.sample_events import with_query
from testkit.handlers.vm_stage import SAMPLE_VM, read
from testkit.world import HOLDERS, caller
from tests.vms import given
from tests.vms.given import ACCOUNT, GUEST

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer
    from testkit.handlers.vm_stage import Stage

DAY = 86_400


def listed(stage: Stage, **query: list[str]) -> Answer:
    """A page of the list; a parameter is repeated for each of its values."""
    event = with_query(read("list_vms", "all"), **query) if query else read("list_vms", "all")
    answer = stage.send("list_vms", event=event)
    assert answer.status == 200, answer
    return answer


def ids(answer: Answer) -> list[str]:
    return [vm["id"] for vm in answer.json]


def some(stage: Stage, count: int) -> list[str]:
    """Create this many VMs of one GPU, newest first."""
    given.nodes(stage)
    made = []
    for number in range(count):
        made.append(given.rent(f"ca{number:06x}-0d44-4b50-8888-8dd25736052a", 1).id)
        stage.clock.advance(1)
    return made[::-1]


def next_of(answer: Answer) -> dict[str, list[str]]:
    """The query of the next page."""
    match = re.fullmatch(r'<\?(.+)>; rel="next"', answer.headers["link"])
    assert match
    return parse_qs(match[1])


def test_following_the_links_shows_every_vm_once(stage: Stage) -> None:
    made, found = some(stage, 7), []
    page = listed(stage, limit=["3"])
    for _ in range(2):
        found += ids(page)
        page = listed(stage, **next_of(page))
    assert found + ids(page) == made
    assert "link" not in page.headers


def test_links_skip_and_repeat_nothing_while_vms_are_created(stage: Stage) -> None:
    made = some(stage, 4)
    first = listed(stage, limit=["2"])
    given.rent("cb000000-0d44-4b50-8888-8dd25736052a", 1)
    assert ids(listed(stage, **next_of(first))) == made[2:]


def test_a_link_keeps_the_requested_statuses(stage: Stage) -> None:
    made = some(stage, 4)
    destroy_vm(given.services(), caller(), made[1], ACCOUNT)
    page = listed(stage, limit=["2"], status=["creating", "running"])
    assert ids(page) == [made[0], made[2]]
    query = next_of(page)
    assert query["status"] == ["creating", "running"]
    assert ids(listed(stage, **query)) == [made[3]]


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        (["creating"], [GUEST]),
        (["stopping"], [SAMPLE_VM]),
        (["creating", "stopping"], [GUEST, SAMPLE_VM]),
        (["destroyed"], []),
    ],
)
def test_a_list_has_only_the_requested_statuses(stage: Stage, statuses: list[str], shown: list[str]) -> None:
    given.running(stage)
    stop_vm(given.services(), caller(), SAMPLE_VM, ACCOUNT)
    stage.clock.advance(1)
    given.rent(GUEST, 2)
    assert ids(listed(stage, status=statuses)) == shown


def test_an_offset_is_bounded(stage: Stage) -> None:
    assert listed(stage, offset=["10000"]).json == []
    refused = stage.send("list_vms", event=with_query(read("list_vms", "all"), offset=["10001"]))
    assert refused.json["detail"][0]["loc"] == ["query", "offset"]


@pytest.mark.parametrize("days", ["30", "1"])
def test_a_destroyed_vm_is_shown_for_the_configured_days_and_is_then_absent(stage: Stage, days: str) -> None:
    stage.settings["DESTROYED_VM_DAYS"] = days
    stage.restart()
    given.destroyed_and_swept(stage)
    assert TTL_ATTRIBUTE not in record(stage)
    stage.run_event("vm_steps", "settle_vm_stop")
    stage.clock.advance(int(days) * DAY - 1)
    assert ids(listed(stage)) == ids(listed(stage, status=["destroyed"])) == [SAMPLE_VM]
    assert stage.send("get_vm", "found").status == 200
    assert stage.send("destroy_vm", "found").status == 200
    stage.clock.advance(1)
    assert listed(stage).json == listed(stage, status=["destroyed"]).json == []
    assert stage.send("get_vm", "found").status == 404
    assert stage.send("destroy_vm", "found").status == 404


@pytest.mark.parametrize(
    "before", [given.created, given.running, given.stopping, given.destroyed, given.failed]
)
def test_only_vms_that_are_over_expire(stage: Stage, before: Any) -> None:
    before(stage)
    kinds = ("VM#", "VMLIVE#", "VMENDED#")
    kept = [item for item in stage.db.dump()[HOLDERS] if item["sk"]["S"].startswith(kinds)]
    assert len(kept) == 2
    assert not any(TTL_ATTRIBUTE in item for item in kept)


def record(stage: Stage) -> dict[str, Any]:
    """The sample VM's record as it is stored."""
    (item,) = (i for i in stage.db.dump()[HOLDERS] if i["sk"]["S"] == f"VM#{SAMPLE_VM}")
    return dict(item)
