"""What clients saw of one holder, and whether some order of the events explains it."""

from __future__ import annotations

from math import inf
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from proof.effects import Effect, Observed
from proof.visible import Seen, judge
from testkit.items import WHOLE, Hardware

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proof.ledger import Ledger

HOLDER = ("ORG#a", "RESERVATION#a")
RACK = ("uk-lon-1", "pod1", 0)
HARDWARE = Hardware(1, slots={0: {0: ("host", True)}}, hosts_per_unit=1, flavor="gb300")
OWNED_AT, RELEASED_AT = 10, 50
ASKED = 5


def answer(invoked: int, answered: float, *, holds: bool | None) -> Any:
    """A read of the holder, and its result."""
    return SimpleNamespace(
        invoked=invoked, answered=answered, seen=[Seen(HOLDER, holds)], created=[], misled=False
    )


def problems(*answers: Any, created: bool = True) -> Sequence[str]:
    """The holder is requested at 5, owns a rack from 10 to 50, and this is what clients see of it.

    With ``created=False`` it was not requested: it exists from the beginning.
    """
    ledger = SimpleNamespace(
        effects=[
            Observed(1, RACK[:2], HARDWARE),
            Effect(OWNED_AT, HOLDER, 0, {RACK: WHOLE}, {}),
            Effect(RELEASED_AT, HOLDER, 0, {}, {RACK: WHOLE}),
        ],
        hardware={RACK[:2]: HARDWARE},
    )
    create: Any = SimpleNamespace(
        invoked=ASKED, answered=None, seen=[], created=[HOLDER] if created else [], misled=False
    )
    return list(judge(cast("Ledger", ledger), [create, *answers]))


@pytest.mark.parametrize("shown", [True, None])
def test_a_holder_may_be_absent_until_it_is_shown_for_the_first_time(*, shown: bool | None) -> None:
    """Its record may be claiming for long, although it owns already."""
    assert (
        problems(answer(20, 21, holds=False), answer(30, 31, holds=shown), answer(60, 61, holds=False)) == []
    )


def test_a_holder_that_was_shown_and_then_absent_must_not_be_shown_again() -> None:
    [problem] = problems(answer(20, 21, holds=True), answer(30, 31, holds=False), answer(40, 41, holds=True))
    assert "no order" in problem


def test_a_response_on_its_way_when_the_holder_is_first_shown_may_be_of_the_time_before() -> None:
    assert problems(answer(20, 32, holds=False), answer(30, 31, holds=True), answer(40, 41, holds=True)) == []


def test_a_read_that_never_returned_proves_nothing() -> None:
    assert problems(answer(20, inf, holds=False), answer(30, 31, holds=True)) == []


def test_a_holder_from_the_beginning_that_is_absent_must_not_be_shown_again() -> None:
    seen = answer(20, 21, holds=False), answer(30, 31, holds=True)

    assert problems(*seen) == []
    assert len(problems(*seen, created=False)) == 1
