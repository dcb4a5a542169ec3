from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.report import Section
from benchmarks.slices.cluster import WHOLE_NODE, Cluster, inflate, rules, serve
from benchmarks.slices.openb import Task, busy_window, mean_demand, read_nodes, read_tasks, superposed
from benchmarks.slices.part import GRADIENT, OURS, _verdict, measure
from benchmarks.slices.policies import FragmentationGradient, fragmentation

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.options import Options

POPULARITY = {1: 0.5, 2: 0.2, 4: 0.1, 8: 0.2}
NAMES = list(rules(POPULARITY))

NODES = """\
sn,cpu_milli,memory_mib,gpu,model
node-0,64000,262144,2,A
node-1,96000,786432,8,B
node-2,96000,786432,8,B
"""

TASKS = """\
name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time
shared,1,1,1,460,,LS,Succeeded,20,100,30
cpu-only,1,1,0,0,,LS,Succeeded,0,100,0
six,1,1,6,1000,,LS,Running,10,40,10
never-ran,1,1,1,1000,,LS,Pending,5,50,
no-time,1,1,8,1000,,LS,Failed,5,50,50
whole,1,1,8,1000,,LS,Succeeded,30,60,35
"""


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    path = tmp_path / "nodes.csv"
    path.write_text(NODES)
    return path


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.csv"
    path.write_text(TASKS)
    return path


# The trace.


def test_only_nodes_with_eight_gpus_count(nodes: Path) -> None:
    assert read_nodes(nodes) == 2


def test_tasks_are_those_that_ran_on_gpus_with_the_slices_that_hold_them(trace: Path) -> None:
    assert read_tasks(trace) == [Task(10.0, 8, 30.0), Task(20.0, 1, 70.0), Task(30.0, 8, 25.0)]


def test_the_mean_demand_counts_only_tasks_running_within_the_window() -> None:
    tasks = [Task(0.0, 4, 10.0), Task(5.0, 1, 100.0)]

    assert mean_demand(tasks, 5.0, 15.0) == pytest.approx((4 * 5 + 1 * 10) / 10)


def test_copies_of_a_trace_are_shifted_in_time_and_keep_sizes_and_durations() -> None:
    tasks = [Task(float(n), 1 + n % 2, 5.0) for n in range(200)]
    begin, end = busy_window(tasks)

    copies = superposed(tasks, 3, seed=1)

    assert {task.gpus for task in copies} == {1, 2}
    assert all(0 <= task.arrival < end - begin for task in copies)
    assert [task.arrival for task in copies] == sorted(task.arrival for task in copies)
    assert copies == superposed(tasks, 3, seed=1)
    assert copies != superposed(tasks, 3, seed=2)
    assert len(copies) == 3 * sum(task.arrival < end and task.arrival + 5 > begin for task in tasks)


# The policies.


@pytest.mark.parametrize("name", NAMES)
def test_every_policy_fills_a_cluster_to_the_last_gpu_with_tasks_of_one(name: str) -> None:
    cluster = Cluster(3, rules(POPULARITY)[name])
    taken = [cluster.place(1, draw * 0x9E3779B97F4A7C15) for draw in range(24)]

    assert len({slot for slot in taken if slot is not None}) == 24
    assert cluster.free_gpus() == 0
    assert cluster.place(1, 0) is None


@pytest.mark.parametrize("name", NAMES)
def test_released_gpus_can_be_used_again(name: str) -> None:
    cluster = Cluster(1, rules(POPULARITY)[name])
    slot = cluster.place(8, 0)
    assert slot == (0, WHOLE_NODE)
    assert cluster.place(1, 0) is None

    cluster.release(*slot)

    assert cluster.place(8, 0) == (0, WHOLE_NODE)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"random"}))
def test_only_the_random_policy_opens_a_fresh_node_beside_a_used_one(name: str) -> None:
    cluster = Cluster(5, rules(POPULARITY)[name])
    first = cluster.place(2, 1)
    second = cluster.place(2, 2)

    assert first is not None
    assert second is not None
    assert first[0] == second[0]


def test_this_projects_rule_chooses_the_node_that_loses_the_fewest_large_slices() -> None:
    """A slice of one: of a free pair in one node, or the odd one of another."""
    cluster = Cluster(2, rules(POPULARITY)["this rule"])
    masks = {0: 0b0011_1111, 1: 0b0111_1111}
    for node, mask in masks.items():
        cluster._move(node, WHOLE_NODE & ~mask)

    assert cluster.place(1, 0) == (1, 0b1000_0000)


def test_fragmentation_counts_the_gpus_that_a_random_task_of_the_workload_cannot_use() -> None:
    assert fragmentation(WHOLE_NODE, POPULARITY) == 0
    # Three in a row from the first: one has no neighbour for a pair, none makes a four or an eight.
    assert fragmentation(0b0000_0111, POPULARITY) == pytest.approx(0.2 * 1 + 0.1 * 3 + 0.2 * 3)


def test_the_gradient_rule_takes_the_slice_that_raises_fragmentation_least() -> None:
    gradient = FragmentationGradient(POPULARITY)
    free = 0b1000_1111

    assert gradient.pick(free, 1) == 7
    assert gradient.rank(free, 8) is None


# Replays.


def test_a_task_that_does_not_fit_is_lost() -> None:
    tasks = [Task(0.0, 8, 10.0), Task(5.0, 8, 10.0), Task(10.0, 1, 5.0)]

    served = serve(tasks, 1, rules(POPULARITY)["best fit"], POPULARITY)

    assert (served.offered, served.accepted) == (80.0 + 80.0 + 5.0, 85.0)
    assert (served.whole_nodes_offered, served.whole_nodes_accepted) == (160.0, 80.0)


def test_the_papers_experiment_stops_when_more_is_requested_than_exists() -> None:
    rows = inflate([Task(0.0, 4, 1.0)] * 100, 5, rules(POPULARITY)["this rule"], POPULARITY)

    assert [round(demand, 2) for demand, _, _ in rows][-3:] == [1.0, 1.1, 1.2]
    assert rows[-1][1:] == (1.0, 0.0)


# The part.


def test_without_a_trace_the_part_says_so(quick: Options) -> None:
    section = measure(quick)

    assert not section.measured
    assert "NODES=" in section.markdown()


def test_the_verdict_has_no_tolerance_and_names_policies_that_accept_more() -> None:
    section = Section("Slices")

    _verdict(section, 1.0, {OURS: 0.95679, GRADIENT: 0.95680, "best fit": 0.95700, "random": 0.8})
    _verdict(section, 0.8, {OURS: 1.0, GRADIENT: 1.0})

    assert [figure.met for figure in section.figures] == [False, True]
    assert section.blocks == [
        "At load 1.0 more is accepted by fragmentation gradient (0.001 points), best fit (0.021 points)."
    ]
