"""Writes the sample fleet: ``python -m tools.sample_fleet > fleet.json``.

Uses the standard library only, so that it works before the first set-up.
"""

from __future__ import annotations

import argparse
import json
import sys

from testkit.sample_fleet import sample_fleet
from tools.interrupts import heed_interrupts


def main() -> None:
    """Write the document to standard output."""
    parser = argparse.ArgumentParser(description="Write the sample fleet document.")
    parser.add_argument("--sequence", type=int, default=1, help="rises with every published document")
    json.dump(sample_fleet(parser.parse_args().sequence), sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    heed_interrupts()
    main()
