"""What a run found, for people (Markdown) and for other reports (JSON)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tools.mutation.state import NOTICED
from tools.mutation.trial import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tools.mutation.mutants import Mutant
    from tools.mutation.reasons import Reason
    from tools.mutation.state import Result

SCORE_MIN: Final = 85.0
"""Percent of the mutants that some test has to notice."""


@dataclass(slots=True)
class Tally:
    """Mutants by how they fared."""

    killed: int = 0
    hung: int = 0
    equivalent: int = 0
    tolerated: int = 0
    unexplained: int = 0

    @property
    def mutants(self) -> int:
        """All of them."""
        return self.noticed + self.equivalent + self.tolerated + self.unexplained

    @property
    def noticed(self) -> int:
        """Those that made a test fail or hang."""
        return self.killed + self.hung

    @property
    def score(self) -> float:
        """Percent noticed of all, those that no test could notice included."""
        return 100 * self.noticed / self.mutants if self.mutants else 100.0

    def add(self, other: Tally) -> None:
        """Count both together."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Findings:
    """What a run found.

    Attributes:
        modules: counts by short name.
        explained: survivors by reason.
        unexplained: survivors that nobody has looked at.
        outdated: reasons of mutants that some test notices by now.
    """

    modules: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    explained: dict[Reason, list[Mutant]] = field(default_factory=lambda: defaultdict(list))
    unexplained: list[tuple[Mutant, Verdict]] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)

    @property
    def total(self) -> Tally:
        """Counts of all modules."""
        total = Tally()
        for tally in self.modules.values():
            total.add(tally)
        return total

    @property
    def is_good(self) -> bool:
        """Whether enough is noticed, and every survivor explained."""
        return self.total.score >= SCORE_MIN and not self.unexplained

    def as_json(self) -> dict[str, Any]:
        """Figures for other reports."""
        total = self.total
        return {
            "mutants": total.mutants,
            "killed": total.noticed,
            "equivalent": total.equivalent,
            "tolerated": total.tolerated,
            "unexplained": total.unexplained,
            "score_percent": round(total.score, 1),
            "score_percent_min": SCORE_MIN,
            "modules": {
                name: {
                    "mutants": tally.mutants,
                    "killed": tally.noticed,
                    "score_percent": round(tally.score, 1),
                }
                for name, tally in sorted(self.modules.items())
            },
        }


def find(
    mutants: Sequence[Mutant], results: Mapping[Mutant, Result], reasons: Mapping[str, Reason]
) -> Findings:
    """Count what is known of these mutants, in their order."""
    findings = Findings()
    for mutant in mutants:
        if mutant not in results:
            continue
        verdict = results[mutant].verdict
        tally = findings.modules[mutant.change.module]
        reason = reasons.get(str(mutant.change))
        if verdict in NOTICED:
            tally.killed += verdict is Verdict.KILLED
            tally.hung += verdict is Verdict.TIMEOUT
            if reason:
                findings.outdated.append(str(mutant.change))
        elif reason:
            tally.equivalent += reason.equivalent
            tally.tolerated += not reason.equivalent
            findings.explained[reason].append(mutant)
        else:
            tally.unexplained += 1
            findings.unexplained.append((mutant, verdict))
    return findings


def table(findings: Findings) -> list[str]:
    """The counts as a Markdown table."""
    rows = [*sorted(findings.modules.items()), ("all", findings.total)]
    return [
        "| module | mutants | noticed | of these by hanging | equivalent | tolerated | unexplained | score |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {name} | {t.mutants} | {t.noticed} | {t.hung} "
            f"| {t.equivalent} | {t.tolerated} | {t.unexplained} | {t.score:.1f} % |"
            for name, t in rows
        ),
    ]


def survivors(findings: Findings) -> list[str]:
    """Who survived and why, as Markdown."""
    lines: list[str] = []
    for equivalent, title in ((True, "Equivalent"), (False, "Tolerated")):
        reasons = [
            (reason, found) for reason, found in findings.explained.items() if reason.equivalent is equivalent
        ]
        if reasons:
            lines += [f"### {title}", ""]
        for reason, found in reasons:
            lines += [reason.why, "", *(_bullet(mutant) for mutant in found), ""]
    if findings.unexplained:
        lines += ["### Unexplained", "", *(_bullet(mutant) for mutant, _ in findings.unexplained), ""]
    return lines


def _bullet(mutant: Mutant) -> str:
    change = mutant.change
    where = f"{change.module}, {change.scope}" if change.scope else change.module
    return f"- {where}: {_code(change.before)} → {_code(change.after)}"


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"
