"""Writes docs/proof.md from the sections in ``proof/results``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tools.reporting.results import ROOT, Section, all_sections

if TYPE_CHECKING:
    from collections.abc import Iterator

REPORT: Final = ROOT / "docs" / "proof.md"

_HEAD: Final = """\
# Proof

What this service promises, and what was done to find out whether it keeps it. All figures are written by the
commands that found them: `make prove` goes on where it stopped, adds up, and writes this page. Each section
names the version of the code that it was found with; what was found with another one is not added up. The
version is a digest of what the figures rest on: of the product without its HTTP layer, which the simulation
does not run, and of the proof; of the whole product for what was found by calling it (`make fuzz` and
`make load`).

The sections on the simulation, the interleavings and the crash points are of an earlier version, from before
reservations were recorded, then owned, then settled, and before there were rules for limits that do not trust
the records, for turns, waking, times, notices and answers. Since then the quick form has run, which writes
nothing here. The planted bugs are of the new version. A full run replaces all of them.

| command | does |
|---|---|
| `make prove` | the full form, for an hour or for `MINUTES=`, on two processes or on `JOBS=` |
| `make prove QUICK=1` | the quick form, which `make test` runs as well |
| `make prove SEED=17` | one seed again; `HISTORY=file` writes down all that happened in it |
| `make prove REPLAY='…'` | one schedule or crash again, in the words in which a violation names it |
| `make prove MODEL=1` | the model of the protocol: every scenario, and every rule left out |
| `make prove REPORT=1` | only writes this page |

The quick form is a sample that fits between two changes of the code: 300 seeds, a crash at every side
effect in one of its ways, every planted bug, the interleavings of every two operations, and a sixth of
those of three. Where some interleavings cannot differ, as they only swap calls that touch nothing in
common, it plays one of them ([decision
32](decisions/0032-the-quick-form-plays-one-order-of-each-class.md)). The full form plays each: of every two
and every three operations on racks, of chosen ones on nodes, and of those that follow a claimant that died,
while its last write may still land; and every crash in every way, and every two.

## What is promised, and where it is checked

| promise | checked |
|---|---|
| No domain, host or GPU has two holders | after every write: pods show what records list, no host twice |
| What was acknowledged is there, or was ended on request | at every answer and write, by lists in the end |
| A run is booked under a tag that a record names, and under none twice | after every write of pod or record |
| A write that lands late does nothing that has become wrong | any may land late, also of the dead |
| No capacity is held by a dead holder, none is leaked | after every write; a clean slate in the end |
| One idempotency key of a subject, one holder, for a day | at every record and answer, and a day later |
| Who is told that nothing stands has nothing | at every answer that says so |
| No acceptance goes beyond a limit that stands | at every write, by who was accepted, whatever records say |
| A VM has its whole slice; who made room holds nothing and has no server | after every write of a VM |
| No GPU and no VM has two servers; none outlives the end of its VM | at every start and release |
| What is shown as running or provisioned has servers that are up | when it becomes so |
| A VM runs through its whole notice, and is reserved through its whole term | when they begin and end |
| A reservation is a row of complete racks in service | at every acceptance |
| No one takes instances that an older claim waits for | at every write that takes any |
| Capacity that appears wakes those who wait there | at the end of all work that frees or brings some |
| A change of a claim is told as later than the last, not ahead of time | after every write of a claim |
| Every holder settles, whatever record beside it cannot be read | in bounded time once faults end |
| The sync never frees, moves or forgets held hardware | after every write of hardware |
| What the sync applied is what the inventory says | after every run that applied a document |
| The audit reports nothing where nothing is wrong | under traffic, and when all has settled |
| Repairs take nothing from whoever lost a record and has servers | on a copy, when all has settled |
| Servers run only on hardware that their holder owns | at every pin, at every release |
| Clients see one order of events | a linearizability checker over what they saw, pod by pod |

A limit on instances stands when it is written, and so does a change of any limit. The first limit on an
accelerator stands 30 seconds later where the organization was served before: what is accepted meanwhile is
counted when the limit is set again. Whether those who wait are woken is judged where nothing went wrong in
the work itself; what a fault kept from being done, the schedules do.

The simulation builds functions as the deployed ones are built (`runtime/wiring.py`) and gives them its own
database, clock, source of ids, pauses, neighbours and variables, and nothing else. Some of them send again as
the deployed client does, the others show every fault to the stores.

## What other tests prove

| promise | checked |
|---|---|
| Bad input is refused in each API's own shape, and changes nothing | over 1,000 bad inputs: `tests/hostile` |
| Nobody gets in without a credential; foreign is as absent | every operation for everybody: `tests/hostile` |
| A function may do what it does and nothing more | all calls of all tests against roles: `tests/template` |
| The audit finds and mends every contradiction | planted ones of each kind: `tests/upkeep/audit` |

## What this does not prove

- How AWS behaves. The tables are an in-memory DynamoDB, the state machines an interpreter of their
  definitions. The contract suite holds the first against other implementations, and against the service
  where an endpoint is given.
- What no run came across. Interleavings and crash points are complete for what they list; the simulation
  draws.
- When a VM may be started again: the checker judges what VMs take and give back and refusals of new VMs for
  lack of room. Refusals to start a stopped one are not judged, as they do not tell why. Offers of the VM API
  are asked for and not judged. Prices, keys and rates have tests of their own (`tests/vms/api`).
- Who gets what first under clocks that differ: the age of a claim is what its function took for the time.
  Nor that a list of changes since a time is whole: a change is told as of when it was decided, and one that
  was decided earlier may be written later.
- What has no rule. Three plausible mistakes were planted that no rule had been written for
  (`leave-queues-silently`, `forget-cordons`, `end-terms-early`): in a thousand seeds each, none was found.
  The rules that find them now came afterwards, so they say nothing of the next three.
- Messages, metrics and log lines.
- Anything about the host provider of a real region beyond its contract, about networks and throughput. How
  IAM itself judges the roles: the emulator that enforces them end to end knows no conditions on keys.
"""


def write() -> None:
    """Write the page."""
    REPORT.write_text(text(all_sections()))


def text(sections: list[Section]) -> str:
    """The page."""
    parts = [_HEAD]
    parts += ["\n".join(_section(section)) for section in sections]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _section(section: Section) -> Iterator[str]:
    yield f"## {section.title}"
    yield ""
    if section.version:
        yield f"*Found with version `{section.version}` of the code.*"
        yield ""
    for paragraph in section.text:
        yield paragraph
        yield ""
    if section.figures:
        yield from _table(["", ""], [[label, figure] for label, figure in section.figures.items()])
        yield ""
    for table in section.tables:
        yield from _table(table["header"], table["rows"])
        yield ""


def _table(header: list[str], rows: list[list[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |".replace("|  |  |", "| | |")
    yield "|" + "---|" * len(header)
    for row in rows:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"


def _cell(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value).replace("|", "\\|").replace("\n", " ")
