"""Which servers a rolling update rebuilds next, and what the counts of a placement say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_capacity.placements.progress import (
    Counts,
    Drift,
    counts_of,
    drift_of,
    is_provisioned,
    next_to_rebuild,
)
from gpu_capacity.placements.record import StrategyType, UpdateStrategy
from gpu_capacity.providers.port import Server, ServerState
from testkit.placements import placement

if TYPE_CHECKING:
    from gpu_capacity.placements.record import Placement

OLD, NEW = "ubuntu-24.04", "ubuntu-26.04"


def _rolling(count: int, max_unavailable: str = "1") -> Placement:
    strategy = UpdateStrategy(
        StrategyType.ROLLING_UPDATE, rolling_update=True, max_unavailable=max_unavailable
    )
    return placement(count=count, image_id=NEW, generation=2, strategy=strategy)


def _servers(text: str) -> list[Server]:
    """A server for each letter: r(unning), s(topped), b(uilding), f(ailed); upper case has the new image."""
    states = {
        "r": ServerState.RUNNING,
        "s": ServerState.STOPPED,
        "b": ServerState.REBUILDING,
        "f": ServerState.FAILED,
    }
    return [
        Server(
            owner="o-1",
            host_id=f"host-{n}",
            ordinal=n,
            generation=2 if letter.isupper() else 1,
            image_id=NEW if letter.isupper() else OLD,
            state=states[letter.lower()],
        )
        for n, letter in enumerate(text)
    ]


def _next(text: str, max_unavailable: str = "1") -> list[int]:
    return [s.ordinal for s in next_to_rebuild(_rolling(len(text), max_unavailable), _servers(text))]


@pytest.mark.parametrize(
    ("servers", "max_unavailable", "rebuilt"),
    [
        ("rrrr", "1", [0]),
        ("rrrr", "2", [0, 1]),
        ("rrrr", "25%", [0]),
        ("rrrr", "26%", [0, 1]),
        ("rrrr", "100%", [0, 1, 2, 3]),
        ("rrrr", "9", [0, 1, 2, 3]),
        ("RRrr", "1", [2]),
        ("RRRR", "2", []),
        ("Brrr", "1", []),
        ("Brrr", "2", [1]),
        ("srrr", "1", [0]),
    ],
)
def test_at_most_so_many_are_rebuilt_at_a_time(
    servers: str, max_unavailable: str, rebuilt: list[int]
) -> None:
    assert _next(servers, max_unavailable) == rebuilt


def test_a_server_that_failed_on_the_way_keeps_its_slot() -> None:
    assert _next("Frrr", "1") == []
    assert _next("Frrr", "2") == [1]
    assert _next("FFrr", "2") == []


def test_a_further_change_of_the_image_frees_the_slots_of_those_that_failed() -> None:
    assert _next("frrr", "1") == [0]
    assert _next("rrff", "2") == [2, 3]


def test_servers_that_are_down_already_are_rebuilt_first_and_no_working_one_beside_them() -> None:
    assert _next("rrrf", "1") == [3]
    assert _next("rrff", "1") == [2]
    assert _next("rrrf", "2") == [3, 0]
    assert _next("rrfF", "2") == [2]


def test_a_server_on_its_way_to_an_image_that_is_not_wanted_any_more_is_turned_round() -> None:
    assert _next("brrr", "1") == [0]
    assert _next("rrrb", "2") == [3, 0]


def test_manual_rebuilds_nothing() -> None:
    assert next_to_rebuild(placement(image_id=NEW), _servers("rrfb")) == []


@given(st.text("rsbfRSBF", min_size=1, max_size=8), st.integers(1, 8))
def test_no_update_takes_more_servers_out_of_service_than_it_may(text: str, budget: int) -> None:
    servers, chosen = _servers(text), _next(text, str(budget))
    on_their_way = sum(letter in "BF" for letter in text)
    down = sum(letter in "bfBF" for letter in text)
    working = [n for n in chosen if is_provisioned(servers[n])]
    assert len(set(chosen)) == len(chosen)
    assert all(drift_of(_rolling(len(text)), servers[n]) is Drift.DRIFTED for n in chosen)
    assert not chosen or on_their_way + len(chosen) <= budget
    assert not working or down + len(working) <= max(budget, down)
    if down < budget and any(letter in "rs" for letter in text) and on_their_way < budget:
        assert chosen, "there is a slot and something to rebuild"


def test_counts_say_where_every_server_is() -> None:
    wanted = _rolling(8)
    assert counts_of(wanted, _servers("RRSBFrbf")) == Counts(
        ready=3, updated=3, drifted=5, in_flight=4, stalled=2
    )


def test_a_host_without_a_server_is_in_flight() -> None:
    assert counts_of(_rolling(4), _servers("R")) == Counts(1, 1, 3, 3, 0)


@given(st.text("rsbfRSBF", max_size=8), st.integers(0, 4))
def test_counts_are_parts_of_one_another(text: str, missing: int) -> None:
    count = len(text) + missing or 1
    counts = counts_of(_rolling(count), _servers(text))
    assert counts.updated + counts.drifted == count
    assert counts.stalled <= counts.in_flight <= counts.drifted
    assert counts.ready <= count - counts.in_flight
    if text and not missing:
        assert (counts.drifted == 0) == (set(text) <= set("RS"))


@pytest.mark.parametrize(
    ("letter", "drift"),
    [
        ("R", Drift.UP_TO_DATE),
        ("S", Drift.UP_TO_DATE),
        ("B", Drift.CONVERGING),
        ("F", Drift.CONVERGING),
        ("r", Drift.DRIFTED),
        ("b", Drift.DRIFTED),
        ("f", Drift.DRIFTED),
    ],
)
def test_a_server_has_drifted_until_the_wanted_image_was_accepted(letter: str, drift: Drift) -> None:
    assert drift_of(_rolling(1), _servers(letter)[0]) is drift
