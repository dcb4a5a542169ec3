from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.healing import faults, part
from benchmarks.healing.slurm import Replaced

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from benchmarks.options import Options


def test_every_lost_server_is_replaced_within_its_reservation() -> None:
    healing = faults.run(10, 3)
    assert (healing.faults, healing.replaced, healing.outside) == (10, 10, 0)
    assert (healing.saved, healing.orders) == (3, 3)
    assert len(healing.shown) == 10
    assert all(seconds >= 0 for seconds in healing.shown)


def test_without_slurm_the_part_says_how_to_set_it_up(quick: Options, tmp_path: Path) -> None:
    section = part.measure(replace(quick, peers=tmp_path))
    assert section.measured
    assert "sh benchmarks/peers/slurm.sh" in section.markdown()
    assert not [figure for figure in section.figures if figure.met is False]


def test_slurm_stands_beside_it(quick: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "version").write_text("slurm-wlm 1.0\n")
    outcome = Replaced(faults=4, in_rack=1, in_order=1, outside=2, seconds=[1.0, 2.0, 3.0, 9.0])
    monkeypatch.setattr("benchmarks.healing.slurm.run", lambda *_arguments: outcome)
    shown = {f.name: f.measured for f in part.measure(replace(quick, peers=tmp_path)).figures}
    assert shown["Slurm: from fault to replaced, median · slowest"] == "3 s · 9 s"
    assert shown["Slurm: nodes replaced"] == "4 of 4"
    assert shown["Slurm: in the same rack"] == "25 %"
    assert shown["Slurm: outside the racks of the reservation"] == "50 %"
