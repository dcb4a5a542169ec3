"""One stack for all stories. With several workers the controller starts it, and tells them where it is.

The stories are in two groups that use no region in common. A worker runs a group in its order.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.e2e.stack import FleetManager, Stack, running_stack
from tools.local_stack.temporary import state_in

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS: Final = {
    "SimulatedReadySeconds": "1",
    "SimulatedDeleteSeconds": "1",
    "SimulatedBootSeconds": "1",
    "SimulatedRebuildSeconds": "1",
    "PollSeconds": "1",
    "ReconcileGraceSeconds": "5",
    # Longer than it takes to see that a VM with notice keeps running.
    "VmNoticeSeconds": "4",
    # Tests read more often than people do; the limit on writes is the default.
    "VmReadsPerMinute": "600",
}
ADDRESS, FOLDER = "address", "folder of the stack"

_ENDING: Final = pytest.StashKey[ExitStack]()
_FOLDER: Final = pytest.StashKey[Path]()


class _Groups(LoadScopeScheduling):  # type: ignore[misc]
    """The stories of VMs, and all others."""

    def _split_scope(self, nodeid: str) -> str:
        return "slices" if "test_vms_story" in nodeid else "racks"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Groups:
    """Which worker runs what."""
    return _Groups(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the controller: tell each worker where the stack will be."""
    if _ENDING not in node.config.stash:
        node.config.stash[_ENDING] = ending = ExitStack()
        node.config.stash[_FOLDER] = Path(ending.enter_context(tempfile.TemporaryDirectory()))
    node.workerinput[FOLDER] = str(node.config.stash[_FOLDER])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """In the controller, before tests are handed out: start the stack if there are any."""
    folder = node.config.stash[_FOLDER]
    if ids and not (folder / ADDRESS).exists():
        running = node.config.stash[_ENDING].enter_context(running_stack(folder, **SETTINGS))
        (folder / ADDRESS).write_text(running.url)


def pytest_unconfigure(config: pytest.Config) -> None:
    """In the controller: end the stack."""
    if _ENDING in config.stash:
        config.stash[_ENDING].close()


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The real template on the emulator, with the sample fleet."""
    place = getattr(request.config, "workerinput", {})
    if FOLDER in place:
        folder = Path(place[FOLDER])
        yield Stack((folder / ADDRESS).read_text(), state_in(folder))
        return
    with running_stack(tmp_path_factory.mktemp("stack"), **SETTINGS) as running:
        yield running


@pytest.fixture
def fleet(stack: Stack) -> Iterator[FleetManager]:
    """Publishes fleet documents for one test at a time."""
    with FleetManager(stack).alone() as manager:
        yield manager
