"""The permissions that the event files of the VM API need. ``tests.vms`` checks the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.handlers.vm_stage import Stage, read, with_header
from tests.vms.api.test_every_event import CASES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testkit.handlers.aws import Access


def record() -> Iterator[dict[str, set[Access]]]:
    """The permissions that each function used for these events, by function."""
    for function, cases in CASES.items():
        for case, (_, _, before) in cases.items():
            with pytest.MonkeyPatch.context() as monkeypatch:
                stage = Stage(monkeypatch)
                before(stage)
                stage.send(function, case)
                if "Authorization" in (event := read(function, case))["headers"]:
                    key = stage.api_key()
                    stage.send(function, event=with_header(event, "Authorization", key))
                yield stage.recorder.used
                stage.restart()
