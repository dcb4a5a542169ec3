"""`make audit` and the scheduled function: exit codes and both forms of the report."""

from __future__ import annotations

import importlib.util
import json
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.errors import CapacityError
from gpu_capacity.operations.api.audits import repair, show, start
from gpu_capacity.runtime import composition
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.upkeep.audit.findings import Kind
from gpu_capacity.upkeep.audit.recorded import Recorder, run_recorded
from gpu_capacity.upkeep.audit.run import ADVICE
from testkit.dynamodb import throttled, unreachable
from testkit.world import HOLDERS, INVENTORY, TABLES
from tests.upkeep.audit import planted, planted_servers
from tests.upkeep.audit.scene import Scene
from tools import audit
from tools.local_stack.errors import LaunchError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = TABLES
WHY = ("--reason", "tidy up")


class Api:
    """The operators' API over a scene. An audit begins when it is looked at for the first time."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.is_lost = False

    def call(self, method: str, path: str, body: Any = None) -> Any:
        run_id = path.removeprefix("/audits").removeprefix("/").removesuffix("/repair")
        services = self._scene.world.services
        asked = SimpleNamespace(
            services=services,
            caller=SimpleNamespace(subject="operator:someone"),
            path_parameters={"auditID": run_id},
            body=lambda model: model.model_validate(body),
        )
        if path.endswith("/repair"):
            return repair(cast("Any", asked)).body
        if method == "POST":
            return start(cast("Any", asked)).body
        if not self.is_lost:
            with suppress(CapacityError):
                recorder = Recorder(services.audit_runs, services.clock, services.ids)
                run_recorded(recorder, self._scene.auditor(), run_id)
        return show(cast("Any", asked)).body


@pytest.fixture
def api(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API that the command asks; waiting moves the clock."""
    made = Api(scene)
    monkeypatch.setattr(audit, "operator_api", lambda _stack, _state: made)
    monkeypatch.setattr("tools.audit.time.sleep", scene.world.clock.advance)
    return made


@pytest.fixture
def scene() -> Scene:
    """The world of the stack that the command asks."""
    return Scene.ready()


def test_an_audit_without_findings_exits_with_0(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([]) == 0
    assert capsys.readouterr().out.endswith("nothing disagrees\n")


def test_an_audit_with_findings_exits_with_1_and_says_what_to_do(
    scene: Scene, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.a_name_is_left_of_a_claim(scene)
    assert audit.main([]) == 1
    out = capsys.readouterr().out
    assert "name_stale (repairable): ORG#" in out
    assert ADVICE[Kind.NAME_STALE] in out


def test_an_audit_whose_findings_were_all_repaired_exits_with_0_and_names_the_operator(
    scene: Scene, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.a_name_is_left_of_a_claim(scene)
    assert audit.main(["--fix", *WHY]) == 0
    out = capsys.readouterr().out
    assert "name_stale (repaired)" in out
    assert ADVICE[Kind.NAME_STALE] not in out
    (line,) = (one for one in scene.world.telemetry.audits if one.action == "repair_name_stale")
    assert (line.actor, line.details["reason"]) == ("operator:someone", "tidy up")
    assert audit.main([]) == 0


def test_a_dry_run_says_what_a_repair_does_and_does_nothing(
    scene: Scene, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.a_name_is_left_of_a_claim(scene)
    before = scene.db.dump()[HOLDERS]
    assert audit.main(["--dry-run", "--fix", *WHY]) == 1
    assert "name_stale (repairable)" in capsys.readouterr().out
    assert scene.db.dump()[HOLDERS] == before


def test_only_the_findings_that_are_named_are_repaired(
    scene: Scene, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.a_name_is_left_of_a_claim(scene)
    planted.more_is_counted_than_there_is(scene)
    assert audit.main(["--json"]) == 1
    found = {one["kind"]: one["id"] for one in json.loads(capsys.readouterr().out)["findings"]}
    assert audit.main(["--json", *WHY, "--fix", found["quota_drift"]]) == 1
    results = {one["kind"]: one["result"] for one in json.loads(capsys.readouterr().out)["findings"]}
    assert results == {"name_stale": "repairable", "quota_drift": "repaired"}


def test_findings_left_after_repairs_exit_with_1(
    scene: Scene, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.a_name_is_left_of_a_claim(scene)
    planted_servers.a_server_outlives_its_holder(scene)
    assert audit.main(["--fix", *WHY]) == 1
    assert "name it in takeAway" in capsys.readouterr().out
    name = f"{planted.NOBODY}-1780000000"
    assert audit.main(["--fix", *WHY, "--take-away", name]) == 0


def test_a_repair_without_a_reason_is_a_mistake_of_the_command(api: Api) -> None:
    with pytest.raises(SystemExit) as ended:
        audit.main(["--fix"])
    assert ended.value.code == 2


def test_the_json_report_has_the_same_findings(
    scene: Scene, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.a_name_is_left_of_a_claim(scene)
    assert audit.main(["--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    (finding,) = report["findings"]
    assert (report["clean"], finding["kind"], finding["result"]) == (False, "name_stale", "repairable")
    assert {"subject", "message", "advice", "items"} <= finding.keys()


@pytest.mark.parametrize("fault", [throttled(), unreachable()], ids=["throttled", "unreachable"])
def test_a_database_that_does_not_answer_exits_with_2(
    scene: Scene, api: Api, capsys: pytest.CaptureFixture[str], fault: Any
) -> None:
    scene.db.before("scan", fault, times=None)
    for arguments in ([], ["--fix", *WHY]):
        assert audit.main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("the audit could not be made: ")


def test_an_audit_that_never_begins_exits_with_2(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.is_lost = True
    assert audit.main([]) == 2
    assert capsys.readouterr().err == "the audit could not be made: it never began\n"


def test_an_audit_without_a_stack_exits_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_runs(_stack: str, _state: str) -> Any:
        raise LaunchError("no local stack is running")

    monkeypatch.setattr(audit, "operator_api", nothing_runs)
    assert audit.main([]) == 2
    assert audit.main(["--fix", *WHY]) == 2


def test_every_kind_of_finding_has_advice_and_a_section_in_the_guide() -> None:
    guide = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    assert set(ADVICE) == set(Kind)
    assert [kind.value for kind in Kind if f"`{kind}`" not in guide] == []


# The scheduled function


@pytest.fixture
def deployed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The same tables behind the function's own clients."""
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    monkeypatch.setattr(composition, "environment", lambda: Environment(SETTINGS))
    monkeypatch.setattr(composition, "client", {"dynamodb": scene.db}.__getitem__)
    for built_once in (composition.observability, composition.edges):
        built_once.cache_clear()
    yield scene
    for built_once in (composition.observability, composition.edges):
        built_once.cache_clear()


def _invoke() -> Any:
    spec = importlib.util.spec_from_file_location(
        "audit_handler", ROOT / "functions" / "audit_holders" / "handler.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    event = json.loads((ROOT / "events" / "audit_holders" / "scheduled.json").read_text(encoding="utf-8"))
    return json.loads(json.dumps(module.lambda_handler(event, _Context())))


class _Context:
    function_name = "audit_holders"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:test"
    aws_request_id = "7f9d1c5e-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


def test_the_schedule_reports_findings_and_repairs_nothing(
    deployed: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _invoke()["clean"] is True
    planted.a_name_is_left_of_a_claim(deployed)
    before = deployed.db.dump()
    assert _invoke()["clean"] is False
    after = deployed.db.dump()
    added = [item for item in after.pop(INVENTORY) if item not in before[INVENTORY]]
    assert [item["pk"]["S"] for item in added] == [keys.AUDITS_PARTITION]
    assert after == {table: items for table, items in before.items() if table != INVENTORY}
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert any(line.get("AuditFindings") and line.get("kind") == "name_stale" for line in metrics)
    assert sum(sum(line.get("AuditsRun", [])) for line in metrics) == 2


def test_the_schedule_only_reads(deployed: Scene) -> None:
    planted.a_domain_is_owned_without_a_holder(deployed)
    planted.more_is_counted_than_there_is(deployed)
    used: set[str] = set()
    deployed.db.before("*", lambda operation, _: used.add(operation), times=None)
    _invoke()
    assert used == {"scan", "get_item", "transact_get_items", "query", "put_item"}
