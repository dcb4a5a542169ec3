"""Timeouts: a write whose answer is lost is acknowledged, exactly once."""

from __future__ import annotations

from typing import Any

import pytest

from testkit.dynamodb import internal_error, timeout_after, timeout_before
from testkit.kinds import Claims, Kind, Reservations, Vms, writes

WRITES: list[tuple[type[Kind], int]] = [(Reservations, 3), (Claims, 2), (Vms, 1)]
"""How many writes make one."""
each_write = pytest.mark.parametrize(
    ("of_kind", "number"), [(kind, number) for kind, count in WRITES for number in range(count)]
)


@each_write
@pytest.mark.parametrize("lost", [timeout_after(), internal_error()], ids=["timeout", "internal error"])
def test_a_timeout_after_a_write_makes_exactly_one_holder(
    of_kind: type[Kind], number: int, lost: Any
) -> None:
    kind = of_kind()
    kind.world.db.after("*", lost, only=writes, skip=number)

    made = kind.create()

    assert (kind.there(), kind.held()) == ([made.id], 2)
    assert len(kind.world.workflows) == (of_kind is not Claims)
    assert [line.outcome for line in kind.world.telemetry.audits].count("accepted") == 1
    kind.check()


@each_write
def test_a_write_that_never_arrived_is_sent_again(of_kind: type[Kind], number: int) -> None:
    kind = of_kind()
    kind.world.db.before("*", timeout_before(), only=writes, skip=number)

    made = kind.create()

    assert (kind.there(), kind.held()) == ([made.id], 2)
    kind.check()


@pytest.mark.parametrize(
    ("of_kind", "number", "how"),
    [(Reservations, 2, "delete"), *((kind, 0, how) for kind in (Claims, Vms) for how in ("delete", "end"))],
)
def test_a_record_written_by_a_timed_out_try_is_acknowledged_even_if_it_was_deleted_since(
    of_kind: type[Kind], number: int, how: str
) -> None:
    """Another client may find and delete it before the retry; a refusal would deny that it existed."""
    kind = of_kind()
    ended: list[Any] = []

    def end(*_: object) -> None:
        (found,) = kind.stored()
        ended.append(found)
        getattr(kind, how)(found)

    kind.world.db.after("*", timeout_after(), only=writes, skip=number)
    kind.world.db.before("*", end, only=writes, skip=number + 1)

    made = kind.create(key="order-0815")
    if how == "delete":
        kind.settle(made)

    assert [one.id for one in ended] == [made.id]
    assert (kind.there(), kind.held()) == ([], 0)
    kind.check()
