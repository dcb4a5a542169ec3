"""Does some test notice when the code is wrong? `make mutate [ARGS="--sample 300"]`.

Changes the modules of settings.toml in one place at a time, in memory only, and runs the tests that reach
the place. Ends with 0 when enough changes are noticed and each of the others has a reason, 1 when not, 2 when
that could not be told. Results are kept in .local/mutation: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
import time
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from tools.interrupts import heed_interrupts
from tools.mutation import mutants, reasons, report, run, settings, trial
from tools.mutation.choice import Choice
from tools.mutation.page import PAGE, page, section
from tools.mutation.state import FOLDER, State
from tools.reporting.results import save

if TYPE_CHECKING:
    from tools.mutation.mutants import Mutant
    from tools.mutation.report import Findings
    from tools.mutation.settings import Settings
    from tools.mutation.state import Result

GOOD, BAD, BROKEN = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Try what is not known yet, print what is found, and write it down when it is about everything."""
    options = _parser().parse_args(arguments)
    os.chdir(settings.ROOT)
    # So that the processes under way are ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(BROKEN))
    wanted = settings.load()
    if options.tests:
        wanted = replace(wanted, tests=tuple(options.tests))
    chosen = _chosen(wanted, options)
    try:
        trial.preload(wanted.preload)
        state = State(wanted, options.state)
        results = _results(wanted, state, chosen, options)
    except trial.ToolBroken as broken:
        print(broken, file=sys.stderr)
        return BROKEN
    findings = report.find(_in_order(chosen), results, reasons.load())
    _print(findings, len(chosen), len(results))
    summary = findings.as_json() | {"complete": len(results) == len(chosen), "sample": options.sample}
    (state.folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    if len(results) < len(chosen):
        print("not finished: the same command goes on", file=sys.stderr)
        return BROKEN
    if options.sample is None and options.module == "*" and not options.tests:
        PAGE.write_text(page(findings))
        save("mutation", section(findings))
    return GOOD if findings.is_good else BAD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("--sample", type=int, help="only so many mutants, drawn by the seed")
    parser.add_argument("--seed", type=int, default=1, help="draws the sample and the order")
    parser.add_argument("--module", default="*", help="only modules whose short name matches this pattern")
    parser.add_argument("--minutes", type=float, default=60, help="begin nothing after so many minutes")
    parser.add_argument("--processes", type=int, default=2, help="how many mutants are tried at a time")
    parser.add_argument("--tests", nargs="+", help="only tests of these folders, such as unit/placement")
    parser.add_argument("--state", type=Path, default=FOLDER, help="where results are kept")
    parser.add_argument("--afresh", action="store_true", help="believe nothing from earlier runs")
    return parser


def _chosen(wanted: Settings, options: argparse.Namespace) -> list[Mutant]:
    """The mutants to try, in an order that the seed draws: what was tried so far is always a fair sample."""

    def drawn(mutant: Mutant) -> bytes:
        return hashlib.sha256(f"{options.seed} {mutant.change}".encode()).digest()

    found: list[Mutant] = []
    for module in wanted.modules:
        if fnmatch(settings.short_name(module), options.module):
            found += mutants.find(module)
    return sorted(found, key=drawn)[: options.sample]


def _results(
    wanted: Settings, state: State, chosen: list[Mutant], options: argparse.Namespace
) -> dict[Mutant, Result]:
    began = time.monotonic()
    traced = state.traced()
    if untraced := state.untraced(traced):
        for part in run.measure(wanted.modules, untraced, options.processes):
            traced.add(part)
            state.keep(traced)
        _say(f"{len(untraced)} files with tests traced in {time.monotonic() - began:.0f} s")
    choice = Choice(wanted, traced.tests, traced.at_import)
    results = {} if options.afresh else state.known(chosen, choice)
    todo = [mutant for mutant in chosen if mutant not in results]
    _say(f"{len(chosen)} mutants, {len(results)} known from earlier runs")
    ends = began + 60 * options.minutes
    for mutant, result in run.try_all(todo, choice, options.processes, ends):
        state.add(mutant, result, choice)
        results[mutant] = result
        if len(results) % 100 == 0:
            _say(f"{len(results)} of {len(chosen)} after {time.monotonic() - began:.0f} s")
    _say(f"{len(results)} of {len(chosen)} after {time.monotonic() - began:.0f} s")
    return results


def _in_order(chosen: list[Mutant]) -> list[Mutant]:
    return sorted(chosen, key=lambda mutant: (mutant.change.module, mutant.lineno, str(mutant.change)))


def _print(findings: Findings, chosen: int, known: int) -> None:
    for mutant, verdict in findings.unexplained:
        print(f"{verdict}, line {mutant.lineno}: {mutant.change}")
    for change in findings.outdated:
        print(f"noticed by now, its reason can go: {change}")
    print("\n".join(report.table(findings)))
    print(f"{known} of {chosen} mutants tried, score {findings.total.score:.1f} %")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
