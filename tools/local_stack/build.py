"""`sam build` of the real template for this machine: the interpreter and architecture the emulator uses."""

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.local_stack.errors import LaunchError
from tools.local_stack.state import ROOT, State

SOURCES = (
    "template.yaml",
    "layers",
    "functions",
    "statemachines",
    "requirements/sam.txt",
    "requirements/emulator.txt",
)
ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Environments:
    """The folders of the virtual environments."""

    folder: Path

    @property
    def sam(self) -> Path:
        """The `sam` command."""
        return self.folder / "sam" / "bin" / "sam"

    @property
    def emulator_python(self) -> Path:
        """The interpreter that runs the emulator and, inside it, the functions."""
        return self.folder / "emulator" / "bin" / "python"

    @property
    def ironic_python(self) -> Path:
        """The interpreter that runs Ironic."""
        return self.folder / "ironic" / "bin" / "python"

    def path(self) -> str:
        """Return PATH with the emulator's interpreter first: `sam build` looks there for the runtime's."""
        return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


@dataclass(frozen=True)
class Build:
    """A finished build: its template, and a digest of its content (hex digits)."""

    template: Path
    fingerprint: str


def runtime() -> str:
    """Name this interpreter as Lambda does: `python3.11`."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def architecture() -> str:
    """Name this machine's architecture as Lambda does; LaunchError for one that Lambda does not have."""
    try:
        return ARCHITECTURES[platform.machine().lower()]
    except KeyError:
        raise LaunchError(
            f"Lambda does not have this machine's architecture ({platform.machine()})"
        ) from None


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """Every file under the paths in a fixed order, without caches."""
    for path in paths:
        if path.is_file():
            yield path
        for entry in sorted(path.rglob("*")) if path.is_dir() else ():
            if entry.is_file() and "__pycache__" not in entry.parts:
                yield entry


def fingerprint(root: Path, *more: str) -> str:
    """Hash what a build or a deployment depends on: names and contents of the sources, and `more`."""
    digest = hashlib.sha256()
    for file in files_below(root / name for name in SOURCES):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root)} {len(content)}\n".encode() + content)
    digest.update("\n".join([sys.version, platform.system(), platform.machine(), *more]).encode())
    return digest.hexdigest()


def ensure_build(state: State, environments: Environments, root: Path = ROOT) -> tuple[Build, bool]:
    """Build unless the last build is of the same sources; return it and whether it is new.

    Raises:
        LaunchError: `sam build` failed; the message holds the tail of its output.
    """
    wanted = fingerprint(root)
    # Relative paths inside the template are relative to its folder, so it always has the same path.
    build = Build(state.builds / "app" / "template.yaml", wanted)
    if state.read_notes().get("build") == wanted and build.template.is_file():
        return build, False
    state.remember(build=None)
    overrides = [f"PythonRuntime={runtime()}", f"Architecture={architecture()}"]
    run_logged(
        [
            str(environments.sam),
            "build",
            "--template-file",
            str(root / "template.yaml"),
            "--build-dir",
            str(build.template.parent),
            "--config-file",
            str(own_sam_configuration(state)),
            "--parameter-overrides",
            *overrides,
        ],
        log=state.logs / "build.log",
        environment=os.environ | {"PATH": environments.path(), "SAM_CLI_TELEMETRY": "0"},
        root=root,
    )
    if platform.system() != "Linux":
        use_wheels_of_this_machine(state, build.template.parent, root)
    state.remember(build=wanted)
    return build, True


def own_sam_configuration(state: State) -> Path:
    """Write an empty configuration and return it: the committed samconfig.toml is for real accounts."""
    path = state.folder / "samconfig.toml"
    path.write_text("version = 0.1\n", encoding="utf-8")
    return path


def use_wheels_of_this_machine(state: State, build_folder: Path, root: Path) -> None:
    """Replace the layers' packages: `sam` takes Linux wheels, the emulator runs functions on this system."""
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--upgrade",
        "--no-deps",
        "--require-hashes",
    ]
    for folder in build_folder.glob("*Layer*/python"):
        layer = folder.parent.name.removesuffix("Layer").lower()
        lock = root / "layers" / layer / "requirements.txt"
        run_logged(
            [*install, "--target", str(folder), "--requirement", str(lock)],
            log=state.logs / "wheels.log",
            environment=dict(os.environ),
            root=root,
        )


def run_logged(command: list[str], *, log: Path, environment: dict[str, str], root: Path) -> None:
    """Run a program with its output in a log file; LaunchError with the end of the log when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=root,
        )
        try:
            code = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if code:
        tail = "\n".join(log.read_text(errors="replace").strip().splitlines()[-12:])
        raise LaunchError(f"`{Path(command[0]).name} {command[1]}` failed (log: {log}):\n{tail}")
