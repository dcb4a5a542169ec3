"""Wrong arguments: each command says in one line what would help, before it does anything."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError, NoRegionError

from gpu_capacity.inventory.fleet.document import SEQUENCE_MAX
from tools import api_key, dev_token, event, fleet_check, quota
from tools.local_stack import issuer
from tools.local_stack.errors import LaunchError
from tools.local_stack.first_calls import how_to_use
from tools.local_stack.state import DEFAULT_STATE, State
from tools.operator_stack import connect

if TYPE_CHECKING:
    from collections.abc import Callable

MAKEFILE = (Path(__file__).resolve().parents[2] / "Makefile").read_text()
HUGE = "9" * 5000
ORGANIZATION = ["--org", "o", "--subject", "GB300"]
TOKEN = ["--org", "o", "--project", "p"]


def printed(
    module: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """The error of a command that refuses its arguments."""
    command = importlib.import_module(module)
    monkeypatch.setattr("sys.argv", [module, *arguments])
    code = command.main(arguments) if command.main.__code__.co_argcount else command.main()
    out, err = capsys.readouterr()
    assert (code > 0, out) == (True, "")
    return err


@pytest.mark.parametrize("value", ["x", "-1", "1.5", HUGE, "٣"])
@pytest.mark.parametrize(
    ("module", "arguments", "name"),
    [
        ("tools.run", ["--port"], "PORT"),
        ("tools.dev_token", [*TOKEN, "--ttl"], "TTL"),
        ("tools.quota", [*ORGANIZATION, "--limit"], "LIMIT"),
        ("tools.sync", ["--sequence"], "SEQUENCE"),
        ("tools.fuzz.__main__", ["--examples"], "EXAMPLES"),
        ("tools.fuzz.__main__", ["--seed"], "SEED"),
        ("tools.load.__main__", ["--clients"], "CLIENTS"),
        ("tools.load.__main__", ["--seconds"], "DURATION"),
        ("proof.__main__", ["--seed"], "SEED"),
        ("proof.__main__", ["--jobs"], "JOBS"),
        ("proof.__main__", ["--minutes"], "MINUTES"),
    ],
)
def test_a_number_must_be_whole_and_within_its_limits(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    module: str,
    arguments: list[str],
    name: str,
    value: str,
) -> None:
    *before, option = arguments
    said = printed(module, [*before, f"{option}={value}"], monkeypatch, capsys)

    assert re.fullmatch(rf"{name} must be a whole number from \d+ to \d+\n", said)


def test_a_sequence_that_no_document_could_follow_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = printed("tools.sync", ["--sequence", str(SEQUENCE_MAX + 1)], monkeypatch, capsys)

    assert said == f"SEQUENCE must be a whole number from 1 to {SEQUENCE_MAX}\n"


def test_an_unknown_permission_is_refused(tmp_path: Path) -> None:
    issuer.ensure_key(State(tmp_path).issuer_key)
    options = dev_token.parse([*TOKEN, "--state", str(tmp_path), "--permissions", "operator,vms:raed"])

    with pytest.raises(LaunchError, match=r"^PERMISSIONS: there is no 'vms:raed': they are .*vms:read"):
        dev_token.token(options)


@pytest.mark.parametrize("given", [["--scope", "read_only"], ["--name", "dashboards"]])
def test_a_key_with_a_description_and_without_a_subject_is_refused(given: list[str]) -> None:
    with pytest.raises(LaunchError, match="SUBJECT= is missing"):
        api_key.check(api_key.parse(["--org", "o", *given]))


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("create_reservation/fool", "cases of create_reservation: accepted_base64, .*, full, "),
        ("create_reservation", "cases of create_reservation: accepted_base64, .*, full, "),
        ("make_reservation/full", "functions that have events: .*audit_holders, .*, create_vm, "),
        ("rest_api", "functions that have events: "),
        ("../events/create_vm/minimal", "functions that have events: "),
    ],
)
def test_an_unknown_event_is_refused_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, listed: str
) -> None:
    said = printed("tools.event", ["--name", name], monkeypatch, capsys)

    assert re.match(rf"there is no event {re.escape(name)}\n{listed}", said)


def no_folder(tmp_path: Path) -> Path:
    return tmp_path / "nothing"


def a_file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("")
    return path


@pytest.mark.parametrize("place", [no_folder, a_file])
@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("tools.dev_token", TOKEN),
        ("tools.quota", ORGANIZATION),
        ("tools.cordon", []),
        ("tools.sync", []),
        ("tools.audit", []),
        ("tools.api_key", ["--org", "o"]),
    ],
)
def test_a_folder_without_a_stack_is_refused_with_the_option_for_another(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    place: Callable[[Path], Path],
    module: str,
    arguments: list[str],
) -> None:
    folder = place(tmp_path)

    said = printed(module, [*arguments, "--state", str(folder)], monkeypatch, capsys)

    assert re.search(rf"no local stack (is running|was started) on {folder}: .*STATE=\n", said)


def test_a_stack_does_not_start_on_a_path_that_is_not_a_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = printed("tools.run", ["--port", "0", "--state", str(a_file(tmp_path))], monkeypatch, capsys)

    assert re.fullmatch(r"\S+ cannot be the state folder: File exists: choose another with STATE=.*\n", said)


def test_a_missing_document_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert fleet_check.main(["--file", str(no_folder(tmp_path))]) == fleet_check.UNKNOWN
    assert capsys.readouterr().err == f"{no_folder(tmp_path)} cannot be read: No such file or directory\n"


class CloudFormation:
    """Describes one deployed stack, or fails."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"Stacks": [{"Outputs": self.answer}]}


OTHERS = [{"OutputKey": "WebsiteUrl", "OutputValue": "https://example.com"}]
REFUSED = [
    (NoRegionError(), "no AWS region is set: set AWS_DEFAULT_REGION"),
    (NoCredentialsError(), "no AWS credentials"),
    (OTHERS, "site is not a stack of this service: it has no output HoldersTableName"),
]


@pytest.mark.parametrize(("answer", "said"), REFUSED)
def test_an_unusable_deployed_stack_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, answer: Any, said: str
) -> None:
    monkeypatch.setattr(boto3, "client", lambda _service: CloudFormation(answer))

    with pytest.raises(LaunchError, match=said):
        connect("site", "")


def test_a_document_is_not_reported_as_checked_against_a_missing_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fleet_check, "parse", lambda _text: None)
    monkeypatch.setattr(fleet_check, "describe_document", lambda _fleet: "valid")
    monkeypatch.setattr(boto3, "client", lambda _service: CloudFormation(OTHERS))

    assert fleet_check.main(["--file", str(a_file(tmp_path)), "--stack", "site"]) == fleet_check.UNKNOWN


def test_hints_that_a_stack_prints_name_its_own_folder(tmp_path: Path) -> None:
    issuer.ensure_key(State(tmp_path).issuer_key)
    said = how_to_use(State(tmp_path), "http://127.0.0.1:1")

    assert f"make -s token ORG= PROJECT= STATE={tmp_path}`" in said
    assert said.endswith(f"keeps its state (rm -r {tmp_path} deletes it).")


def test_the_default_stack_needs_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer, "mint", lambda *_, **__: "token")
    said = how_to_use(State(DEFAULT_STATE), "http://127.0.0.1:1")

    assert "STATE=" not in said
    assert said.endswith("keeps its state (make clean deletes it).")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))))
def test_help_names_every_variable_that_a_command_takes(target: str) -> None:
    found = re.search(rf"^{target}:[^\n]*## ([^\n]*)\n((?:\t[^\n]*\n)*)", MAKEFILE, re.MULTILINE)
    assert found
    taken = set(re.findall(r'"\$\((\w+)\)"', found[2])) | set(re.findall(r"\$\((ARGS)\)", found[2]))

    assert {name for name in taken - {"VENVS"} if f"{name}=" not in found[1]} == set()


def test_the_commands_that_write_print_their_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (quota, api_key, dev_token, event):
        assert printed(module.__name__, [], monkeypatch, capsys).startswith("usage: make ")
