"""The edit loop: format, lint, types, and the quick tests of the rooms that changed.

    python -m tools.check .venvs [--since COMMIT] [arguments for pytest]

What changed is what differs from the commit that this branch left ``origin/main`` at, or from ``--since``,
files that are not committed included. The tests of a room are in the folder of its name; those that take
long (``@pytest.mark.slow``) are left to ``make test``.
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
    "docs": ("docs",),
    "events": ("functional/test_every_event.py", "template/test_wiring.py"),
    "functions": ("functional/test_every_event.py", "template/test_wiring.py"),
    "proof": ("proof/test_turns.py", "proof/test_ledger.py"),
    "statemachines": ("workflow/test_definitions.py",),
    "testkit": ("testkit",),
    "template.yaml": ("template/test_wiring.py", "template/test_routes.py"),
    "tools": ("tools",),
}
"""What is tested for a change outside of the package, by the first part of its path."""


def tests_for(changed: Iterable[str], tests: Path) -> list[str]:
    """The tests of what changed, as paths below the repository; folders and files that exist, each once.

    A test that changed stands for itself. A module at the top of the package has a test file of its name, a
    module of a room the tests of that room.
    """
    found = {f"tests/{name}" for path in changed for name in _tested_by(Path(path).parts)}
    there = {path for path in found if (tests.parent / path).exists()}
    return sorted(path for path in there if not {str(parent) for parent in Path(path).parents} & there)


def _tested_by(parts: tuple[str, ...]) -> Iterator[str]:
    if parts[: len(PACKAGE)] == PACKAGE:
        room = parts[len(PACKAGE)]
        yield f"test_{room}" if room.endswith(".py") else room
    elif parts[0] == "tests":
        if parts[-1].startswith("test_"):
            yield "/".join(parts[1:])
        elif len(parts) > len(("tests", "module")):
            # What a folder of tests shares.
            yield "/".join(parts[1:-1])
    else:
        yield from BESIDE.get(parts[0], ())


def changed_since(commit: str) -> list[str]:
    """Files that differ from a commit, and those that git does not know yet."""
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
    """Check everything, also after something failed; 1 when anything did."""
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
    # 5: pytest has found no test that is not slow.
    return done.returncode == 0 or (step[0] == "pytest" and done.returncode == 5)  # noqa: PLR2004 - told above


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main(sys.argv[1:]))
