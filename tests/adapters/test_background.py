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
def test_what_comes_of_the_work_is_answered_as_often_as_it_is_asked_for(background: Background) -> None:
    answer = background(lambda: "done")

    assert (answer(), answer()) == ("done", "done")


@BOTH
def test_several_works_have_an_answer_each(background: Background) -> None:
    answers = [background(partial(abs, number)) for number in range(3)]

    assert [answer() for answer in answers] == [0, 1, 2]


@BOTH
def test_what_the_work_raises_is_raised(background: Background) -> None:
    def fail() -> NoReturn:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        background(fail)()


def test_a_thread_works_while_its_caller_goes_on() -> None:
    goes_on = threading.Event()

    answer = BackgroundThread()(lambda: goes_on.wait(timeout=60))
    goes_on.set()

    assert answer(), "the work waited for what came after it"
