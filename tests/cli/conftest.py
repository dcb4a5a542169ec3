"""A terminal in front of the service, logged in as a customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.hostile import service as racks
from testkit.hostile import vm_service as slices
from testkit.world import ORGANIZATION, PROJECT
from tests.cli.terminal import ADDRESS, Terminal, Wire

if TYPE_CHECKING:
    from pathlib import Path

    from testkit.hostile.service import Service
    from testkit.hostile.vm_service import VmService


@pytest.fixture(autouse=True)
def profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A profile of the owner's; returns where profiles are."""
    for name in ("PROFILE", "ADDRESS", "ORGANIZATION", "PROJECT", "TOKEN"):
        monkeypatch.delenv(f"GPUCAP_{name}", raising=False)
    path = tmp_path / "config.toml"
    path.write_text(
        f'current = "default"\n[profiles.default]\naddress = "{ADDRESS}"\ntoken_variable = "THE_TOKEN"\n'
        f'organization = "{ORGANIZATION}"\nproject = "{PROJECT}"\n'
    )
    monkeypatch.setenv("GPUCAP_CONFIG", str(path))
    return path


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    built = racks.build(monkeypatch)
    monkeypatch.setenv("THE_TOKEN", built.token("owner"))
    return built


@pytest.fixture
def wire(service: Service) -> Wire:
    return Wire(service)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wire: Wire) -> Terminal:
    return Terminal(monkeypatch, capsys, wire)


@pytest.fixture
def renter(monkeypatch: pytest.MonkeyPatch) -> VmService:
    built = slices.build(monkeypatch)
    monkeypatch.setenv("THE_TOKEN", built.token("owner"))
    return built


@pytest.fixture
def vm_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], renter: VmService
) -> Terminal:
    return Terminal(monkeypatch, capsys, Wire(renter))
