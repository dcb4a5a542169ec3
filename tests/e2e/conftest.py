from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.stack import Stack, running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The real template on the emulator, with the sample fleet."""
    with running_stack(
        tmp_path_factory.mktemp("stack"),
        SimulatedReadySeconds="1",
        SimulatedDeleteSeconds="1",
        SimulatedBootSeconds="1",
        SimulatedRebuildSeconds="1",
        PollSeconds="1",
        ReconcileGraceSeconds="5",
        # Longer than it takes to see that a VM with notice keeps running.
        VmNoticeSeconds="4",
        # Tests read more often than people do; the limit on writes is the default.
        VmReadsPerMinute="600",
    ) as running:
        yield running
