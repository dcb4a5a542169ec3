"""The command as people use it, on the smallest module and the tests that are about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tools.mutation.__main__ import BAD, BROKEN
from tools.mutation.page import PAGE
from tools.mutation.settings import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TESTS = "unit/placement"


def _mutate(state: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.mutation", "--state", str(state), "--tests", TESTS, *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


def test_mistakes_are_noticed_results_are_kept_and_no_file_changes(tmp_path: Path) -> None:
    written = PAGE.read_bytes()
    sources = {path: path.read_bytes() for path in (ROOT / "layers").rglob("*.py")}

    begun = _mutate(tmp_path, "--module", "placement/model.py", "--sample", "3")
    results = (tmp_path / "results.jsonl").read_text().splitlines()
    again = _mutate(tmp_path, "--module", "placement/model.py")

    assert len(results) == 3
    assert "3 known from earlier runs" in again.stderr
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    sentence = next(x for x in lines if "describe" in x["change"] and x["change"].endswith("return None"))
    assert len(lines) > 3, begun.stderr + again.stderr
    assert sentence["by"].startswith("tests/unit/placement/test_choose.py::")
    assert PAGE.read_bytes() == written
    assert {path: path.read_bytes() for path in sources} == sources


def test_what_nothing_reaches_is_unexplained_and_fails_the_run(tmp_path: Path) -> None:
    ended = _mutate(tmp_path, "--module", "dynamodb/client.py", "--sample", "2")

    assert ended.returncode == BAD
    assert "unreached" in ended.stdout


def test_a_run_that_is_out_of_time_says_so_and_goes_on_later(tmp_path: Path) -> None:
    ended = _mutate(tmp_path, "--module", "placement/line.py", "--minutes", "0")

    assert ended.returncode == BROKEN
    assert "the same command goes on" in ended.stderr
    assert not json.loads((tmp_path / "summary.json").read_text())["complete"]
