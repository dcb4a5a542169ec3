"""How long a cold start spends on importing each handler; reported, nothing is asserted.

Every handler is imported by fresh interpreters; the best of three is shown, without the start of Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROOT = Path(__file__).parents[1]
HANDLERS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
PROGRAM = """
import importlib.util, time
began = time.perf_counter()
specification = importlib.util.spec_from_file_location("handler", {path!r})
specification.loader.exec_module(importlib.util.module_from_spec(specification))
print(time.perf_counter() - began)
"""


def _import_seconds(handler: str) -> float:
    path = str(ROOT / "functions" / handler / "handler.py")
    finished = subprocess.run(  # noqa: S603 - this interpreter, this program
        [sys.executable, "-c", PROGRAM.format(path=path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "layers" / "shared")},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(finished.stdout)


@pytest.mark.parametrize("handler", HANDLERS)
def test_importing_a_handler(benchmark: BenchmarkFixture, handler: str) -> None:
    """The timing is the child's own, so that the start of the interpreter does not count."""
    _import_seconds(handler)
    seconds = [_import_seconds(handler) for _ in range(3)]
    benchmark.group = "import (see extra_info import_ms; the timing is that of the whole process)"
    benchmark.extra_info["import_ms"] = round(min(seconds) * 1000)
    print(f"\n  {handler}: {min(seconds) * 1000:.0f} ms", end=" ")

    benchmark.pedantic(_import_seconds, args=(handler,), rounds=1)  # type: ignore[no-untyped-call]
