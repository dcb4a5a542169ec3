"""Bad input and strangers as a section of docs/proof.md: the fuzzing run, and what `make test` does."""

from __future__ import annotations

from typing import Any, Final

from gpu_capacity.http.operations import OPERATIONS
from proof.results import Section
from tests.hostile.service import PEOPLE
from tests.hostile.test_access import ASKS, STRANGERS
from tests.hostile.test_corpus import CORPUS

_FUZZING: Final = """\
Schemathesis, with every check on, sends requests made from the service's own OpenAPI document, and from
the contracts as others published them, to the deployed application on the emulator: examples,
systematic coverage of every keyword of every schema, random ones, and sequences that follow links. Two
tenants take part, from one of whom everything of the other's must stay hidden. What is narrowed, and
why, stands in `tools/fuzz/schemathesis.toml` and `hooks.py`: a refusal of a well-formed request must
have a reason that a schema cannot say (there is no such zone), and what was deleted may say for a while
that it is going. Afterwards the audit looks whether all this left any contradiction. (`make fuzz`; a
short form with a fixed seed is part of `make test`)"""

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


def section(figures: dict[str, Any]) -> Section:
    """``figures`` as `tools.fuzz` prints them."""
    rows = [
        [
            f"`{one['document']}`",
            one["operations"],
            one["requests"],
            round(one["seconds"]),
            len(one["failures"]),
        ]
        for one in figures["documents"]
    ]
    return Section(
        title="Bad input and strangers",
        order=60,
        text=[_FUZZING, _CORPUS, _ROLES],
        figures={
            "requests made from schemas": figures["requests"],
            "failed checks": figures["failures"],
            "findings of the audit afterwards": figures["findings"],
            "seed": str(figures["seed"]),
            "bad inputs in the corpus": len(CORPUS),
            "cells of the access matrix": len(ASKS) * (len(PEOPLE) + len(STRANGERS)),
            "operations in it": f"{len({name.partition(' ')[0] for name in ASKS})} of {len(OPERATIONS)}",
        },
        tables=[{"header": ["document", "operations", "requests", "seconds", "failed checks"], "rows": rows}],
        raw=figures,
    )
