from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import pytest

from gpu_capacity.adapters.background import BackgroundThread, run_now

if TYPE_CHECKING:
    from gpu_capacity.ports import Background

BOTH = pytest.mark.parametrize("background", [run_now, BackgroundThread()], ids=["at once", "thread"])


@BOTH
def test_the_result_can_be_asked_for_several_times(background: Background) -> None:
    answer = background(lambda: "done")

    assert (answer(), answer()) == ("done", "done")


@BOTH
def test_each_task_has_its_own_result(background: Background) -> None:
    answers = [background(partial(abs, number)) for number in range(3)]

    assert [answer() for answer in answers] == [0, 1, 2]


@BOTH
def test_an_exception_of_the_task_is_raised(background: Background) -> None:
    def fail() -> NoReturn:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        background(fail)()


def test_a_task_runs_while_its_caller_continues() -> None:
    goes_on = threading.Event()

    answer = BackgroundThread()(lambda: goes_on.wait(timeout=60))
    goes_on.set()

    assert answer(), "the work waited for what came after it"
