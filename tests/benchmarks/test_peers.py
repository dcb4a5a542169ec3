from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.peers import part
from benchmarks.peers.part import PEERS, Peer, Standing, beginning, events, measure
from benchmarks.peers.slurm import configuration, expand, is_contiguous, topology
from benchmarks.quality.traces import Job, offered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.options import Options


def test_peers_that_are_not_set_up_are_named_with_their_script(quick: Options) -> None:
    section = measure(quick)

    assert not section.measured
    for name in PEERS:
        assert f"sh benchmarks/peers/{name}.sh" in section.markdown()
        assert (Path(part.__file__).parent / f"{name}.sh").is_file()


def test_a_peer_that_is_set_up_is_in_the_table_and_saves_its_result(
    quick: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(_folder: Path, trace: Sequence[Job]) -> Standing:
        return Standing(offered(trace) / 2, offered(trace) / 8, 3, {"answers": 1234.5})

    monkeypatch.setattr(part, "PEERS", {"some": Peer(half, 50, 20), "other": Peer(half, 50, 20)})
    (quick.peers / "some").mkdir(parents=True)
    (quick.peers / "some" / "version").write_text("some 1.0\n")

    section = measure(quick)

    written = section.markdown()
    assert section.measured
    assert "| some 1.0 | 0.8 | 20 | 0.500 |" in written
    assert "| 25.0% | 3 | 1,234 answers |" in written
    assert "other is not set up here" in written
    outcome = json.loads((quick.peers / "some" / "outcome.json").read_text())
    assert outcome["by_load"]["1.0"]["wrong"] == 3


def test_creates_and_releases_are_in_order_of_time() -> None:
    trace = [Job(0.0, 2, 5.0), Job(1.0, 3, 1.0), Job(2.0, 4, 9.0), Job(6.0, 1, 1.0)]

    assert list(events(trace)) == [
        ("claim", 0, 2),
        ("claim", 1, 3),
        ("release", 1, 3),
        ("claim", 2, 4),
        ("release", 0, 2),
        ("claim", 3, 1),
    ]


def test_every_peer_gets_the_beginning_of_the_same_trace() -> None:
    assert beginning(0.8, 300)[:100] == beginning(0.8, 100)


@pytest.mark.parametrize(
    ("nodes", "names"),
    [
        ("p000n05", ["p000n05"]),
        ("p000n[00-02,07]", ["p000n00", "p000n01", "p000n02", "p000n07"]),
        ("p001n03,p002n[09-10]", ["p001n03", "p002n09", "p002n10"]),
    ],
)
def test_slurm_node_lists_are_expanded(nodes: str, names: list[str]) -> None:
    assert expand(nodes) == names


def test_nodes_are_contiguous_when_they_are_neighbours_in_one_pod() -> None:
    assert is_contiguous(["p001n04", "p001n05", "p001n03"])
    assert is_contiguous(["p001n04"])
    assert not is_contiguous(["p001n03", "p001n05"])
    assert not is_contiguous(["p001n17", "p002n18"])


def test_slurm_listens_on_loopback_only_and_knows_every_node(tmp_path: Path) -> None:
    written = configuration(tmp_path, tmp_path, pods=3, length=18)

    assert "(127.0.0.1)\n" in written
    assert "CommunicationParameters=NoInAddrAny\n" in written
    named = [line.removeprefix("NodeName=") for line in written.splitlines() if line.startswith("NodeName=p")]
    assert sum(len(expand(nodes)) for nodes in named) == 54
    assert topology(3, 18).splitlines()[-1] == "SwitchName=top Switches=s[000-002]"


@pytest.mark.parametrize("name", PEERS)
def test_the_scripts_have_valid_syntax(name: str) -> None:
    script = Path(part.__file__).parent / f"{name}.sh"
    shell = shutil.which("sh")
    assert shell is not None

    checked = subprocess.run(  # noqa: S603 - a script of this repository, parsed and not run
        [shell, "-n", str(script)], capture_output=True, text=True, check=False
    )

    assert (checked.returncode, checked.stderr) == (0, "")
