"""The program starts with little, and what is installed is what is here."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.template.loading import ROOT

HEAVY = ("httpx", "rich", "pydantic", "asyncio")
"""What takes long to import: 40 to 150 ms each."""
COMMANDS = {
    "version": ("--version",),
    "help": ("--help",),
    "help of a verb": ("reservations", "create", "--help"),
}


def _run(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - this interpreter, this repository's files
        [sys.executable, "-c", program, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT / "cli")} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


TOLD = """
import sys
from importlib import metadata
metadata.version = lambda name: "of the tests"
from gpucap.__main__ import main
try:
    main()
finally:
    print("imported", *sorted(sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_imported_that_is_not_needed(name: str) -> None:
    done = _run(TOLD, *COMMANDS[name])
    assert done.returncode == 0, done.stderr
    imported = set(done.stderr.split())
    assert {"typer", "gpucap.app"} <= imported
    assert not imported & set(HEAVY)


ASKS = """
import sys
# It is installed here for other tools, and httpx has a command line of its own where it is.
sys.modules["click"] = None
from gpucap import surroundings
import httpx

def answer(request):
    print("imported", *sorted(sys.modules), file=sys.stderr)
    return httpx.Response(200, json=[{"regionId": "us-tex-1"}])

surroundings.transport = httpx.MockTransport(answer)
from gpucap.__main__ import main
main()
"""


def test_a_request_is_sent_before_anything_that_draws_is_imported(tmp_path: Path) -> None:
    config = str(tmp_path / "none.toml")
    done = _run(
        ASKS, "units", "list", GPUCAP_CONFIG=config, GPUCAP_ADDRESS="http://service.test", GPUCAP_TOKEN="t"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["REGION", "us-tex-1"]
    assert not set(done.stderr.split()) & {"rich", "pydantic"}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("gpucap reserv", "reservations"),
        ("gpucap reservations cr", "create"),
        ("gpucap vms create --gpu-t", "--gpu-type"),
    ],
)
def test_the_shell_completes_nouns_verbs_and_options(words: str, offered: str) -> None:
    done = _run(
        "from gpucap.__main__ import main; main()",
        _GPUCAP_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split()) - 1),
    )
    assert done.stdout.split() == [offered]


def test_the_environment_of_the_command_line_runs_what_is_here() -> None:
    installed = Path(sys.prefix).parent / "cli" / "bin" / "gpucap"
    assert installed.exists(), "`make cli` makes it"
    done = subprocess.run([installed, "--version"], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    version = tomllib.loads((ROOT / "cli" / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert done.stdout == f"gpucap {version}\n"
