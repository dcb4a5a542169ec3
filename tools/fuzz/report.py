"""Bad input and strangers as a section of docs/proof.md: the fuzzing run, and what `make test` does."""

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
Schemathesis sends requests made from the service's own OpenAPI document, and from the contracts of the
three APIs as others published them, to the deployed application on the emulator: examples, systematic
coverage of every keyword of every schema, random ones, and sequences that follow links. Every check is on
but one, which is replaced. Two tenants take part, from one of whom everything of the other's must stay
hidden. What is narrowed, and why, stands in `tools/fuzz/schemathesis.toml` and `hooks.py`: a refusal of a
well-formed request must have a reason that a schema cannot say (there is no such zone), and what was
deleted may say for a while that it is going. The stack's limits on the rate of VM requests are raised, so
that requests are answered and not only counted; the limits have tests of their own. Afterwards the audit
looks whether all this left any contradiction. (`make fuzz`)"""

_OPERATIONS: Final = """\
The second table has every operation, over all documents. Most requests are meant to be wrong, so a share of
successes far below one is no defect; one of zero would be an operation that was never really reached."""

_CORPUS: Final = """\
`make test` sends a corpus of bad inputs through the real handlers: each must get its status in its
API's own shape, repeat no value, show no inside, and change nothing in any table. The access matrix
calls every operation as everybody: owner, other project, other organization, reader, operator, with an
expired token, with tokens forged in eight ways, and with none; foreign things and absent ones must be
answered alike, with the same calls of the database."""

_ROLES: Final = """\
The roles are proved three times. Every action that a function performs in the tests is recorded and
compared with its role in the translated template: nothing is missing, nothing is superfluous, nothing
is a wildcard. The template is checked by cfn-lint and checkov. And the emulator enforces the roles:
each function runs under its own, so the end-to-end tests, the fuzzing and the load run fail where a
right is missing (`tests/e2e/test_roles.py` takes one away to see it)."""


APIS: Final = {"/api/": "reservations", "/v1alpha1/": "capacity claims", "/": "VM rental"}
"""Which API an operation belongs to: the first beginning of a path that fits."""

HEADER: Final = ["API", "operation", "answers", "2xx", "share of 2xx", "4xx", "507", "other", "failed checks"]


def section(figures: dict[str, Any]) -> Section:
    """``figures`` as `tools.fuzz` prints them."""
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
    return Section(
        title="Bad input and strangers",
        order=60,
        version=service_version(),
        text=[_FUZZING, _OPERATIONS, _CORPUS, _ROLES],
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
            "operations in it": f"{len({name.partition(' ')[0] for name in (*ASKS, *VM_ASKS)})} of "
            f"{len(OPERATIONS)}",
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
    """A row for each operation: what its requests were answered, over all documents."""
    answers: dict[str, Counter[str]] = {}
    failed: Counter[str] = Counter()
    for one in documents:
        for label, number in one["failed"].items():
            failed[_unnamed(label)] += number
        for label, statuses in one["statuses"].items():
            # Each contract names the parameters of its paths as it likes.
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
