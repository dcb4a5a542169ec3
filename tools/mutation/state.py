"""What is known from runs so far, kept so that a run that was stopped goes on where it was.

A result holds for the text of the module and for the tests as they were. After a change of either it is
found anew; with ``keep_killed`` a mutant that was noticed once stays noticed as long as its module is the
same, which is what one wants while writing tests.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tools.mutation.reach import Reach
from tools.mutation.settings import HERE, LAYER, ROOT, TESTS
from tools.mutation.trial import ToolBroken, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tools.mutation.mutants import Mutant
    from tools.mutation.settings import Settings

FOLDER: Final = ROOT / ".local" / "mutation"
NOTICED: Final = frozenset({Verdict.KILLED, Verdict.TIMEOUT})


@dataclass(frozen=True, slots=True)
class Result:
    """How a mutant fared; ``by`` is the test that noticed, empty where none did."""

    verdict: Verdict
    by: str = ""


class State:
    """The files of one folder: results, and which test reaches what."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._files = [*LAYER.rglob("*.py"), *_files_below(TESTS, (*settings.tests, "support", "fakes"))]
        self._times = self._now()
        self._tests = _digest(self._files, repr(settings.tests))
        self._basis = _digest(
            [HERE / "reach.py", *(path for path in self._files if not path.name.startswith("test_"))]
        )
        self._test_files = {
            path.relative_to(ROOT).as_posix(): _digest([path])
            for path in _files_below(TESTS, settings.tests)
            if path.name.startswith("test_")
        }
        self._results = folder / "results.jsonl"

    def known(self, mutants: Iterable[Mutant], *, keep_killed: bool) -> dict[Mutant, Result]:
        """Results of earlier runs that still hold."""
        found: dict[tuple[str, str], tuple[str, Result]] = {}
        lines = self._results.read_text().splitlines() if self._results.exists() else []
        for line in lines:
            row = json.loads(line)
            result = Result(Verdict(row["verdict"]), row["by"])
            found[row["module"], row["change"]] = (row["tests"], result)
        held: dict[Mutant, Result] = {}
        for mutant in mutants:
            known = found.get((_digest([mutant.path]), str(mutant.change)))
            if known is None:
                continue
            tests, result = known
            if tests == self._tests or (keep_killed and result.verdict in NOTICED):
                held[mutant] = result
        return held

    def add(self, mutant: Mutant, result: Result) -> None:
        """Keep a result. Each line is written whole, so stopping at any moment loses one at most.

        Raises:
            ToolBroken: somebody edits the code or the tests, so it is not known what this result is about.
        """
        if self._now() != self._times:
            raise ToolBroken("code or tests were changed during the run: start it again")
        row = {
            "module": _digest([mutant.path]),
            "change": str(mutant.change),
            "tests": self._tests,
            "verdict": result.verdict,
            "by": result.by,
        }
        with self._results.open("a") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def reach(self) -> dict[str, Reach]:
        """What the tests reach, as far as it is known for the code and the test files as they are."""
        path = self.folder / "reach.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        if found.get("basis") != self._basis:
            return {}
        return {
            test: Reach.from_json(reach)
            for name, file in found["files"].items()
            if file["digest"] == self._test_files.get(name)
            for test, reach in file["tests"].items()
        }

    def untraced(self, tests: Iterable[str]) -> list[str]:
        """Test files of which none of these tests comes, in order."""
        traced = {test.partition("::")[0] for test in tests}
        return sorted(self._test_files.keys() - traced)

    def keep_reach(self, tests: dict[str, Reach]) -> None:
        """Keep it for the next run."""
        files: dict[str, Any] = {
            name: {"digest": digest, "tests": {}} for name, digest in self._test_files.items()
        }
        for test, reach in tests.items():
            files[test.partition("::")[0]]["tests"][test] = reach.as_json()
        (self.folder / "reach.json").write_text(json.dumps({"basis": self._basis, "files": files}))

    def _now(self) -> list[int]:
        """When the files were changed last; 0 for those that are gone."""
        return [path.stat().st_mtime_ns if path.exists() else 0 for path in self._files]


def _files_below(folder: Path, names: Iterable[str]) -> list[Path]:
    found = (path for name in names for path in (folder / name).rglob("*") if "__pycache__" not in path.parts)
    return [path for path in found if path.is_file()]


def _digest(paths: Iterable[Path], *more: str) -> str:
    """Of names and contents, whatever the order, and of some texts (hex digits)."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(ROOT).as_posix()} {content}\n".encode())
    for text in more:
        digest.update(text.encode())
    return digest.hexdigest()
