"""The state folder of one local stack: its paths, notes and lock."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.local_stack.errors import LaunchError

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_STATE = ROOT / ".local"
IRONIC_STATE = DEFAULT_STATE / "ironic"
"""Its stack has other hosts, so it has tables of its own."""


@dataclass(frozen=True)
class State:
    """Paths of a stack's state folder. Two stacks with two folders share nothing."""

    folder: Path
    lock: int | None = None
    """Descriptor of the lock, if this process owns the folder.

    The emulator inherits it: while it saves its state after the launcher was killed, no other launcher can
    start on the folder.
    """

    @property
    def issuer_key(self) -> Path:
        """The development issuer's private key (PEM, readable by its owner only)."""
        return self.folder / "dev-issuer-key.pem"

    @property
    def emulator(self) -> Path:
        """State that the emulator saves when it stops."""
        return self.folder / "state"

    @property
    def tables(self) -> Path:
        """The tables, within the emulator's saved state."""
        return self.emulator / "dynamodb.json"

    @property
    def started(self) -> Path:
        """Touched at each start of the emulator."""
        return self.folder / "started"

    @property
    def scratch(self) -> Path:
        """Temporary files of the emulator's function workers, about 90 MB each; emptied at start and stop."""
        return self.folder / "tmp"

    @property
    def builds(self) -> Path:
        """Results of `sam build`."""
        return self.folder / "build"

    @property
    def logs(self) -> Path:
        """One file for each program that the launcher starts."""
        return self.folder / "log"

    @property
    def notes(self) -> Path:
        """Notes that the launcher keeps between runs (JSON)."""
        return self.folder / "notes.json"

    @property
    def running(self) -> Path:
        """How to reach the stack (JSON: url, emulatorUrl, region, restApiId, stage, outputs).

        Exists only while the stack runs and is ready.
        """
        return self.folder / "running.json"

    def read_notes(self) -> dict[str, Any]:
        """Return the notes; empty on the first run."""
        return read_json(self.notes)

    def remember(self, **notes: object) -> None:
        """Add notes. The file is replaced in one step, so that a crash leaves the old or the new notes."""
        write_json(self.notes, self.read_notes() | notes)

    def note_start(self) -> bool:
        """Record a start of the emulator; return whether it was killed before it saved its last run."""
        lost = self.started.exists() and not (
            self.tables.exists() and self.tables.stat().st_mtime_ns >= self.started.stat().st_mtime_ns
        )
        self.started.touch()
        return lost

    def read_running(self) -> dict[str, Any]:
        """Return the content of `running`; LaunchError if no stack runs on this folder."""
        running = read_json(self.running)
        if not running or not is_locked(self.folder):
            raise LaunchError(
                f"no local stack is running on {shown(self.folder)}: "
                "start one with `make run`, or name the folder of another with STATE="
            )
        return running


def shown(folder: Path) -> str:
    """Format a folder: relative if it is below the current one."""
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, or an empty one if there is no such file."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return found


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file in one step."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    draft.replace(path)


def unfit(folder: Path, error: OSError) -> LaunchError:
    """Build the error for a folder that cannot be created or written to."""
    return LaunchError(
        f"{folder} cannot be the state folder: {error.strerror}: choose another with STATE=<folder>"
    )


@contextmanager
def exclusive(folder: Path) -> Iterator[State]:
    """Lock a state folder for the time of the block; LaunchError if another launcher has it.

    The lock belongs to the open file, so the operating system releases it when a process is killed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise unfit(folder, error) from None
    with lock as held:
        if not try_lock(held.fileno()):
            raise LaunchError(
                f"a local stack is already running on {folder}: stop it first, or use STATE=<folder>"
            )
        yield State(folder, held.fileno())


def is_locked(folder: Path) -> bool:
    """Tell whether a launcher has the folder locked now."""
    try:
        held = (folder / "lock").open("r")
    except (FileNotFoundError, NotADirectoryError):
        return False
    with held:
        return not try_lock(held.fileno())


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if it is free."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
