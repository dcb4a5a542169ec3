"""A seed determines the run, byte for byte, in this process and in any other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import proof.replay
from proof.crashes import Ending, spell
from proof.interleavings import PAIRS, Block
from proof.outcome import digest
from proof.replay import UnknownReplayError, replay
from proof.simulation import simulate
from proof.story import Mode
from tools.reporting.results import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


SEEDS = (0, 3, 7, 11, 42, 104)


def test_a_seed_gives_the_same_history_twice() -> None:
    for seed in SEEDS:
        first = simulate(seed, history=True)
        # A run in between must have no effect.
        simulate(seed + 1)
        second = simulate(seed, history=True)

        assert first.history == second.history
        assert len(first.history) > 1_000


def test_different_seeds_give_different_histories() -> None:
    assert len({simulate(seed, history=True).history for seed in SEEDS}) == len(SEEDS)


def test_a_schedule_is_replayed_by_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[tuple[str, Sequence[int]]] = []

    def note(block: Block, schedule: Sequence[int]) -> list[str]:
        played.append((block.title, schedule))
        return ["x"]

    monkeypatch.setattr(Block, "play", note)
    block = PAIRS[1]
    schedule = next(iter(block.schedules()))

    assert replay(block.spell(schedule)) == ["x"]
    assert played == [(block.title, schedule)]


@pytest.mark.parametrize(
    "strikes", [{2: Mode.UNACKNOWLEDGED, 7: Mode.TWICE}, {3: Mode.LATE, 4: Mode.BEFORE}, {3: Mode.LATE}]
)
def test_a_crash_is_replayed_by_its_text(monkeypatch: pytest.MonkeyPatch, strikes: dict[int, Mode]) -> None:
    played: list[Mapping[int, Mode]] = []

    def note(_name: str, strikes: Mapping[int, Mode]) -> Ending:
        played.append(strikes)
        return Ending(("x",), ())

    monkeypatch.setattr(proof.replay, "play", note)

    assert replay(spell("waiting claim", strikes)) == ["x"]
    assert played == [strikes]


@pytest.mark.parametrize(
    "words", ["", "claim x claim", "claim x claim 0000011112", "waiting claim, 3", "no story, 3 done twice"]
)
def test_an_invalid_text_is_refused(words: str) -> None:
    with pytest.raises(UnknownReplayError):
        replay(words)


def test_the_printed_command_replays_a_seed_in_another_process(tmp_path: Path) -> None:
    """Also with another hash seed, so nothing may depend on the order of sets."""
    history = tmp_path / "history"
    command = [sys.executable, "-m", "proof", "--seed", "42", "--history", str(history)]
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": "layers/shared"}
    done = subprocess.run(  # noqa: S603 - this interpreter, this repository
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    here = simulate(42, history=True)

    assert history.read_bytes() == here.history
    assert re.search(r"history ([0-9a-f]{16})", done.stdout)[1] == digest(here.history)  # type: ignore[index]
    assert "everything holds" in done.stdout
