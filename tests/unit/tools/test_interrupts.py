"""Commands can be interrupted wherever they are started from."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

STARTED = re.compile(r"-m ((?:tools|proof|benchmarks)[a-z_.]*)|(tools/[a-z_]+\.py)")


def commands() -> list[str]:
    """The Python programs that the Makefile starts."""
    found = STARTED.findall((ROOT / "Makefile").read_text())
    return sorted({module or path.removesuffix(".py").replace("/", ".") for module, path in found})


@pytest.mark.parametrize("module", commands())
def test_every_command_sets_its_handler_of_interrupts_before_it_does_anything(module: str) -> None:
    """Also where it was started with SIGINT ignored: its first act replaces that."""
    observer = (
        "import runpy, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "def look(number, handler, set_handler=signal.signal):\n"
        "    set_handler(number, handler)\n"
        "    if number == signal.SIGINT:\n"
        "        print(handler is signal.default_int_handler, flush=True)\n"
        "        raise SystemExit(0)\n"
        "signal.signal = look\n"
        "sys.argv = [sys.argv[1]]\n"
        "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
    )
    done = subprocess.run(  # noqa: S603 - this interpreter, this repository's files
        [sys.executable, "-c", observer, module],
        cwd=ROOT,
        env={"PYTHONPATH": "layers/shared:."},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
