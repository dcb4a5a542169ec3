"""Part 3: accepted share of the work by policy, fragmentation of the free units, and an adversary."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Final

from benchmarks.plots import Plot, Series
from benchmarks.quality.adversary import robson_bound, units_needed
from benchmarks.quality.comparison import HEAD, compare, row
from benchmarks.quality.policies import POLICIES, SECONDS_APART, Layout, pooled, this_chooser
from benchmarks.quality.references import carried_share
from benchmarks.quality.replay import replay
from benchmarks.quality.swf import at_load, is_swf, read_workload
from benchmarks.quality.traces import MIXES, mean_size, poisson_trace
from benchmarks.quality.young import BEGINNINGS, COMPARED, whole_pods
from benchmarks.report import Section
from gpu_capacity.inventory.store import SNAPSHOT_SECONDS_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.options import Options
    from benchmarks.quality.comparison import Case
    from benchmarks.quality.replay import Glimpse, Outcome
    from benchmarks.quality.traces import Job

PODS: Final = 20
LENGTH: Final = 18
LOADS: Final = (0.8, 1.0)
LP_ANCHORS: Final = {0.8: 0.96, 1.0: 0.90}
OURS: Final = "this chooser"
IN_ONE_POD: Final = "any units in one pod"
POINTS_MAX: Final = 1.0
SELF_TEST_TOLERANCE: Final = 0.008
"""Of the pooled share: three standard errors of 8 traces of 40,000 jobs at load 1.0."""


def pooled_against_exact(
    layout: Layout, mix: str, load: float, seeds: Sequence[int], jobs: int
) -> tuple[float, float]:
    """Return the (simulated, exact) accepted share of the work if any free units may be used."""
    weights = MIXES[mix]
    arrivals = load * layout.units / mean_size(weights)
    exact = carried_share(
        layout.units, {size: arrivals * weight / sum(weights.values()) for size, weight in weights.items()}
    )
    traces = (synthetic(layout, mix, load, seed, jobs) for seed in seeds)
    # The region starts empty, so arrivals in the first ten holding times are not counted.
    return fmean(replay(layout, pooled(layout), trace, after=10.0).share for trace in traces), exact


def measure(options: Options) -> Section:
    """Run the part."""
    section = Section("Placement quality")
    layout = Layout.of(PODS, LENGTH)
    seeds, jobs = range(options.sized(12, 2)), options.sized(6000, 300)
    cases = [
        compare(layout, mix, load, [synthetic(layout, mix, load, seed, jobs) for seed in seeds])
        for mix in MIXES
        for load in LOADS
    ]
    section.text(
        f"{PODS} pods of {LENGTH} domains; Poisson arrivals, lognormal holding times (sigma 1); "
        f"{jobs:,} jobs a trace, {len(seeds)} seeds. The chooser's weights were tuned on other seeds; "
        "between weights that are equal within the error, these chose. "
        "Sizes are equally likely: "
        + "; ".join(f"{name} {', '.join(map(str, mix))}" for name, mix in MIXES.items())
        + ". Load is the work offered over the capacity. The bound is a linear program that knows the whole "
        "trace, accepts any fraction of a job, and needs neither contiguity nor pods: no policy can exceed "
        "it. Figures of policies are accepted unit-hours over it; a point is a hundredth of it; ± is the "
        "standard error over the seeds. *Any units in one pod* gives up contiguity, and takes the pod with "
        "the fewest free units that has enough (the first such pod, or the emptiest, accepts 1 to 26 points "
        "less)."
    )
    for load in LOADS:
        mean = fmean(case.mean(OURS) for case in cases if case.load == load)
        section.figure(
            f"accepted work over the bound, load {load}, mean of the mixes",
            f"{mean:.3f}",
            f"{LP_ANCHORS[load]:.2f}",
            met=mean >= LP_ANCHORS[load],
        )
    for case in cases:
        of_bound, anchor = case.mean(OURS), LP_ANCHORS[case.load]
        section.figure(
            f"accepted work over the bound, {case.name}, load {case.load}",
            f"{of_bound:.3f}",
            f"{anchor:.2f}",
            met=of_bound >= anchor,
            why=why_short(case),
            detail=True,
        )
    for load in LOADS:
        of_load = [(*case.points_behind(OURS, IN_ONE_POD), case) for case in cases if case.load == load]
        worst = max(behind for behind, _, _ in of_load)
        for behind, error, case in of_load:
            of_best_fit, _ = case.points_behind("best fit", IN_ONE_POD)
            section.figure(
                f"points behind {IN_ONE_POD}, load {load}, {case.name}",
                f"{behind:.2f} ± {error:.2f} (best fit {of_best_fit:.2f})",
                f"{POINTS_MAX:.1f}",
                met=behind <= POINTS_MAX,
                detail=behind < worst,
            )
    section.table(HEAD, map(row, cases))
    _real_trace(section, layout, options)
    _young(section, options)
    _kept_for_ever(section, layout, options)
    _self_test(section, layout, options)
    _over_time(section, layout, options)
    _adversary(section, options)
    return section


def why_short(case: Case) -> str:
    """Explain why a mix misses its goal, from the figures of the other policies."""
    ours, other, anchor = case.mean(OURS), case.mean(IN_ONE_POD), LP_ANCHORS[case.load]
    best, of_best = max(
        ((name, case.mean(name)) for name in POLICIES if name not in {OURS, IN_ONE_POD}),
        key=lambda found: found[1],
    )
    if other < anchor:
        reason = (
            f"{IN_ONE_POD.capitalize()}, which gives up contiguity, reaches {other:.3f}: the bound lets a "
            "job stand in several pods and be accepted in part, and what that is worth here no policy that "
            "keeps a claim in one pod has been seen to get."
        )
    else:
        reason = (
            f"{IN_ONE_POD.capitalize()} reaches {other:.3f}, so the missing part is the price of contiguity, "
            "or of this chooser."
        )
    compared = "more" if of_best > ours else "no more"
    return f"{reason} The best other contiguous policy, {best}, accepts {compared}: {of_best:.3f}."


def synthetic(layout: Layout, mix: str, load: float, seed: int, jobs: int) -> list[Job]:
    """Return a trace of a mix for this region."""
    return poisson_trace(MIXES[mix], units=layout.units, load=load, jobs=jobs, seed=seed)


def _real_trace(section: Section, layout: Layout, options: Options) -> None:
    """Measure whole units on a real trace, if one is given."""
    if options.trace is None or not is_swf(options.trace):
        section.text("No trace in the Standard Workload Format was given (`make bench TRACE=….swf`).")
        return
    workload = read_workload(
        options.trace, units=layout.units, largest=LENGTH, jobs_max=options.sized(6000, 300)
    )
    section.text(
        f"{options.trace.name}: its first {len(workload.jobs):,} jobs, {workload.processors_per_unit} "
        f"processors to a unit, so that the machine is about this region; {workload.too_large:.1%} of the "
        "jobs need more than a pod and are left out. Arrivals are moved together or apart to make the load."
    )
    traces = {load: at_load(workload.jobs, units=layout.units, load=load) for load in LOADS}
    name = options.trace.name
    section.table(HEAD, [row(compare(layout, name, load, [trace])) for load, trace in traces.items()])


def _young(section: Section, options: Options) -> None:
    """Count the whole pods that are left after the first requests."""
    seeds = range(options.sized(12, 2))
    rows, kept_all = [], 0
    for beginning in BEGINNINGS:
        kept = whole_pods(beginning, seeds)
        section.figure(
            f"whole pods kept, {beginning.name}",
            f"{kept[OURS]:.2f}",
            f"{kept['best fit']:.2f} (best fit)",
            met=kept[OURS] >= kept["best fit"],
            detail=True,
        )
        kept_all += kept[OURS] >= kept["best fit"]
        rows.append((beginning.name, *(f"{figure:.2f}" for figure in kept.values())))
    section.figure(
        "young regions in which as many whole pods are kept as by best fit",
        f"{kept_all} of {len(rows)}",
        "all",
        met=kept_all == len(rows),
    )
    section.text(
        "Whole pods kept: pods that nothing was taken of after the first requests of an empty region, while "
        "none of these has ended; pods × domains, number and sizes of the requests, all sizes as likely; "
        f"means over {len(seeds)} seeds. *At most* is a bound that knows all requests beforehand: it counts "
        "their units, and how many of a size a pod can hold."
    )
    section.table(("region, requests", *COMPARED, "at most"), rows)


def _kept_for_ever(section: Section, layout: Layout, options: Options) -> None:
    """Measure the loss by decisions on cached snapshots: every second request, or while something fits."""
    seeds, jobs = range(options.sized(4, 1)), options.sized(6000, 300)
    traces = [synthetic(layout, name, 0.8, seed, jobs) for name in MIXES for seed in seeds]
    shares = [
        fmean(replay(layout, this_chooser(layout, seconds_apart=apart), trace).share for trace in traces)
        for apart in (SECONDS_APART, 1, 0)
    ]
    section.text(
        "This chooser is driven as in a request: by the store that keeps snapshots, over tables in memory. "
        f"Requests come {SECONDS_APART} s apart, and a snapshot is believed for {SNAPSHOT_SECONDS_MAX} s, so "
        "each of them reads. What ends is only seen by reading: of the work offered at load 0.8, "
        f"{shares[0]:.3f} are accepted so, {shares[1]:.3f} where every second request is decided on what was "
        f"kept (requests 1 s apart, a claim held for a minute), and {shares[2]:.3f} by an environment that "
        f"reads anew only when nothing fits any more (mean of the mixes, {len(seeds)} seeds)."
    )


def _self_test(section: Section, layout: Layout, options: Options) -> None:
    rows = []
    for load in LOADS:
        seeds, jobs = range(options.sized(8, 2)), options.sized(40_000, 10_000)
        simulated, exact = pooled_against_exact(layout, "mixed", load, seeds, jobs)
        rows.append((load, f"{simulated:.4f}", f"{exact:.4f}"))
        tolerance = options.sized(SELF_TEST_TOLERANCE, 4 * SELF_TEST_TOLERANCE)
        assert abs(simulated - exact) <= tolerance, "the simulator disagrees with Kaufman and Roberts"
    section.text("Self-test of the simulator: all units pooled, mixed sizes, against Kaufman and Roberts.")
    section.table(("load", "accepted share, simulated", "exact"), rows)


def _over_time(section: Section, layout: Layout, options: Options) -> None:
    trace = synthetic(layout, "mixed", 0.8, seed=0, jobs=options.sized(4000, 300))
    shown = [name for name in POLICIES if name != IN_ONE_POD]
    every = trace[-1].arrival / 50
    outcomes = {name: replay(layout, POLICIES[name](layout), trace, glimpse_every=every) for name in shown}
    for name, title, label, value in (
        ("largest-run", "Largest free run kept (mixed sizes, load 0.8)", "units", _largest),
        ("fragmentation", "Fragmentation (mixed sizes, load 0.8)", "1 − largest run / possible", _fragmented),
    ):
        Plot(
            name,
            title,
            "mean holding times",
            label,
            [_series(policy, outcome, value) for policy, outcome in outcomes.items()],
        ).write(options.plots)
        section.plot(name, title)
    section.text(
        "Fragmentation is 1 minus the largest free run over the largest there could be (all free units, or "
        "a whole pod). Points are means over a tenth of the trace."
    )


def _series(name: str, outcome: Outcome, value: Callable[[Glimpse], float]) -> Series:
    """Average to ten points: single samples vary too much to distinguish the lines."""
    glimpses = outcome.glimpses
    size = max(len(glimpses) // 10, 1)
    groups = [glimpses[at : at + size] for at in range(0, len(glimpses), size)]
    return Series(
        name,
        [round(fmean(g.time for g in group), 3) for group in groups],
        [round(fmean(map(value, group)), 4) for group in groups],
    )


def _largest(glimpse: Glimpse) -> float:
    return float(glimpse.longest)


def _fragmented(glimpse: Glimpse) -> float:
    return 1 - glimpse.longest / min(glimpse.free, LENGTH) if glimpse.free else 0.0


def _adversary(section: Section, options: Options) -> None:
    peak, largest = options.sized(512, 64), 16
    needed = {
        name: units_needed(make, peak, largest) / peak
        for name, make in POLICIES.items()
        if name != IN_ONE_POD
    }
    section.text(
        f"Robson's adversary ({peak} units live at most, sizes 1 to {largest}, one pod): the capacity that "
        f"each policy needs over the peak use. Nothing that never moves a claim can need less than "
        f"{robson_bound(peak, largest) / peak:.2f}."
    )
    section.table(("policy", "capacity / peak use"), [(k, f"{v:.2f}") for k, v in needed.items()])
