"""Every operation of operators as a request. Nobody else may do anything: each gets a 403."""

from __future__ import annotations

import json
from typing import Any, Final

from testkit.hostile.service import Ask
from testkit.world import REGION

OPERATOR: Final = "/operator/v1"
CORDONS: Final = f"{OPERATOR}/regions/{REGION}/cordons"


def cordon_body(**changes: Any) -> dict[str, Any]:
    """The body of an ordinary cordon: of one rack."""
    return {"target": {"podId": "pod2", "domainId": "pod2-rack01"}, "reason": "coolant leak"} | changes


OPERATOR_ASKS: Final[dict[str, Ask]] = {
    "list_cordons": Ask("GET", CORDONS),
    "set_cordon": Ask("POST", CORDONS, json.dumps(cordon_body())),
    "lift_cordon": Ask("DELETE", CORDONS, query=(("podID", "pod2"),)),
}

ANSWERED: Final[dict[str, int]] = dict.fromkeys(OPERATOR_ASKS, 200) | {"lift_cordon": 404}
"""What an operator is answered: nothing is cordoned yet."""
EXPECTED_OF_OPERATORS: Final = {name: (403, 403, 403, 403, status) for name, status in ANSWERED.items()}
