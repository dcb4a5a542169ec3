"""Watching shows each change once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.cli.terminal import Terminal, interrupt

if TYPE_CHECKING:
    import pytest

    from testkit.hostile.service import Service


def test_changes_are_told_once_until_the_user_has_enough(terminal: Terminal, service: Service) -> None:
    reservation, claim = service.ids["reservation of owner"], service.ids["claim of owner"]

    def deleted() -> None:
        from testkit.hostile.service import Ask  # noqa: PLC0415

        service.sent_by(Ask("DELETE", f"/api/v2/reservations/{reservation}"), "owner")

    terminal.meanwhile = [lambda: None, deleted, interrupt]
    lines = terminal.ok("watch", "reservations", "claims").out.splitlines()
    of_it = [line for line in lines if reservation in line]
    assert [line.split(": ")[1].split(",")[0] for line in of_it] == ["provisioned", "deprovisioning"]
    assert len([line for line in lines if f"capacity claim {claim} mine" in line]) == 1


def test_what_the_token_does_not_allow_is_left_out_unless_it_is_asked_for(
    terminal: Terminal, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_TOKEN", service.token("owner", permissions=["placements:read"]))
    terminal.meanwhile = [interrupt]
    lines = terminal.ok("watch").out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        f"placement {service.ids['placement of owner']} workers"
    ]
    assert terminal.run("watch", "reservations").code == 6
    assert terminal.run("watch", "racks").code == 2


def test_at_a_terminal_it_is_a_table_that_follows(
    terminal: Terminal, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    terminal.meanwhile = [lambda: None, interrupt]
    shown = terminal.ok("watch").out
    assert shown.count(service.ids["claim of owner"]) == 2
    assert "\x1b[?1049h" in shown, "it has a screen of its own"
    assert "\x1b[?1049l" in shown, "and gives it back"
