"""Every bad input of the VM API through the real handlers: the right refusal in its shape, and no more."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pytest

from testkit.hostile.service import TRACE_ID
from testkit.hostile.vm_bad import VM_CORPUS

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer
    from testkit.hostile.bad import Bad
    from testkit.hostile.vm_service import VmService

INSIDES: Final = re.compile(
    r"Traceback|File \"|\.py\b|pydantic|botocore|DynamoDB|Exception|Error\b|<class|0x[0-9a-f]{6}|line \d+"
    r"|\b[A-Z]\w+\("
)
PLACES: Final = {"body", "query", "header"}


def _identity(bad: Bad) -> str:
    return f"{bad.ask.path[:12]} {bad.name}".encode("ascii", "backslashreplace").decode()[:100]


def _answer(service: VmService, bad: Bad) -> Answer:
    authorization = bad.authorization
    if authorization is None:
        authorization = f"Bearer {service.token('owner')}"
    path = "/".join(service.ids.get(part, part) for part in bad.ask.path.split("/"))
    return service.send(bad.ask.to(path), authorization)


def _assert_shape(answer: Answer) -> None:
    # What a full node could still give, so that no client reads the text.
    assert answer.json.keys() - ({"capacity"} if answer.status == 400 else set()) == {"detail"}
    detail = answer.json["detail"]
    if answer.status != 422:
        assert isinstance(detail, str)
        assert detail
        return
    assert isinstance(detail, list)
    assert detail
    for problem in detail:
        assert set(problem) == {"loc", "msg", "type"}
        assert problem["loc"][0] in PLACES
        assert all(isinstance(part, str | int) for part in problem["loc"])
        assert isinstance(problem["msg"], str)
        assert re.fullmatch(r"[a-z_]+", problem["type"])


def _assert_repeats_nothing(text: str, values: tuple[str, ...]) -> None:
    for value in values:
        assert value not in text
        assert json.dumps(value)[1:-1] not in text
        assert value[:60] not in text


@pytest.mark.parametrize("bad", VM_CORPUS, ids=_identity)
def test_a_bad_input_is_refused_and_changes_nothing(vms: VmService, bad: Bad) -> None:
    tables, executions = vms.tables(), list(vms.stage.step_functions.executions)
    logged = len(vms.stage.log)
    answer = _answer(vms, bad)
    assert answer.status == bad.status, answer
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-trace-id"] == TRACE_ID
    assert ("www-authenticate" in answer.headers) == (answer.status == 401)
    assert ("allow" in answer.headers) == (answer.status == 405)
    assert bad.ask.method not in answer.headers.get("allow", "").split(", ")
    _assert_shape(answer)
    assert not INSIDES.search(answer.text), answer.text
    _assert_repeats_nothing(answer.text, bad.values)
    _assert_repeats_nothing(vms.stage.log[logged:], bad.values)
    assert vms.tables() == tables
    assert list(vms.stage.step_functions.executions) == executions


def test_the_corpus_has_every_refusal_of_the_api() -> None:
    assert len(VM_CORPUS) >= 200
    assert {bad.status for bad in VM_CORPUS} == {400, 401, 403, 404, 405, 422}
    posted = {bad.ask.path for bad in VM_CORPUS if bad.ask.method == "POST" and bad.status == 422}
    assert posted == {"/vms", "/ssh-keys", "/auth/api-key", "/reservations/calculate"}


def test_an_answer_never_depends_on_what_was_refused_before(vms: VmService) -> None:
    """An environment serves one request after the other, and remembers some of what it read."""
    some = VM_CORPUS[::29]
    first = [_answer(vms, bad) for bad in some]
    again = [_answer(vms, bad) for bad in reversed(some)]
    assert first == again[::-1]
