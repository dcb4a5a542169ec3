"""Commands can be interrupted wherever they are started from."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools import set_up

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

STARTED = re.compile(r"-m ((?:tools|proof|benchmarks)[a-z_.]*)|(tools/[a-z_]+\.py)")


def commands() -> list[str]:
    """The Python programs that the Makefile starts."""
    found = STARTED.findall((ROOT / "Makefile").read_text())
    return sorted({module or path.removesuffix(".py").replace("/", ".") for module, path in found})


@pytest.mark.parametrize("module", commands())
def test_every_command_sets_its_interrupt_handler_before_anything_else(module: str) -> None:
    """Also if it was started with SIGINT ignored: its first act replaces that."""
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
        env={"PYTHONPATH": "layers/shared:cli:."},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "ValueError('a defect')"])
def test_an_interrupt_prints_one_word_and_an_unexpected_error_its_traceback(error: str) -> None:
    program = f"from tools.interrupts import heed_interrupts\nheed_interrupts()\nraise {error}\n"
    done = subprocess.run(  # noqa: S603 - this interpreter, this repository's files
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    if error == "KeyboardInterrupt":
        assert done.stderr == "interrupted\n"
    else:
        assert done.stderr.startswith("Traceback")
        assert done.stderr.endswith("ValueError: a defect\n")


@pytest.mark.parametrize("module", [name for name in commands() if name != "tools.set_up"])
def test_every_command_handles_interrupts_so(module: str) -> None:
    path = ROOT / module.replace(".", "/")
    source = (path / "__main__.py" if path.is_dir() else path.with_suffix(".py")).read_text()

    assert source.count("    heed_interrupts()\n") == 1


def test_setting_up_is_interrupted_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("VENVS", str(tmp_path))
    monkeypatch.setattr(set_up, "build", interrupted)

    assert set_up.main(["dev"]) == 128 + signal.SIGINT
    assert capsys.readouterr().err == "interrupted\n"
