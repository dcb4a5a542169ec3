"""Fuzz the published interfaces on a local stack of its own: `make fuzz [EXAMPLES=] [SEED=] [DOCUMENT=]`.

Exit code: 0 if every check passed and the audit afterwards found nothing, else 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.audit import describe, run
from tools.fuzz.campaign import OWN, PUBLISHED, Effort, fuzz, served
from tools.fuzz.report import section
from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.local_stack.launch import clients
from tools.local_stack.state import ROOT
from tools.local_stack.temporary import untouched_stack
from tools.reporting.results import save
from tools.whole_numbers import whole

if TYPE_CHECKING:
    from tools.local_stack.state import State

QUICK = {
    "SimulatedReadySeconds": "1",
    "SimulatedDeleteSeconds": "1",
    "SimulatedBootSeconds": "1",
    "SimulatedRebuildSeconds": "1",
    "PollSeconds": "1",
    "VmNoticeSeconds": "1",
    "VmReadsPerMinute": "1000000",
    "VmWritesPerMinute": "1000000",
}
"""Template parameters: quick workflows, and rate limits above what the fuzzer sends in a minute."""

EXAMPLES_MAX = 1_000_000


def main(arguments: list[str] | None = None) -> int:
    """Fuzz by every document and print the results."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument(
        "--examples", default="", help="requests per operation and phase (EXAMPLES=, default 100)"
    )
    parser.add_argument("--seed", default="", help="a number (SEED=, default random)")
    parser.add_argument("--document", default="", help="an OpenAPI document instead of ours (DOCUMENT=)")
    parser.add_argument("--report", action="store_true", help="make the figures a section of docs/proof.md")
    parser.add_argument("--folder", default="", help="keep logs and reports there")
    options = parser.parse_args(arguments)
    if options.document and not Path(options.document).is_file():
        print(f"DOCUMENT: there is no file {options.document}", file=sys.stderr)
        return 1
    try:
        examples = whole("EXAMPLES", options.examples or "100", 1, EXAMPLES_MAX)
        seed = whole("SEED", options.seed or str(random.randrange(2**32)), 0, 2**64)  # noqa: S311 - no secret
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    effort = Effort(examples, seed)
    documents = [Path(options.document).resolve()] if options.document else [OWN, *PUBLISHED]
    venvs = (ROOT / os.environ.get("VENVS", ".venvs")).resolve()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        folder = Path(options.folder or scratch).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with untouched_stack(folder, venvs, QUICK) as (url, state):
                figures = campaign([d for d in documents if served(d)], url, state, effort, folder, venvs)
        except LaunchError as error:
            print(error, file=sys.stderr)
            return 1
    print(json.dumps(figures, indent=2))
    if options.report:
        save("fuzz", section(figures))
    return 1 if figures["failures"] or figures["findings"] else 0


def campaign(
    documents: list[Path], url: str, state: State, effort: Effort, folder: Path, venvs: Path
) -> dict[str, Any]:
    """Fuzz by one document after the other, then audit the tables."""
    outcomes = []
    for document in documents:
        print(f"fuzzing by {document.name}, seed {effort.seed} …", file=sys.stderr, flush=True)
        outcomes.append(fuzz(document, url, state, effort, folder, venvs))
    running = state.read_running()
    report = run(clients(running["emulatorUrl"]), running["outputs"])
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seed": effort.seed,
        "examples": effort.examples,
        "requests": sum(outcome.requests for outcome in outcomes),
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 1),
        "failures": sum(len(outcome.failures) for outcome in outcomes),
        "findings": len(report.reported),
        "audit": describe(report.as_json()),
        "documents": [outcome.as_json() for outcome in outcomes],
    }


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
