"""Create the virtual environments named on the command line, each from its own hashed lock file.

    python3 tools/set_up.py dev sam emulator

An environment is rebuilt if its lock file or the interpreter changed. uv builds them; it comes first, by pip,
into an environment of its own. Runs on the machine's own interpreter with nothing installed, so it uses the
standard library only. Its syntax is one that old interpreters can parse, so that they are refused with a
message.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path

OLDEST_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
STAMP = "lock.sha256"
OWN = {"cli": ROOT / "cli"}
"""Environments that get a package of this repository as well, from its folder."""
INSTALLER = "uv"
OF_PIP = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
"""Settings of pip, and the environment variables that tell uv the same."""


class SetUpError(Exception):
    """The machine lacks something; the message is all that the user sees."""


def check_machine() -> None:
    """Raise SetUpError if this interpreter cannot build the environments."""
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(str(part) for part in OLDEST_PYTHON)
        raise SetUpError(
            f"Python {wanted} or later is needed, {sys.executable} is {platform.python_version()}: "
            "choose another with PYTHON=/path/to/python3"
        )
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetUpError(
                f"{sys.executable} has no module {module}: install it (Debian, Ubuntu: package python3-venv)"
            )
    if shutil.which("git") is None:
        raise SetUpError("git is not on the PATH: install it")


def lock_file(name: str) -> Path:
    """Return the lock file of an environment; SetUpError if there is no such environment."""
    path = ROOT / "requirements" / f"{name}.txt"
    if not path.is_file():
        raise SetUpError(f"there is no environment {name!r}: {path.relative_to(ROOT)} does not exist")
    return path


def wanted_stamp(name: str) -> str:
    """Hash lock content, interpreter version and place: what the environment has to be built from (hex)."""
    text = lock_file(name).read_bytes() + f"{sys.version} {sys.base_prefix}".encode()
    if name in OWN:
        text += f"{OWN[name]}".encode() + (OWN[name] / "pyproject.toml").read_bytes()
    return hashlib.sha256(text).hexdigest()


def is_current(venv: Path, name: str) -> bool:
    """Tell whether the environment is complete and built from the current lock file and interpreter."""
    stamp = venv / STAMP
    return stamp.is_file() and stamp.read_text() == wanted_stamp(name)


def build(venv: Path, name: str) -> None:
    """Build one environment from scratch. SetUpError, with the end of the output, if that fails."""
    print(f"setting up {os.path.relpath(venv)} …", file=sys.stderr, flush=True)
    if venv.exists():
        shutil.rmtree(venv)
    lock, python = lock_file(name), venv / "bin" / "python"
    # A lock file names every package, so nothing has to be resolved; older pips fail on extras if they try.
    install = ["--quiet", "--no-deps", "--require-hashes", "--requirement", str(lock)]
    if name == INSTALLER:
        run([sys.executable, "-m", "venv", str(venv)], name)
        options = ["--disable-pip-version-check", "--no-input", "--no-compile"]
        run([str(python), "-m", "pip", "install", *options, *install], name)
    else:
        uv, settings = venv.parent / INSTALLER / "bin" / "uv", settings_of_pip(venv.parent)
        run([str(uv), "venv", "--quiet", "--python", sys.executable, str(venv)], name, settings)
        run([str(uv), "pip", "install", "--python", str(python), *install], name, settings)
        if name in OWN:
            # What builds it is in the lock file as well, so nothing is downloaded for it.
            own = ["--quiet", "--no-deps", "--no-build-isolation", "--editable", str(OWN[name])]
            run([str(uv), "pip", "install", "--python", str(python), *own], name, settings)
    (venv / STAMP).write_text(wanted_stamp(name))


def settings_of_pip(folder: Path) -> dict[str, str]:
    """Where this machine's pip finds packages, as settings of uv, which does not read those of pip."""
    python = folder / INSTALLER / "bin" / "python"
    listed = subprocess.run(
        [str(python), "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True, check=False
    )
    settings = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        wanted = OF_PIP.get(name.rpartition(".")[2])
        if wanted is not None:
            several = value.strip("'\"").replace("\\n", " ").split()
            settings[wanted] = ("," if wanted == "UV_FIND_LINKS" else " ").join(several)
    return settings


def run(command: list[str], name: str, settings: dict[str, str] | None = None) -> None:
    """Run one step without output; SetUpError with the end of its output if it fails.

    The environment's own variables win over ``settings``.
    """
    done = subprocess.run(
        command,
        env={"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never", **(settings or {}), **os.environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise SetUpError(f"setting up {name} failed (exit code {done.returncode}):\n{tail}")


def main(names: list[str]) -> int:
    """Build the stale environments; exit code 1 and the reason on stderr if that fails."""
    folder = Path(os.environ.get("VENVS") or ROOT / ".venvs")
    try:
        check_machine()
        for name in (INSTALLER, *names):
            if not is_current(folder / name, name):
                build(folder / name, name)
    except SetUpError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # An unfinished environment has no stamp, so the next run builds it again.
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    # If it was started with SIGINT ignored, nothing else would let an interrupt end it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
