"""How the command evaluates the output of its tools."""

from __future__ import annotations

import json
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any

import pytest

from tools import security

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make every tool report this."""

    def say(stdout: Any, *, code: int = 0, stderr: str = "") -> None:
        text = stdout if isinstance(stdout, str) else json.dumps(stdout)
        monkeypatch.setattr(security, "_run", lambda *_: CompletedProcess((), code, text, stderr))

    return say


def _scan(*hashes: str) -> dict[str, Any]:
    return {"results": {"a.py": [{"type": "Secret", "hashed_secret": value} for value in hashes]}}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    baseline = tmp_path / ".secrets.baseline"
    baseline.write_text(json.dumps(_scan("one")))
    monkeypatch.setattr(security, "BASELINE", baseline)


@pytest.mark.usefixtures("known")
def test_known_false_positives_are_no_findings(said: Callable[..., None]) -> None:
    said(_scan("one"))
    assert "1 known" in security.detect_secrets()


@pytest.mark.usefixtures("known")
def test_unknown_findings_are_reported(said: Callable[..., None]) -> None:
    said(_scan("one", "two"))
    with pytest.raises(security.Found, match=r"a\.py"):
        security.detect_secrets()


@pytest.mark.usefixtures("known")
def test_a_known_false_positive_that_is_gone_has_to_be_removed_from_the_list(
    said: Callable[..., None],
) -> None:
    said(_scan())
    with pytest.raises(security.Found, match="no longer"):
        security.detect_secrets()


def _audit(*packages: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": [{"name": "lib", "version": "1.0"} | package for package in packages]}


def test_locked_versions_without_known_vulnerability_pass(said: Callable[..., None]) -> None:
    said(_audit({"vulns": []}))
    assert f"{len(security.LOCKS)} locked versions" in security.pip_audit()


def test_a_vulnerable_version_is_named_with_the_version_that_fixes_it(said: Callable[..., None]) -> None:
    said(_audit({"vulns": [{"id": "X-1", "fix_versions": ["1.1"]}]}), code=1)
    with pytest.raises(security.Found, match=r"lib 1\.0: X-1 \(fixed in 1\.1\)"):
        security.pip_audit()


@pytest.mark.parametrize(
    "answer", ["", _audit({"skip_reason": "not found"})], ids=["no answer", "no package known"]
)
def test_without_a_database_of_vulnerabilities_the_result_is_unknown(
    said: Callable[..., None], answer: Any
) -> None:
    said(answer, stderr="cannot connect")
    with pytest.raises(security.Unknown):
        security.pip_audit()


def test_findings_fail_the_command_and_unknown_results_do_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unknown() -> str:
        raise security.Unknown("no network")

    def found() -> str:
        raise security.Found("a key")

    monkeypatch.setattr(security, "QUICK", (("one", unknown),))
    assert security.main(["--quick"]) == 0
    monkeypatch.setattr(security, "QUICK", (("one", found), ("two", lambda: "fine")))
    assert security.main(["--quick"]) == 1
    assert "one: NOT CHECKED: no network" in (words := capsys.readouterr().out)
    assert "two: fine" in words
