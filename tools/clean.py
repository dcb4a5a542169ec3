"""Remove what the other commands made, except the virtual environments: `make clean`.

Uses the standard library only, so that it works before the first set-up.
"""

import shutil
import sys

from tools.interrupts import heed_interrupts
from tools.local_stack.state import DEFAULT_STATE, ROOT, is_locked

MADE = (".local", ".aws-sam", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".benchmarks")
WITH_CODE = ("layers", "functions", "tools", "testkit", "tests", "benchmarks", "proof")


def main() -> int:
    """Remove it all; return 1 while a local stack runs, which would save its state again when it stops."""
    if is_locked(DEFAULT_STATE):
        print("a local stack is running: stop it first", file=sys.stderr)
        return 1
    caches = (folder for name in WITH_CODE for folder in list((ROOT / name).rglob("__pycache__")))
    for path in (*(ROOT / name for name in MADE), *caches):
        shutil.rmtree(path, ignore_errors=True)
    return 0


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
