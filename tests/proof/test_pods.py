"""The sequential model of pods used to judge histories, and histories of pods written by hand."""

from __future__ import annotations

from math import inf

from proof.linear import Operation, order_of
from proof.pods import EMPTY, Change, Hardware, NoSlice, Offer, Part, PodState, Refusal
from testkit.items import WHOLE

RACKS = Hardware(usable=((0, 3), (1, 3), (2, 3)), complete=frozenset({0, 1, 2}))


def after(*steps: Change | Hardware | Refusal | Offer | NoSlice) -> PodState | None:
    state: PodState | None = EMPTY
    for step in steps:
        if state is not None:
            state = step.apply(state)
    return state


def takes(holder: str, *positions: int, mask: int = WHOLE) -> Change:
    return Change((Part(holder, tuple((position, mask) for position in positions), ()),))


def gives(holder: str, *positions: int, mask: int = WHOLE) -> Change:
    return Change((Part(holder, (), tuple((position, mask) for position in positions)),))


def test_free_capacity_can_be_taken_once() -> None:
    assert after(RACKS, takes("a", 0, 1)) is not None
    assert after(RACKS, takes("a", 0, 1), takes("b", 1, 2)) is None
    assert after(RACKS, takes("a", 0), takes("b", 1), takes("c", 2)) is not None


def test_hosts_of_a_rack_can_be_shared_and_a_whole_rack_cannot() -> None:
    assert after(RACKS, takes("a", 0, mask=1), takes("b", 0, mask=2)) is not None
    assert after(RACKS, takes("a", 0, mask=1), takes("b", 0, mask=3)) is None
    assert after(RACKS, takes("a", 0, mask=1), takes("b", 0)) is None
    assert after(RACKS, takes("a", 0), takes("b", 0, mask=1)) is None


def test_only_its_holder_can_give_back_capacity() -> None:
    assert after(RACKS, takes("a", 0), gives("a", 0)) == after(RACKS)
    assert after(RACKS, takes("a", 0), gives("b", 0)) is None
    assert after(RACKS, takes("a", 0, mask=1), gives("a", 0, mask=3)) is None
    assert after(RACKS, takes("a", 0), gives("a", 0), gives("a", 0)) is None


def test_broken_hardware_cannot_be_taken_and_owned_hardware_may_break() -> None:
    broken = Hardware(usable=((0, 1), (1, 3), (2, 3)), complete=frozenset({1, 2}))

    assert after(RACKS, broken, takes("a", 0)) is None
    assert after(RACKS, broken, takes("a", 0, mask=2)) is None
    assert after(RACKS, broken, takes("a", 0, mask=1)) is not None
    assert after(RACKS, takes("a", 0), broken, gives("a", 0)) is not None


def test_a_refusal_is_correct_if_no_run_is_long_enough() -> None:
    assert after(RACKS, Refusal(3)) is None
    assert after(RACKS, takes("a", 1), Refusal(2)) is not None
    assert after(RACKS, takes("a", 1), Refusal(1)) is None
    assert after(RACKS, takes("a", 2), Refusal(2)) is None


def test_an_offer_is_correct_if_the_run_is_free() -> None:
    assert after(RACKS, Offer((0, 1))) is not None
    assert after(RACKS, takes("a", 1), Offer((0, 1))) is None


def observed(
    step: Change | Hardware | Refusal | Offer | NoSlice, asked: float, known: float
) -> Operation[PodState]:
    return Operation(step, asked, known)


SOON = observed(RACKS, 0, 0)


def test_clients_that_see_changes_one_after_the_other_are_linearizable() -> None:
    assert (
        order_of([SOON, observed(takes("a", 0, 1, 2), 1, 2), observed(Refusal(1), 3, 4)], EMPTY) is not None
    )
    assert (
        order_of([SOON, observed(takes("a", 0, 1, 2), 1, 9), observed(Refusal(1), 3, 4)], EMPTY) is not None
    )


def test_a_refusal_while_everything_was_free_is_not_linearizable() -> None:
    assert order_of([SOON, observed(Refusal(1), 1, 2), observed(takes("a", 0), 3, 4)], EMPTY) is None


def test_two_responses_with_the_same_rack_are_not_linearizable() -> None:
    assert order_of([SOON, observed(takes("a", 0), 1, 9), observed(takes("b", 0), 1, 9)], EMPTY) is None


def test_two_owners_of_a_rack_are_linearizable_if_one_could_have_given_it_back() -> None:
    story = [SOON, observed(takes("a", 0), 1, 3), observed(takes("b", 0), 4, 6)]

    assert order_of([*story, observed(gives("a", 0), 4, inf)], EMPTY) is not None
    assert order_of([*story, observed(gives("a", 0), 7, inf)], EMPTY) is None


def test_a_release_that_was_seen_makes_a_later_refusal_incorrect() -> None:
    story = [SOON, observed(takes("a", 0, 1, 2), 1, 2), observed(gives("a", 0, 1, 2), 3, 5)]

    assert order_of([*story, observed(Refusal(1), 4, 6)], EMPTY) is not None
    assert order_of([*story, observed(Refusal(1), 6, 7)], EMPTY) is None


def hands(giver: str, taker: str, position: int, mask: int) -> Change:
    return Change((Part(taker, ((position, mask),), ()), Part(giver, (), ((position, mask),))))


def test_ownership_is_transferred_even_on_hardware_that_no_new_holder_may_have() -> None:
    broken = Hardware(usable=(), complete=frozenset())

    assert after(RACKS, takes("a", 0, mask=1), broken, hands("a", "b", 0, 1)) is not None
    assert after(RACKS, takes("a", 0, mask=1), broken, gives("a", 0, mask=1), takes("b", 0, mask=1)) is None
    assert after(RACKS, takes("a", 0, mask=1), hands("c", "b", 0, 1)) is None


def test_a_slice_is_refused_correctly_if_no_aligned_one_is_free() -> None:
    node = Hardware(usable=((0, 0xFF),), complete=frozenset({0}))

    assert after(node, NoSlice(0, 8)) is None
    assert after(node, takes("a", 0, mask=0x01), NoSlice(0, 8)) is not None
    assert after(node, takes("a", 0, mask=0x11), NoSlice(0, 4)) is not None
    assert after(node, takes("a", 0, mask=0x11), NoSlice(0, 2)) is None
