"""The command behind `make prove`.

python -m proof                    the full form: continues where it stopped
python -m proof --quick            the quick form: stores no results
python -m proof --seed 17          one seed again
python -m proof --replay "…"        a schedule or a crash again, as a violation names it
python -m proof --model            explores the model of the protocol: each scenario, and each rule left out
python -m proof --report           only writes docs/proof.md, with current texts and stored results
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from proof import full, quick, sections
from proof.outcome import digest
from proof.protocol import report as protocol
from proof.replay import UnknownReplayError, replay
from proof.simulation import simulate
from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.reporting import page as report
from tools.reporting.results import all_sections, code_version, save, service_version
from tools.whole_numbers import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

MINUTES = 60
MINUTES_MAX = 10_000
JOBS_MAX = 256


def main(arguments: list[str]) -> int:
    """Run what the arguments request; 1 if there is a violation."""
    parser = argparse.ArgumentParser(
        prog="make prove", description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else ""
    )
    parser.add_argument("--quick", default="", help="anything: the quick form")
    parser.add_argument("--seed", default="", help="replay this seed")
    parser.add_argument("--history", default="", help="with --seed: write down everything that happened")
    parser.add_argument("--replay", default="", help="play this schedule, or this story with its faults")
    parser.add_argument("--model", default="", help="anything: explore the model of the protocol")
    parser.add_argument("--report", default="", help="anything: only write docs/proof.md")
    parser.add_argument("--minutes", default="", help="how long the full form may take")
    parser.add_argument("--jobs", default="", help="processes")
    given = parser.parse_args(arguments)
    try:
        jobs = whole("JOBS", given.jobs or "2", 1, JOBS_MAX)
        seed = whole("SEED", given.seed, 0, 2**64) if given.seed else None
        minutes = whole("MINUTES", given.minutes or str(MINUTES), 1, MINUTES_MAX)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 2
    if seed is not None:
        return replay_seed(seed, given.history)
    if given.replay:
        return replay_words(given.replay)
    if given.model:
        return protocol.report(jobs)
    if given.report:
        known = {code_version(), service_version(), protocol.version()}
        for name, section in all_sections().items():
            save(name, sections.in_words_of_today(name, section))
            current = section.version in known
            print(f"{section.title}: {'of this' if current else 'of another'} version of the code")
        report.write()
        return 0
    return quick.run(jobs) if given.quick else full.run(jobs, time.monotonic() + 60 * minutes)


def replay_words(words: str) -> int:
    """Replay a schedule or a crash and print its violations."""
    try:
        problems = replay(words)
    except UnknownReplayError as error:
        print(error, file=sys.stderr)
        return 2
    return tell(problems)


def tell(problems: Sequence[str]) -> int:
    """Print the violations and return the exit code."""
    for problem in problems:
        print(f"VIOLATION {problem}")
    print("something does not hold" if problems else "everything holds")
    return 1 if problems else 0


def replay_seed(seed: int, path: str) -> int:
    """Run one seed and print its counts and violations."""
    outcome = simulate(seed, history=True)
    print(f"seed {seed}: history {digest(outcome.history)}, {len(outcome.history)} bytes")
    for name, count in sorted(outcome.counts.items()):
        print(f"  {name}: {count}")
    for name, count in sorted(outcome.faults.items()):
        print(f"  fault: {name}: {count}")
    if path:
        Path(path).write_bytes(outcome.history)
    return tell(outcome.violations)


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main(sys.argv[1:]))
