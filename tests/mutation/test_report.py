"""Scores are counted as the page says."""

from __future__ import annotations

import pytest

from tools.mutation import mutants, report, settings
from tools.mutation.page import page, section
from tools.mutation.reasons import Reason
from tools.mutation.state import Result
from tools.mutation.trial import Verdict

SAME = Reason("Nobody can tell.", equivalent=True)
SLOW = Reason("It only takes longer.", equivalent=False)
MUTANTS = mutants.find(settings.PACKAGE / "placement" / "model.py")[:5]
VERDICTS = (Verdict.KILLED, Verdict.TIMEOUT, Verdict.SURVIVED, Verdict.UNREACHED, Verdict.SURVIVED)


@pytest.fixture
def findings() -> report.Findings:
    results = {mutant: Result(verdict) for mutant, verdict in zip(MUTANTS, VERDICTS, strict=True)}
    why = {str(MUTANTS[1].change): SAME, str(MUTANTS[2].change): SAME, str(MUTANTS[3].change): SLOW}
    return report.find(MUTANTS, results, why)


def test_the_score_is_what_was_noticed_of_all_even_of_what_nobody_could_notice(
    findings: report.Findings,
) -> None:
    assert findings.total == report.Tally(killed=1, hung=1, equivalent=1, tolerated=1, unexplained=1)
    assert findings.total.score == 40


def test_what_was_not_tried_yet_does_not_count() -> None:
    tried = report.find(MUTANTS, {MUTANTS[0]: Result(Verdict.KILLED)}, {})

    assert (tried.total.mutants, tried.total.score) == (1, 100)


def test_a_run_is_good_with_a_score_that_is_high_enough_and_every_survivor_explained() -> None:
    for killed, unexplained, good in ((85, 0, True), (84, 0, False), (99, 1, False)):
        found = report.Findings()
        found.modules["a"] = report.Tally(killed=killed, equivalent=100 - killed - unexplained)
        found.unexplained = [(MUTANTS[0], Verdict.SURVIVED)] * unexplained
        assert found.is_good is good


def test_a_reason_of_what_is_noticed_by_now_is_named(findings: report.Findings) -> None:
    assert findings.outdated == [str(MUTANTS[1].change)]


def test_the_page_lists_every_survivor_under_its_reason(findings: report.Findings) -> None:
    text = page(findings)

    assert (
        text.index("Nobody can tell.") < text.index("It only takes longer.") < text.index("### Unexplained")
    )
    assert all(f"`{MUTANTS[place].change.before}` → " in text for place in (2, 3, 4))


def test_other_reports_get_the_figures(findings: report.Findings) -> None:
    figures = findings.as_json()

    assert (figures["mutants"], figures["killed"], figures["score_percent"]) == (5, 2, 40.0)
    assert figures["modules"]["placement/model.py"]["mutants"] == 5


def test_the_report_of_all_proofs_gets_a_section(findings: report.Findings) -> None:
    figures = section(findings).figures

    assert figures["mistakes tried"] == 5
    assert figures["noticed"] == "2 (40.0 %, 85 % are demanded)"
    assert figures["not looked at"] == 1
