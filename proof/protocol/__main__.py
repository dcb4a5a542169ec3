"""``python -m proof.protocol [SCENARIO …] [--drop RULE …]``: explores scenarios, by default all."""

from __future__ import annotations

import argparse
import signal
import sys
import time

from proof.protocol.report import report
from proof.protocol.rules import NOT_NEEDED, RULES
from proof.protocol.scenarios import SCENARIOS


def main() -> int:
    """Print the result of each scenario; return 1 if one has a violation."""
    parser = argparse.ArgumentParser(prog="python -m proof.protocol", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument(
        "--drop", action="append", default=[], choices=[*RULES, *NOT_NEEDED], help="explore without this rule"
    )
    parser.add_argument("--states", type=int, default=10_000_000, help="stop after this many states")
    parser.add_argument("--report", action="store_true", help="explore everything and write docs/proof.md")
    parser.add_argument("--jobs", type=int, default=2, help="processes of --report")
    asked = parser.parse_args()
    if asked.report:
        return report(asked.jobs)
    wrong = 0
    for name in asked.scenarios or SCENARIOS:
        began = time.monotonic()
        found = SCENARIOS[name].run(frozenset(asked.drop), asked.states)
        ending = found.problem or ("no violation" if found.complete else "not finished")
        print(f"{name}: {found.states:,} states, {time.monotonic() - began:.1f} s, {ending}", flush=True)
        print("".join(f"  {step}\n" for step in found.trace), end="")
        wrong += found.problem is not None
    return 1 if wrong else 0


if __name__ == "__main__":
    # Where it was started with SIGINT ignored, nothing else would let an interrupt end it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
