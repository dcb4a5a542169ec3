"""A provider is a folder, and a setting names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity import providers
from gpu_capacity.errors import Misconfigured
from gpu_capacity.providers import registry
from gpu_capacity.providers.port import HoldOutcome, StartOutcome
from gpu_capacity.providers.registry import Site
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.runtime.wiring import Edges, providers_of
from testkit.doubles import CountingIds, FakeClock, RecordedPause, RecordedTelemetry
from testkit.dynamodb import MemoryDynamoDB
from testkit.world import SERVERS, create_tables
from tests.contract.providers.test_vms import ORDER
from tests.template.loading import template

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
class Own:
    def __init__(self, color):
        self.color = color

def host_provider(site):
    color = site.settings.text("OWN_COLOR")
    return lambda: Own(color)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second folder, with hosts and without VMs; and a file, which is no provider."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "__init__.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "notes.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path)])


def _site(**settings: str) -> Site:
    db = MemoryDynamoDB()
    create_tables(db)
    variables = {"SERVERS_TABLE": SERVERS, **settings}
    return Site(Environment(variables), db, FakeClock(), RecordedPause(), RecordedTelemetry())


def test_the_simulated_provider_is_the_default_of_both() -> None:
    site = _site()
    assert registry.host_provider(site)().hold("mine-1", "eu-ams-1", ["host"]) == {"host": HoldOutcome.HELD}
    assert registry.vm_provider(site)().start(ORDER) is StartOutcome.STARTED


@pytest.mark.usefixtures("own")
def test_another_folder_is_another_provider() -> None:
    chosen: Any = registry.host_provider(_site(HOST_PROVIDER="own", OWN_COLOR="red"))()
    assert chosen.color == "red"


@pytest.mark.usefixtures("own")
def test_only_the_settings_of_the_chosen_provider_are_read_and_at_once() -> None:
    with pytest.raises(Misconfigured, match="OWN_COLOR"):
        registry.host_provider(_site(HOST_PROVIDER="own"))
    registry.host_provider(_site(HOST_PROVIDER="own", OWN_COLOR="red", SIMULATED_READY_SECONDS="soon"))
    with pytest.raises(Misconfigured, match="SIMULATED_READY_SECONDS"):
        registry.host_provider(_site(SIMULATED_READY_SECONDS="soon"))


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("name", ["abacus", "notes", "registry", "../own", "own.x", "Own"])
def test_a_name_that_is_no_folder_is_refused_with_the_existing_ones(name: str) -> None:
    with pytest.raises(Misconfigured, match=r"^HOST_PROVIDER must be one of: ironic, own, simulated$"):
        registry.host_provider(_site(HOST_PROVIDER=name))


@pytest.mark.usefixtures("own")
def test_a_provider_without_vms_runs_none() -> None:
    with pytest.raises(Misconfigured, match=r"^VM_PROVIDER must be one of: simulated$"):
        registry.vm_provider(_site(VM_PROVIDER="own"))


def test_the_service_is_wired_with_both() -> None:
    site = _site()
    edges = Edges(site.dynamodb, site.clock, CountingIds(), site.pause, site.telemetry)
    hosts, vms = providers_of(Environment({"SERVERS_TABLE": SERVERS}), edges)
    assert list(hosts.held("mine-1")) == []
    assert vms.server("mine-1") is None


@pytest.mark.parametrize(
    ("parameter", "factory"), [("HostProvider", "host_provider"), ("VmProvider", "vm_provider")]
)
def test_the_template_allows_exactly_the_existing_folders(parameter: str, factory: str) -> None:
    declared = template()["Parameters"][parameter]
    assert declared["AllowedValues"] == registry.names(factory)
    assert declared["Default"] == registry.DEFAULT
