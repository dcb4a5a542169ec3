"""The full form: resumes where the last run stopped, until the time is over, and stores its results.

The finite parts come first: planted bugs, crash points and their pairs, interleavings. The rest of the time
goes to new seeds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from proof import interleavings, sections
from proof.bugs import BUGS
from proof.campaign import (
    SEEDS_A_TASK,
    Sum,
    Workers,
    find_bug,
    run_crashes,
    run_schedules,
    run_seeds,
    schedule_tasks,
    seed_tasks,
)
from proof.crashes import STORIES, play
from proof.sections import PARTS
from proof.sensitivity import SEEDS_MAX, Detection
from tools.reporting import goals
from tools.reporting import page as report
from tools.reporting.results import load, load_raw, save

if TYPE_CHECKING:
    from tools.reporting.results import Section

SEEDS_A_SAVE: Final = 100 * SEEDS_A_TASK


def run(jobs: int, deadline: float) -> int:
    """Run until everything is done or the time is over; 1 if there is a violation."""
    begun = time.monotonic()
    # The finite parts may take half of the time; the next run continues them.
    with Workers(jobs, begun + (deadline - begun) / 2) as workers:
        violated = _bugs(workers) + _crashes(workers) + _schedules(workers)
        workers.deadline = deadline
        violated += _seeds(workers, jobs)
    report.write()
    raw = load_raw("simulation")
    short = sections.shortfalls(raw) if raw else []
    for shortfall in short:
        print(f"not yet: {shortfall}")
    print(f"{violated} violations; docs/proof.md is written")
    # A shortfall before all seeds are run is left to the next run; after that it is final.
    return 1 if violated or (short and raw["seeds"] >= goals.SEEDS) else 0


def _note(name: str, section: Section) -> None:
    save(name, section)
    report.write()


def _schedules(workers: Workers) -> int:
    raw: dict[str, Any] = load_raw("interleavings") or {
        "blocks": {},
        "tasks_done": {},
        "violated": 0,
        "problems": [],
    }
    blocks = (*interleavings.PAIRS, *interleavings.ALL_TRIPLES, *interleavings.LONG_TRIPLES)
    raw["sizes"] = {block.full_title: block.size for block in blocks}
    for block in blocks:
        title = block.full_title
        tasks, before = list(schedule_tasks(block)), raw["tasks_done"].get(title, 0)
        if before == len(tasks) or workers.is_over:
            continue
        total, done = workers.add_up(run_schedules, tasks[before:])
        _add_problems(raw, total)
        raw["tasks_done"][title] = before + done
        raw["blocks"][title] = raw["blocks"].get(title, 0) + total.runs
        print(f"{title}: {raw['blocks'][title]} of {block.size} schedules", flush=True)
        _note("interleavings", sections.schedules(raw))
    return int(raw["violated"])


def _crashes(workers: Workers) -> int:
    raw: dict[str, Any] = load_raw("crashes") or {
        "effects": {story: list(play(story, {}).effects) for story in STORIES},
        "single": {},
        "double": {},
        "parts_done": {"single": {}, "double": {}},
        "violated": 0,
        "problems": [],
    }
    for kind, pairs in (("single", False), ("double", True)):
        for story in STORIES:
            before = raw["parts_done"][kind].get(story, 0)
            if before == PARTS or workers.is_over:
                continue
            tasks = [(story, pairs, part, PARTS) for part in range(before, PARTS)]
            total, done = workers.add_up(run_crashes, tasks)
            _add_problems(raw, total)
            raw["parts_done"][kind][story] = before + done
            raw[kind][story] = raw[kind].get(story, 0) + total.runs
            print(f"{story}: {raw[kind][story]} crashes ({kind}), {before + done}/{PARTS}", flush=True)
            _note("crashes", sections.crashes(raw))
    return int(raw["violated"])


def _bugs(workers: Workers) -> int:
    raw = load_raw("bugs")
    if not raw:
        detections: list[Detection] = []
        for _, found in workers.do(find_bug, [(place, range(SEEDS_MAX)) for place in range(len(BUGS))]):
            detections.append(found)
            print(f"{found.bug}: {found.seeds}", flush=True)
        if len(detections) == len(BUGS):
            section = sections.planted(detections, SEEDS_MAX)
            section.raw = raw = {
                "missed": sum(found.seeds is None for found in detections),
                "found_at": {found.bug: found.seed for found in detections if found.seed is not None},
            }
            _note("bugs", section)
    return int(raw.get("missed", 0))


def _seeds(workers: Workers, jobs: int) -> int:
    raw: dict[str, Any] = load_raw("simulation")
    if not raw:
        raw = {"seeds": 0, "counts": {}, "faults": {}, "violated": 0, "problems": [], "seconds": 0}
        before = load("simulation")
        raw["earlier"] = 0 if before is None else before.raw["earlier"] + _operations(before.raw)
    raw["jobs"] = jobs
    while not workers.is_over:
        begun = time.monotonic()
        for (_, count), total in workers.do(run_seeds, seed_tasks(raw["seeds"], SEEDS_A_SAVE)):
            raw["seeds"] += count
            for name in ("counts", "faults"):
                for key, number in getattr(total, name).items():
                    raw[name][key] = raw[name].get(key, 0) + number
            _add_problems(raw, total)
        raw["seconds"] += round(time.monotonic() - begun)
        _note("simulation", sections.simulation(raw))
        print(f"{raw['seeds']} seeds, {_operations(raw)} client operations", flush=True)
    return int(raw["violated"])


def _operations(raw: dict[str, Any]) -> int:
    return int(raw["counts"].get("client operations", 0))


def _add_problems(raw: dict[str, Any], total: Sum) -> None:
    for problem in total.problems:
        print(f"VIOLATION {problem}", flush=True)
    raw["violated"] += len(total.problems)
    raw["problems"] = [*raw["problems"], *total.problems][:20]
