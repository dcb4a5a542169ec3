"""Query parameters: an unknown one is refused by name, because the caller may depend on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.http.operations import OPERATIONS
from testkit.hostile.requests import ASKS
from testkit.hostile.service import ABSENT, Ask
from testkit.hostile.vm_requests import VM_ASKS
from testkit.world import ORGANIZATION, PROJECT

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer
    from testkit.hostile.vm_service import VmService

ALL: Final = {**ASKS, **VM_ASKS}
STRICT: Final = sorted(name for name, operation in OPERATIONS.items() if not operation.any_query)
SECRET: Final = "hunter2-do-not-repeat"


def _ask(service: VmService, name: str, *query: tuple[str, str]) -> Ask:
    ask = ALL[name]
    path = "/".join(service.ids.get(p, ABSENT) if " of " in p else p for p in ask.path.split("/"))
    sent = {parameter for parameter, _ in query}
    needed = tuple(one for one in ask.query if one[0] not in sent)
    return replace(ask.to(path), query=(*needed, *query))


def _entitled(name: str) -> str:
    """Who may send a request, so that its query is looked at."""
    return "operator" if OPERATIONS[name].permission is Permission.OPERATE else "owner"


def _problems(answer: Answer) -> dict[str, str]:
    """The field and the problem, in the format of either API."""
    body: dict[str, Any] = answer.json
    if "errors" in body:
        return {problem["field"]: problem["problem"] for problem in body["errors"]}
    if "detail" in body:
        return {" ".join(map(str, problem["loc"])): problem["msg"] for problem in body["detail"]}
    (violations,) = (d["fieldViolations"] for d in body["details"] if "fieldViolations" in d)
    return {violation["field"]: violation["description"] for violation in violations}


@pytest.mark.parametrize("name", STRICT)
@pytest.mark.parametrize("parameter", ["dryrun", "DRYRUN", "dry_run", "regionId", "", "limit ", "_"])
def test_an_unknown_parameter_is_refused_by_name_and_changes_nothing(
    vms: VmService, name: str, parameter: str
) -> None:
    tables, logged = vms.db.dump(), len(vms.stage.log)
    answer = vms.sent_by(_ask(vms, name, (parameter, SECRET)), _entitled(name))
    assert answer.status == (422 if "detail" in answer.json else 400), answer
    problems = _problems(answer)
    assert list(problems) == [f"query {parameter}"]
    for known in OPERATIONS[name].parameters:
        assert known in problems[f"query {parameter}"]
    assert SECRET not in answer.text + vms.stage.log[logged:]
    assert vms.db.dump() == tables


@pytest.mark.parametrize("name", STRICT)
def test_all_unknown_parameters_are_reported_at_once_and_long_names_are_shortened(
    vms: VmService, name: str
) -> None:
    answer = vms.sent_by(_ask(vms, name, ("a", "1"), ("b" * 5_000, "2")), _entitled(name))
    assert list(_problems(answer)) == ["query a", f"query {'b' * 64}"]


# Which lists accept a cursor: tests/http/test_pages.py.
ONCE: Final = [
    (name, parameter) for name in STRICT for parameter in OPERATIONS[name].once if parameter != "cursor"
]
GOOD: Final = {
    "dryRun": "true",
    "since": "2026-05-02",
    "until": "2026-05-28",
    "format": "csv",
    "updatedAfter": "2026-05-28T10:25:00Z",
    "hard": "true",
    "limit": "10",
    "offset": "0",
    "gpu_type": "5090",
    "gpu_count": "2",
    "organizationID": ORGANIZATION,
    "regionID": "uk-lon-1",
    "accelerator": "GB300",
    "unit": "NVL72",
    "projectID": PROJECT,
    "reservationID": ABSENT,
    "podID": "pod1",
    "domainID": "pod1-rack01",
    "hostID": "pod1-rack01-tray01",
    "hosts": "true",
    "olderThan": "60",
    "youngerThan": "3600",
    "count": "1",
}


@pytest.mark.parametrize(("name", "parameter"), ONCE)
def test_a_parameter_with_one_value_may_be_given_only_once(vms: VmService, name: str, parameter: str) -> None:
    once = (parameter, GOOD[parameter])
    # The resource of the request may not exist, or not be sold here, but its query is valid.
    accepted = vms.sent_by(_ask(vms, name, once), _entitled(name))
    assert accepted.status in {200, 400, 404}
    assert "query" not in accepted.text or "not offered" in accepted.text
    answer = vms.sent_by(_ask(vms, name, once, once), _entitled(name))
    assert answer.status == (422 if "detail" in answer.json else 400)
    assert _problems(answer) == {f"query {parameter}": "must be given once"}


NUMBERS: Final = [("list_vms", "limit"), ("list_vms", "offset"), ("search_offers", "gpu_count")]
NO_NUMBERS: Final = (
    *("", " ", "1_0", " 5", "5 ", "+5", "05", "5.0", "5e0", "0x5", "five", "\u0665", "\uff15"),
    *("-", "--1", "5\n", "5\x00", "NaN", "Infinity", "true", "9" * 30, "9" * 5_000, "1,0"),
)


@pytest.mark.parametrize(("name", "parameter"), NUMBERS)
@pytest.mark.parametrize("text", NO_NUMBERS, ids=lambda text: repr(text[:12]))
def test_a_number_is_written_with_digits(vms: VmService, name: str, parameter: str, text: str) -> None:
    answer = vms.sent_by(_ask(vms, name, (parameter, text)), "owner")
    assert answer.status == 422
    assert list(_problems(answer)) == [f"query {parameter}"]


@pytest.mark.parametrize("text", ["", "True", "TRUE", "1", "0", "yes", " true", "true ", "null"])
def test_a_flag_is_true_or_false(vms: VmService, text: str) -> None:
    tables = vms.db.dump()
    answer = vms.sent_by(_ask(vms, "create_reservation", ("dryRun", text)), "owner")
    assert answer.status == 400
    assert _problems(answer) == {"query dryRun": "must be true or false"}
    assert vms.db.dump() == tables


def test_the_version_is_answered_with_unknown_parameters(vms: VmService) -> None:
    """Monitors without a token append random parameters against caches; the response depends on nothing, and
    must not be a 400.
    """
    answer = vms.send(_ask(vms, "get_version", ("cachebuster", "1785312"), ("_", "1"), ("_", "2")), None)
    assert answer.status == 200
