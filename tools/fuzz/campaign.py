"""Runs the fuzzer over one document, in its own environment and process, and reads its results."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from tools.fuzz import tenants
from tools.local_stack.errors import LaunchError
from tools.local_stack.state import ROOT

if TYPE_CHECKING:
    from tools.local_stack.state import State

OWN: Final = ROOT / "docs" / "openapi.json"
PUBLISHED: Final = tuple(sorted((Path(__file__).parent / "published").glob("*.yaml")))
CONFIGURATION: Final = Path(__file__).with_name("schemathesis.toml")
SECONDS_MAX: Final = 3_600


@dataclass(frozen=True)
class Effort:
    """How much is tried. ``seed`` decides which requests; some depend on the service's answers, too."""

    examples: int
    seed: int
    phases: tuple[str, ...] = ("examples", "coverage", "fuzzing", "stateful")


@dataclass(frozen=True)
class Outcome:
    """The result for one document.

    Args:
        failures: the fuzzer's messages, a paragraph each.
        checks: names of the checks that every answer went through.
        statuses: by operation, how many answers had which status.
        failed: by operation, how many kinds of failed checks there were.
    """

    document: str
    operations: int
    requests: int
    seconds: float
    failures: tuple[str, ...]
    checks: tuple[str, ...]
    statuses: dict[str, dict[str, int]]
    failed: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """With plain keys, for reports."""
        return asdict(self)


def operations_of(document: Path) -> set[str]:
    """Return the operation ids that a document describes."""
    described = yaml.load(document.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return {
        operation["operationId"]
        for methods in described["paths"].values()
        for operation in methods.values()
        if isinstance(operation, dict) and "operationId" in operation
    }


def served(document: Path) -> set[str]:
    """Return those of its operations that this service has: a published contract can be ahead of it."""
    return operations_of(document) & operations_of(OWN)


def fuzz(document: Path, url: str, state: State, effort: Effort, folder: Path, venvs: Path) -> Outcome:
    """Run the fuzzer over one document and write its files into ``folder``.

    Raises:
        LaunchError: the fuzzer stopped early.
    """
    program = venvs / "fuzz" / "bin" / "st"
    if not program.exists():
        raise LaunchError(f"{program} is missing: run `make setup`")
    report = folder / f"{document.stem}.json"
    tally = folder / f"{document.stem}.tally.json"
    for left_over in (report, tally):
        left_over.unlink(missing_ok=True)
    tenants.write(state.issuer_key, folder / "tenants.json")
    command = [str(program), "--config-file", str(CONFIGURATION), "run", str(document), "--url", url]
    command += ["--seed", str(effort.seed), "--max-examples", str(effort.examples)]
    command += ["--phases", ",".join(effort.phases), "--report", "json", "--report-json-path", str(report)]
    for identity in sorted(served(document)):
        command += ["--include-operation-id", identity]
    environment = os.environ | {
        "FUZZ_TENANTS": str(folder / "tenants.json"),
        "FUZZ_TALLY": str(tally),
        "PYTHONPATH": str(ROOT),
    }
    if document in PUBLISHED:
        environment["FUZZ_PUBLISHED"] = "yes"
    with (folder / f"{document.stem}.log").open("w") as log:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            timeout=SECONDS_MAX,
            check=False,
        )
    words = (folder / f"{document.stem}.log").read_text(encoding="utf-8")
    if not all(file.exists() and file.stat().st_size for file in (report, tally)):
        raise LaunchError(f"the fuzzer stopped (exit code {done.returncode}):\n{words[-3000:]}")
    found = [json.loads(file.read_text(encoding="utf-8")) for file in (report, tally)]
    return _outcome(document, found[0], found[1], words, done.returncode)


def _outcome(
    document: Path, report: dict[str, Any], tally: dict[str, Any], words: str, exit_code: int
) -> Outcome:
    problems = (*report["failures"], *report["errors"])
    failures = [json.dumps(problem)[:3000] for problem in problems]
    if failures:
        # The report has only the kinds of failures; the log has the requests and answers.
        failures[0] += words.partition(" FAILURES ")[2].partition(" SUMMARY ")[0][:6000]
    operations = report["operations"]
    if operations["tested"] != len(served(document)):
        failures.append(f"only {operations['tested']} operations were tested: {operations}")
    if not report["complete"] or (exit_code and not failures):
        failures.append(f"exit code {exit_code}, {report['stop_reason']}: {words[-3000:]}")
    return Outcome(
        document=str(document.relative_to(ROOT)) if document.is_relative_to(ROOT) else document.name,
        operations=operations["tested"],
        requests=report["test_cases"]["generated"],
        seconds=round(report["running_time"], 1),
        failures=tuple(failures),
        checks=tuple(tally["checks"]),
        statuses=tally["operations"],
        failed=dict(Counter(label for problem in problems for label in problem.get("operations", ()))),
    )
