"""What a complete run writes: docs/mutation.md, and the section of docs/proof.md about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tools.mutation.report import SCORE_MIN, survivors, table
from tools.mutation.settings import ROOT
from tools.reporting.results import Section

if TYPE_CHECKING:
    from tools.mutation.report import Findings

PAGE: Final = ROOT / "docs" / "mutation.md"

_HEAD: Final = """\
# Mutation testing

Would a test notice if the code were wrong? `make mutate` changes the placement and store modules, one
place at a time, and runs the tests that reach the place. A change that no test notices survives. The
figures and the list of survivors on this page are written by the command when it has tried everything.
"""

_HOW: Final = """\
## What is tried

| change | example |
|---|---|
| comparison | `<` becomes `<=`, `is` becomes `is not` |
| arithmetic and masks | `+` becomes `-`, `<<` becomes `>>`, `&` becomes `\\|`, `~x` becomes `x` |
| condition | turned round; `and` becomes `or`; one side left out |
| number, truth, text | one more, one less; the opposite; another text |
| condition of DynamoDB | always holds; the opposite; `<=` becomes `<` |
| update of DynamoDB | without one of its parts; `+` becomes `-` |
| result | `return None` |
| statement | left out; `break` becomes `continue`; a generator that yields nothing there |
| element of a list or set | left out |
| call | `sorted` becomes `list`, `min` becomes `max`, `any` becomes `all` |

Left alone: annotations, imports, docstrings, decorators, and the texts of exceptions, by which nothing may
be decided. `tools/mutation/settings.toml` says which modules are changed and which tests have to notice:
those that run within one process, without the emulator.

- No file is changed. Each mutant is tried in a process of its own. Most are a copy of one that has all tests
  imported, in which the changed functions get their new code; where the change is to what an import runs, the
  project is imported anew with the one module changed.
- Tests are chosen by what they run: all are run once on the code as it is, with every statement counted.
  First come those that name the module, then the cheapest of all others, of each as many as a set number of
  statements pays for. So a survivor was met by many tests that reach it, not always by all.
- A test that takes far longer than without the change hangs. That counts as noticed.
- Property tests draw the same examples each time, and costs are counted, not timed: the same code and tests
  give the same mutants, the same tests and the same score.
- A result is kept as long as it rests on the same texts: the module, and the file of the test that noticed,
  or where none did all tests that were run and their files. After a change of one module its mutants are
  tried again, the others are not. `--afresh` believes nothing from earlier runs.

## How to run it

| command | does |
|---|---|
| `make mutate` | everything, for at most 60 minutes on 2 cores; the same command goes on where it stopped |
| `make mutate ARGS='--sample 300'` | a fair sample, in less than 10 minutes; `--seed` draws another one |
| `make mutate ARGS='--module placement/line.py'` | one module, or those that match a pattern |
| `make mutate ARGS=--afresh` | everything, whatever is known from earlier runs |

It ends with 0 when the score is high enough and every survivor has a reason in
`tools/mutation/reasons.toml`, with 1 when not, and with 2 when it could not finish. A reason is written under
the text that the command prints; a test sees to it that each still is about code that exists. Figures for
other reports are in `.local/mutation/summary.json`.

A score is no proof. It says that tests notice small mistakes, not that the design is right; and the changes
are those above, no others.
"""

_SECTION: Final = """\
Small mistakes made on purpose in the placement and store modules, one at a time, while the tests that reach
them run: `make mutate`. [mutation.md](mutation.md) has the modules one by one, and every mistake that no test
notices with the reason why it may live."""


def page(findings: Findings) -> str:
    """The whole page."""
    total = findings.total
    sentence = (
        f"Of {total.mutants} changes {total.noticed} are noticed: {total.score:.1f} %, where "
        f"{SCORE_MIN:.0f} % are demanded. {total.equivalent} of the others change nothing that anybody could "
        f"see, {total.tolerated} are tolerated, {total.unexplained} are not looked at yet."
    )
    result = ["## Result", "", sentence, "", *table(findings), ""]
    return "\n".join([_HEAD, *result, _HOW, "## Survivors", "", *survivors(findings)]).rstrip() + "\n"


def section(findings: Findings) -> Section:
    """The figures, for the report of all proofs."""
    total = findings.total
    return Section(
        title="Mutation testing",
        order=50,
        text=[_SECTION],
        figures={
            "modules": len(findings.modules),
            "mistakes tried": total.mutants,
            "noticed": f"{total.noticed} ({total.score:.1f} %, {SCORE_MIN:.0f} % are demanded)",
            "of no effect that anybody could see": total.equivalent,
            "tolerated": total.tolerated,
            "not looked at": total.unexplained,
        },
    )
