"""The story of the README, by the command line alone, from the line on that `make run` prints."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tools.local_stack.first_calls import DEVELOPER_PROJECT, login_line

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

REGION = "us-tex-1"
WAIT_SECONDS_MAX = "180"


@dataclass(frozen=True)
class Shell:
    """A shell of somebody who has the command line, and profiles nowhere else."""

    environment: dict[str, str]

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - lines of this file, for a stack on loopback
            ["/bin/bash", "-c", line], env=self.environment, capture_output=True, text=True, check=False
        )

    def gpucap(self, words: str) -> str:
        done = self.run(f"gpucap {words}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, words: str) -> Any:
        return json.loads(self.gpucap(f"{words} --json"))


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    programs = Path(sys.prefix).parent / "cli" / "bin"
    assert (programs / "gpucap").exists(), "`make cli` sets the command line up"
    given = {name: value for name, value in os.environ.items() if not name.startswith("GPUCAP_")}
    path = f"{programs}{os.pathsep}{given['PATH']}"
    return Shell(given | {"PATH": path, "GPUCAP_CONFIG": str(tmp_path / "config.toml")})


def test_racks_are_reserved_servers_are_booted_and_all_is_given_back(stack: Stack, shell: Shell) -> None:
    logged_in = shell.run(login_line(stack.state, stack.url))
    assert logged_in.returncode == 0, logged_in.stderr
    assert re.search(r"^us-tex-1 +GB300 +NVL72 ", shell.gpucap("units list"), re.MULTILINE)

    racks = f"--accelerator GB300 --unit NVL72 --region {REGION}"
    wait = f"--wait --timeout {WAIT_SECONDS_MAX}"
    reserved = shell.json(f"reservations create {racks} --count 2 {wait}")
    reservation = reserved["metadata"]["id"]
    assert reserved["metadata"]["provisioningStatus"] == "provisioned"
    assert reserved["metadata"]["projectId"] == DEVELOPER_PROJECT

    servers = f"--reservation {reservation} --network training --count 4 --policy spread --image ubuntu-24.04"
    placed = shell.json(f"placements create {servers} {wait}")
    placement = placed["metadata"]["id"]
    assert placed["status"]["readyHostCount"] == 4
    assert re.search(rf"A  reservation {reservation} .*: 2$", shell.gpucap(f"map {REGION}"), re.MULTILINE)
    table = shell.gpucap(f"servers list {placement}")
    assert len(re.findall(r"^psrv-\w+ .* Running +[\d.]+ ", table, re.MULTILINE)) == 4

    too_many = shell.run(f"gpucap reservations create {racks} --count 9")
    assert too_many.returncode == 3, too_many
    assert "it can never fit" in too_many.stderr

    gone = shell.run(f"gpucap reservations delete {reservation} {wait}")
    assert gone.returncode == 0, gone.stderr
    assert shell.run(f"gpucap placements get {placement}").returncode == 5
