"""Profiles say where a token comes from, and never have one."""

from __future__ import annotations

import stat
import sys
import tomllib
from typing import TYPE_CHECKING

from testkit.world import ORGANIZATION
from tests.cli.terminal import ADDRESS, Terminal, Wire

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from testkit.hostile.service import Service


def _command(tmp_path: Path, *tokens: str) -> str:
    """A command that prints the next of some tokens."""
    (tmp_path / "tokens").write_text("\n".join(tokens))
    file = str(tmp_path / "tokens")
    program = (
        f"t = open({file!r}).read().splitlines(); print(t[0]); "
        f"open({file!r}, 'w').write(chr(10).join(t[1:] or t))"
    )
    return f'{sys.executable} -c "{program}"'


def test_a_login_stores_everything_but_the_token(
    terminal: Terminal, service: Service, profile: Path, tmp_path: Path
) -> None:
    token = service.token("owner")
    command = _command(tmp_path, token)
    outcome = terminal.ok(
        *("login", "--address", ADDRESS, "--profile", "work", "--token-command", command),
        *("--organization", ORGANIZATION, "--project", "p"),
    )
    assert outcome.err.startswith("logged in to ")
    told = tomllib.loads(profile.read_text())
    assert told["current"] == "work"
    assert told["profiles"]["work"] == {
        "address": ADDRESS,
        "token_command": command,
        "organization": ORGANIZATION,
        "project": "p",
    }
    assert token not in profile.read_text()
    assert stat.S_IMODE(profile.stat().st_mode) == 0o600
    terminal.ok("reservations", "get", service.ids["reservation of owner"])


def test_a_login_that_the_service_rejects_stores_nothing(
    terminal: Terminal, profile: Path, tmp_path: Path
) -> None:
    before = profile.read_text()
    refused = terminal.run("login", "--address", ADDRESS, "--token-command", _command(tmp_path, "no token"))
    assert refused.code == 6
    assert terminal.run("login", "--address", ADDRESS).code == 2
    assert profile.read_text() == before


def test_a_token_that_has_expired_is_replaced_once(
    terminal: Terminal, wire: Wire, service: Service, tmp_path: Path
) -> None:
    command = _command(tmp_path, service.token("owner"), "expired", service.token("owner"))
    terminal.ok("login", "--address", ADDRESS, "--token-command", command)
    before = len(wire.requests)
    terminal.ok("reservations", "list")
    assert len(wire.requests) - before == 2


def test_a_command_that_fails_is_told_and_its_output_is_not(terminal: Terminal, profile: Path) -> None:
    program = "import sys; print(4711); print(7, file=sys.stderr); print(8, file=sys.stderr); sys.exit(3)"
    command = f"{sys.executable} -c '{program}'"
    profile.write_text(f'[profiles.default]\naddress = "{ADDRESS}"\ntoken_command = "{command}"\n')
    outcome = terminal.run("reservations", "list")
    assert outcome.code == 6
    assert "failed (exit code 3): 7\n8" in outcome.err
    assert "4711" not in outcome.err


def test_the_environment_goes_before_a_profile(
    terminal: Terminal, wire: Wire, monkeypatch: pytest.MonkeyPatch, service: Service
) -> None:
    monkeypatch.setenv("GPUCAP_ADDRESS", "http://elsewhere.test/live")
    monkeypatch.setenv("GPUCAP_TOKEN", service.token("other organization"))
    monkeypatch.setenv("GPUCAP_ORGANIZATION", "5f0c2b1e-8a77-4f1b-9a53-0f6d1c2e3a4b")
    found = terminal.ok("reservations", "list", "--json").json
    assert [one["metadata"]["id"] for one in found] == [service.ids["reservation of other organization"]]
    assert wire.requests[-1].url.host == "elsewhere.test"


def test_profiles_are_listed_chosen_and_forgotten(terminal: Terminal, profile: Path) -> None:
    with profile.open("a") as file:
        file.write('[profiles.other]\naddress = "http://other.test"\n')
    assert "other.test" in terminal.ok("profiles", "--use", "other").out
    assert tomllib.loads(profile.read_text())["current"] == "other"
    terminal.ok("profiles", "--delete", "default")
    assert list(tomllib.loads(profile.read_text())["profiles"]) == ["other"]
    assert terminal.run("profiles", "--use", "default").code == 2
    assert terminal.run("reservations", "list", "--profile", "default").code == 2


def test_an_address_without_a_scheme_is_refused(
    terminal: Terminal, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUCAP_ADDRESS", "service.test")
    outcome = terminal.run("reservations", "list")
    assert outcome.code == 2
    assert "has to begin with https://" in outcome.err
    assert not wire.requests
