"""Every absent or malformed variable of the use cases is named when the first request comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import Misconfigured
from gpu_capacity.runtime import composition
from gpu_capacity.runtime.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NEEDED = [
    "INVENTORY_TABLE",
    "HOLDERS_TABLE",
    "HISTORY_TABLE",
    "SERVERS_TABLE",
    "PROVISION_STATE_MACHINE_ARN",
    "DEPROVISION_STATE_MACHINE_ARN",
]
MALFORMED = {
    "PROVISIONING_SECONDS_MAX": "0",
    "TEARDOWN_SECONDS_MAX": "soon",
    "RECONCILE_GRACE_SECONDS": "-1",
    "HOST_PROVIDER": "abacus",
    "VM_PROVIDER": "../abacus",
    "SIMULATED_READY_SECONDS": "1.5",
    "SIMULATED_DELETE_SECONDS": "fast",
    "SIMULATED_FAILURE_SHARE": "2",
    "SIMULATED_STUCK_SHARE": "all",
}
OTHER_MACHINES = ("SETTLE_CLAIM", "SETTLE_PLACEMENT", "START_VM", "STOP_VM")
# Every other variable of this composition root is present.
GOOD = dict.fromkeys(
    [*NEEDED, *(f"{name}_STATE_MACHINE_ARN" for name in OTHER_MACHINES), "FILL_FUNCTION"], "x"
)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, str]], None]]:
    """Replaces the process's environment; no client is made."""
    builders = [one for one in vars(composition).values() if hasattr(one, "cache_clear")]

    def with_variables(variables: dict[str, str]) -> None:
        monkeypatch.setattr(composition, "environment", lambda: Environment(variables))
        monkeypatch.setattr(composition, "client", lambda _service: object())

    for builder in builders:
        builder.cache_clear()
    yield with_variables
    for builder in builders:
        builder.cache_clear()


def test_valid_variables_are_sufficient(configure: Callable[[dict[str, str]], None]) -> None:
    configure({**GOOD, "PROVISIONING_SECONDS_MAX": "60"})

    assert composition.services().limits.provisioning_seconds_max == 60


@pytest.mark.parametrize("missing", NEEDED)
def test_a_missing_variable_is_named(configure: Callable[[dict[str, str]], None], missing: str) -> None:
    configure({name: value for name, value in GOOD.items() if name != missing})

    with pytest.raises(Misconfigured, match=missing):
        composition.services()


@pytest.mark.parametrize(("variable", "value"), MALFORMED.items())
def test_a_malformed_variable_is_named_and_its_value_is_not(
    configure: Callable[[dict[str, str]], None], variable: str, value: str
) -> None:
    configure({**GOOD, variable: value})

    with pytest.raises(Misconfigured, match=variable) as caught:
        composition.services()
    assert f"{value!r}" not in str(caught.value)


def test_a_failed_start_is_tried_again_by_the_next_request(
    configure: Callable[[dict[str, str]], None],
) -> None:
    configure({})
    with pytest.raises(Misconfigured):
        composition.services()

    configure(GOOD)

    assert composition.services().limits.teardown_seconds_max == 900
