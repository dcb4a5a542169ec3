"""Schema-driven requests against the deployed application: a short form of `make fuzz`, with a fixed seed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.e2e.stack import ROOT
from tools.fuzz.campaign import OWN, PUBLISHED, Effort, fuzz, served

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.stack import Stack

# Systematic coverage takes most of the time and is left to `make fuzz`.
SHORT = Effort(examples=5, seed=20_260_428, phases=("examples", "fuzzing", "stateful"))
VENVS = (ROOT / os.environ.get("VENVS", ".venvs")).resolve()


@pytest.mark.parametrize("document", [d for d in (OWN, *PUBLISHED) if served(d)], ids=lambda path: path.stem)
def test_the_service_keeps_what_its_documents_promise(stack: Stack, document: Path, tmp_path: Path) -> None:
    outcome = fuzz(document, stack.url, stack.state, SHORT, tmp_path, VENVS)
    assert not outcome.failures, "\n\n".join(outcome.failures)
    assert outcome.operations == len(served(document))
    assert outcome.requests >= 3 * outcome.operations
