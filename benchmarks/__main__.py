"""Runs the benchmark and writes ``docs/benchmarks.md``.

PYTHONPATH=layers/shared python -m benchmarks [--part NAME …] [--quick] [--nodes FILE --trace FILE]

Exit code: 0, or 1 if a part failed; the results of the others are written.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import results
from benchmarks.options import RESULTS, ROOT, Options
from benchmarks.parts import PARTS, TITLES, Part, named
from tools.interrupts import heed_interrupts

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCS: Final = RESULTS.parent
QUICK: Final = ROOT / ".local" / "benchmarks-quick"
SIDE_BY_SIDE: Final = 2


def main(arguments: Sequence[str] | None = None, *, folder: Path | None = None) -> int:
    """Run the requested parts; write into ``folder``, by default ``docs`` or the folder for quick runs."""
    asked = _arguments(arguments)
    # A quick run shows only that everything works; its figures are not published.
    folder = folder or (QUICK if asked.quick else DOCS)
    options = Options(asked.quick, _path(asked.nodes), _path(asked.trace), folder / RESULTS.name)
    written = folder / "benchmarks.md"
    began = time.perf_counter()
    chosen = [] if asked.document else [named(name) for name in asked.part] or list(PARTS)
    alone = [part for part in chosen if part.alone]
    beside = [part for part in chosen if not part.alone and not part.after]
    failed = _run(alone, options, processes=1)
    failed += _run(beside, options, processes=SIDE_BY_SIDE)
    failed += _run([part for part in chosen if part.after], options, processes=1)
    written.write_text(results.written_from(options.plots, TITLES))
    print("".join(_shown([named(name) for name in asked.part] or chosen, options)), end="")
    print(f"{written}, plots in {options.plots}; {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return 1 if failed else 0


def _run(parts: Sequence[Part], options: Options, processes: int) -> list[str]:
    """Run that many parts at a time; print the errors and return the names of the parts that failed."""
    if not parts:
        return []
    failed = []
    with ThreadPoolExecutor(processes) as threads:
        running = {threads.submit(_run_apart, part, options): part.name for part in parts}
        for finished in as_completed(running):
            name, error = running[finished], finished.exception()
            if error is None:
                print(f"{name}: {finished.result()}", file=sys.stderr, flush=True)
            else:
                failed.append(name)
                print(f"{name} failed:", file=sys.stderr)
                traceback.print_exception(error)
    return failed


def _run_apart(part: Part, options: Options) -> str:
    """Run a part in a new process, so that parts share no memory and do not fail together."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(part.run, options).result()


def _shown(parts: Sequence[Part], options: Options) -> list[str]:
    """Return the saved results of these parts."""
    found = [results.load(options.plots, part.name) for part in parts]
    return [f"{result.section.markdown()}\n" for result in found if result is not None]


def _path(text: str) -> Path | None:
    return Path(text).resolve() if text else None


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Runs the benchmark.")
    parser.add_argument(
        "--part", action="append", default=[], choices=[part.name for part in PARTS], help="only this one"
    )
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; writes no document")
    parser.add_argument(
        "--document", action="store_true", help="run nothing: only write the document, and show each --part"
    )
    parser.add_argument("--nodes", default="", help="node list of a real trace (CSV)")
    parser.add_argument("--trace", default="", help="a real trace (CSV), or SWF")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
