"""Exit codes in docs/operations.md are those that a script sees: make hides them, the command does not."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
INTERPRETER = ".venvs/dev/bin/python"
DOCUMENTED = re.findall(
    rf"^(PYTHONPATH=\S+) {re.escape(INTERPRETER)} (-m tools\.\w+) .*$",
    (ROOT / "docs" / "operations.md").read_text(),
    re.MULTILINE,
)
NOWHERE = {"tools.sync": 1, "tools.fleet_check": 2, "tools.audit": 2}
"""With neither a stack nor, where one is asked for, a document."""


def _environment(setting: str) -> dict[str, str]:
    name, _, value = setting.partition("=")
    return os.environ | {name: value}


def test_every_command_with_exit_codes_is_documented() -> None:
    assert {arguments.split()[1] for _, arguments in DOCUMENTED} == NOWHERE.keys()


@pytest.mark.parametrize(("setting", "arguments"), DOCUMENTED)
def test_the_documented_command_exits_with_its_own_code(setting: str, arguments: str, tmp_path: Path) -> None:
    wanted = [*shlex.split(arguments), "--state", str(tmp_path)]
    if "fleet_check" in arguments:
        wanted += ["--file", str(tmp_path / "none.json")]
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, *wanted], cwd=ROOT, env=_environment(setting), capture_output=True, check=False
    )
    assert done.returncode == NOWHERE[arguments.split()[1]]


def test_make_exits_with_2_and_prints_the_code(tmp_path: Path) -> None:
    target = ROOT / "Makefile"
    recipe = tmp_path / "Makefile"
    (line,) = [line for line in target.read_text().splitlines() if "-m tools.sync" in line]
    recipe.write_text(f"DEV := {Path(sys.executable).parent}\nsync:\n{line}\n")
    done = subprocess.run(  # noqa: S603 - our own recipe
        ["make", "-f", str(recipe), "sync", f"STATE={tmp_path}"],  # noqa: S607 - the make of the machine
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Error 1" in done.stderr) == (2, True)
