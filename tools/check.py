"""The edit loop: format, lint, types, and the quick tests of the rooms that changed.

    python -m tools.check .venvs [--since COMMIT] [arguments for pytest]

Compares with the commit at which this branch left ``origin/main``, or with ``--since``, and includes files
that are not committed. The tests of a room are in the folder of its name; ``make test`` runs the slow ones
(``@pytest.mark.slow``).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.interrupts import heed_interrupts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = ("layers", "shared", "gpu_capacity")
BESIDE: Final = {
    "benchmarks": (),
    "cli": ("cli",),
    "docs": ("docs",),
    "events": ("functional/test_every_event.py", "template/test_wiring.py"),
    "functions": ("functional/test_every_event.py", "template/test_wiring.py"),
    "proof": ("proof/test_turns.py", "proof/test_ledger.py"),
    "statemachines": ("workflow/test_definitions.py",),
    "testkit": ("testkit",),
    "template.yaml": ("template/test_wiring.py", "template/test_routes.py"),
    "tools": ("tools",),
}
"""Tests to run for a change outside of the package, by the first part of its path."""


def tests_for(changed: Iterable[str], tests: Path) -> list[str]:
    """Return the tests of what changed: paths below the repository that exist, each once.

    A changed test file is run itself. A module at the top of the package has a test file of its name; a
    module of a room has the tests of that room.
    """
    found = {f"tests/{name}" for path in changed for name in _tested_by(Path(path).parts)}
    there = {path for path in found if (tests.parent / path).exists()}
    return sorted(path for path in there if not {str(parent) for parent in Path(path).parents} & there)


def _tested_by(parts: tuple[str, ...]) -> Iterator[str]:
    if parts[: len(PACKAGE)] == PACKAGE:
        room = parts[len(PACKAGE)]
        yield f"test_{room}" if room.endswith(".py") else room
    elif parts[:2] == ("tests", "benchmarks"):
        # They need an environment of their own, and `make test` runs them.
        return
    elif parts[0] == "tests":
        if parts[-1].startswith("test_"):
            yield "/".join(parts[1:])
        elif len(parts) > len(("tests", "module")):
            # Shared code of a folder of tests.
            yield "/".join(parts[1:-1])
    else:
        yield from BESIDE.get(parts[0], ())


def changed_since(commit: str) -> list[str]:
    """Return the files that differ from a commit, and the untracked ones."""
    return sorted({*_git("diff", "--name-only", commit), *_git("ls-files", "--others", "--exclude-standard")})


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def _branch_point() -> str:
    try:
        return _git("merge-base", "HEAD", "origin/main")[0]
    except subprocess.CalledProcessError:
        return "HEAD"


def main(arguments: Sequence[str]) -> int:
    """Run every check, also after one failed; return 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("venvs")
    parser.add_argument("--since", default="")
    options, further = parser.parse_known_args(arguments)
    programs = Path(options.venvs) / "dev" / "bin"
    changed = changed_since(options.since or _branch_point())
    python = [path for path in changed if path.endswith(".py") and (ROOT / path).exists()]
    tests = tests_for(changed, ROOT / "tests")
    steps = [["ruff", "format", "--check", *python], ["ruff", "check", *python]] if python else []
    steps += [["mypy"], ["lint-imports", "--no-logo"]]
    if tests:
        steps.append(["pytest", "-q", "-n", "2", "-m", "not slow", *further, *tests])
    failed = [step for step in steps if not _passes(programs, step)]
    for step in failed:
        print(f"failed: {' '.join(step)}", file=sys.stderr)
    if not tests:
        print("no tests belong to what changed", file=sys.stderr)
    return 1 if failed else 0


def _passes(programs: Path, step: Sequence[str]) -> bool:
    print(f"$ {' '.join(step)}", flush=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "layers" / "shared")}
    done = subprocess.run([programs / step[0], *step[1:]], cwd=ROOT, env=environment, check=False)
    # 5: pytest found no test that is not slow.
    return done.returncode == 0 or (step[0] == "pytest" and done.returncode == 5)  # noqa: PLR2004 - see above


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main(sys.argv[1:]))
