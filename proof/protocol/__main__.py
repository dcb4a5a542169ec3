"""``python -m proof.protocol [SCENARIO …] [--drop RULE …]``: explores scenarios, by default all."""

from __future__ import annotations

import argparse
import signal
import sys

from proof.protocol.scenarios import SCENARIOS
from proof.protocol.writes import RULES


def main() -> int:
    """Print what each scenario comes to; 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proof.protocol", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--drop", action="append", default=[], choices=RULES, help="leave a rule out")
    parser.add_argument("--states", type=int, default=2_000_000, help="end after so many states")
    asked = parser.parse_args()
    wrong = 0
    for name in asked.scenarios or SCENARIOS:
        found = SCENARIOS[name].run(frozenset(asked.drop), asked.states)
        ending = found.problem or ("nothing is wrong" if found.complete else "not finished")
        print(f"{name}: {found.states:,} states, {ending}", flush=True)
        print("".join(f"  {step}\n" for step in found.trace), end="")
        wrong += found.problem is not None
    return 1 if wrong else 0


if __name__ == "__main__":
    # Where it was started with SIGINT ignored, nothing else would let an interrupt end it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
