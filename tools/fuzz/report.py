"""The section of docs/proof.md about bad input and foreign callers: the fuzzing run and `make test`."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

from gpu_capacity.http.operations import OPERATIONS
from testkit.hostile.corpus import CORPUS
from testkit.hostile.requests import ASKS, STRANGERS
from testkit.hostile.service import PEOPLE
from testkit.hostile.vm_bad import VM_CORPUS
from testkit.hostile.vm_requests import STRANGERS as VM_STRANGERS
from testkit.hostile.vm_requests import VM_ASKS, WHO
from tools.reporting.results import Section, service_version

_PARAMETER: Final = re.compile(r"\{\w+\}")

_FUZZING: Final = """\
Schemathesis sends requests made from the service's own OpenAPI document, and from the published contracts of
the three APIs, to the deployed application on the emulator: examples, systematic coverage of every keyword,
random ones, and sequences that follow links. There are two tenants; everything of one must stay hidden from
the other. Afterwards an audit looks for contradictions. `make test` sends a corpus of bad input through the
real handlers and calls every operation as every kind of caller."""

_NARROWED: Final = """\
Every check of Schemathesis is on but one, which is replaced. `tools/fuzz/schemathesis.toml` and `hooks.py`
say what is narrowed and why: a refusal of a well-formed request must have a reason that a schema cannot
state (there is no such zone), and a deleted holder may show for a while that it is being deleted.
The stack's limits on the rate of VM requests are raised; the limits have tests of their own."""

_OPERATIONS: Final = """\
The second table has every operation, over all documents. Most requests are wrong on purpose, so a small share
of successes is no defect; a share of zero would mean that the operation was never reached."""

_CORPUS: Final = """\
Each bad input must get its status in its API's own shape; the answer repeats no value and shows no internals,
and no table changes. The access matrix calls every operation as owner, other project, other organization,
reader and operator, with an expired token, with tokens forged in eight ways, and with none; foreign ids and
absent ones must be answered alike, with the same calls of the database."""

_ROLES: Final = """\
Roles are checked three times. Every action that a function performs in the tests is recorded and compared
with its role in the translated template: nothing is missing, superfluous, or a wildcard. cfn-lint and checkov
check the template. And the emulator enforces the roles: each function runs under its own, so the end-to-end
tests, the fuzzing and the load run fail where a right is missing (`tests/e2e/test_roles.py` removes one)."""


APIS: Final = {
    "/api/": "reservations",
    "/v1/topology": "reservations",
    "/v2/instances": "reservations",
    "/v1alpha1/": "capacity claims",
    "/operator/": "operators",
    "/": "VM rental",
}
"""The API of an operation: the first prefix here that its path has."""

HEADER: Final = ["API", "operation", "answers", "2xx", "share of 2xx", "4xx", "507", "other", "failed checks"]


def section(figures: dict[str, Any]) -> Section:
    """Build the section from ``figures`` as `tools.fuzz` prints them."""
    documents = figures["documents"]
    rows = [
        [
            f"`{one['document']}`",
            one["operations"],
            one["requests"],
            round(one["seconds"]),
            len(one["failures"]),
        ]
        for one in documents
    ]
    operations = by_operation(documents)
    asked = {name.partition(" ")[0] for name in (*ASKS, *VM_ASKS)}
    return Section(
        title="Bad input and access",
        order=60,
        version=service_version(),
        text=[_FUZZING, _NARROWED, _OPERATIONS, _CORPUS, _ROLES],
        figures={
            "requests made from schemas": figures["requests"],
            "checks of each answer": len(set().union(*(one["checks"] for one in documents))),
            "failed checks": figures["failures"],
            "operations without any success": sum(not row[3] for row in operations),
            "findings of the audit afterwards": figures["findings"],
            "seed": str(figures["seed"]),
            "bad inputs in the corpus": len(CORPUS) + len(VM_CORPUS),
            "cells of the access matrix": len(ASKS) * (len(PEOPLE) + len(STRANGERS))
            + len(VM_ASKS) * (len(WHO) + len(VM_STRANGERS)),
            "operations in the access matrix": f"{len(asked)} of {len(OPERATIONS)}",
        },
        tables=[
            {"header": ["document", "operations", "requests", "seconds", "failed checks"], "rows": rows},
            {
                "header": HEADER,
                "rows": operations,
            },
        ],
        raw=figures,
    )


def by_operation(documents: list[dict[str, Any]]) -> list[list[Any]]:
    """Return a row for each operation: the answers to its requests, over all documents."""
    answers: dict[str, Counter[str]] = {}
    failed: Counter[str] = Counter()
    for one in documents:
        for label, number in one["failed"].items():
            failed[_unnamed(label)] += number
        for label, statuses in one["statuses"].items():
            # Contracts name the parameters of the same path differently.
            answers.setdefault(_unnamed(label), Counter()).update(statuses)
    labels = [f"{operation.method} {operation.path}" for operation in OPERATIONS.values()]
    return [_row(label, answers.get(_unnamed(label), Counter()), failed[_unnamed(label)]) for label in labels]


def _unnamed(label: str) -> str:
    return _PARAMETER.sub("{}", label)


def _row(label: str, statuses: Counter[str], failed: int) -> list[Any]:
    kinds: Counter[str] = Counter()
    for status, number in statuses.items():
        kinds["507" if status == "507" else status[0]] += number
    path = label.partition(" ")[2]
    api = next(name for beginning, name in APIS.items() if path.startswith(beginning))
    total = kinds.total()
    other = total - kinds["2"] - kinds["4"] - kinds["507"]
    share = f"{kinds['2'] / total:.0%}" if total else "none sent"
    return [api, f"`{label}`", total, kinds["2"], share, kinds["4"], kinds["507"], other, failed]
