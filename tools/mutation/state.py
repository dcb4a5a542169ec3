"""What is known from runs so far, kept so that a run that was stopped goes on where it was.

A result holds for the text of the module and, where a test noticed, for the file of that test; where none
did, for all tests that the mutant has to survive and the texts of their files. So after a change of a module
its mutants are tried again, after a change of tests those that they noticed or may notice now.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tools.mutation.reach import Reach
from tools.mutation.settings import LAYER, ROOT, TESTKIT, TESTS
from tools.mutation.trial import ToolBroken, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tools.mutation.choice import Choice
    from tools.mutation.mutants import Mutant
    from tools.mutation.settings import Settings

_FORM: Final = "1"
"""Another one makes what was kept about tests worthless."""

FOLDER: Final = ROOT / ".local" / "mutation"
NOTICED: Final = frozenset({Verdict.KILLED, Verdict.TIMEOUT})


@dataclass(frozen=True, slots=True)
class Result:
    """How a mutant fared; ``by`` is the test that noticed, empty where none did."""

    verdict: Verdict
    by: str = ""


@dataclass(slots=True)
class Traced:
    """What is known of these files with tests.

    Attributes:
        tests: by node id, what each reaches.
        at_import: by short name of a module, lines of functions that importing it runs.
    """

    files: list[str] = field(default_factory=list)
    tests: dict[str, Reach] = field(default_factory=dict)
    at_import: dict[str, set[int]] = field(default_factory=dict)

    def add(self, other: Traced) -> None:
        """What is known of both."""
        self.files += other.files
        self.tests |= other.tests
        for module, lines in other.at_import.items():
            self.at_import.setdefault(module, set()).update(lines)


class State:
    """The files of one folder: results, and which test reaches what."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._files = [*LAYER.rglob("*.py"), *_files_below(TESTKIT), *_files_below(TESTS)]
        self._times = self._now()
        tests = {path for path in self._files if path.name.startswith("test_")}
        self._basis = _digest(set(self._files) - tests, _FORM)
        self._test_files = {path.relative_to(ROOT).as_posix(): _digest([path]) for path in tests}
        self._wanted = tuple(f"tests/{folder}/" for folder in settings.tests)
        self._modules = {module: _digest([module]) for module in settings.modules}
        self._results = folder / "results.jsonl"

    def known(self, mutants: Iterable[Mutant], choice: Choice) -> dict[Mutant, Result]:
        """Results of earlier runs that still hold."""
        found: dict[tuple[str, str], tuple[str, Result]] = {}
        lines = self._results.read_text().splitlines() if self._results.exists() else []
        for line in lines:
            row = json.loads(line)
            result = Result(Verdict(row["verdict"]), row["by"])
            found[row["module"], row["change"]] = (row["tests"], result)
        held: dict[Mutant, Result] = {}
        for mutant in mutants:
            known = found.get((self._modules[mutant.path], str(mutant.change)))
            if known and known[0] == self._tests(mutant, known[1], choice):
                held[mutant] = known[1]
        return held

    def add(self, mutant: Mutant, result: Result, choice: Choice) -> None:
        """Keep a result. Each line is written whole, so stopping at any moment loses one at most.

        Raises:
            ToolBroken: somebody edits the code or the tests, so it is not known what this result is about.
        """
        if self._now() != self._times:
            raise ToolBroken("code or tests were changed during the run: start it again")
        row = {
            "module": self._modules[mutant.path],
            "change": str(mutant.change),
            "tests": self._tests(mutant, result, choice),
            "verdict": result.verdict,
            "by": result.by,
        }
        with self._results.open("a") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def _tests(self, mutant: Mutant, result: Result, choice: Choice) -> str:
        """What the result rests on besides the module: the test that noticed, or all that did not."""
        if result.by:
            return self._test_files.get(result.by.partition("::")[0], "")
        tests = choice.tests(mutant)
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        return _digest([], *(f"{test}\n" for test in tests), *(self._test_files[file] for file in files))

    def traced(self) -> Traced:
        """What the tests reach, as far as it is known for the code and the test files as they are."""
        path = self.folder / "reach.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        traced = Traced()
        if found.get("basis") != self._basis:
            return traced
        traced.at_import = {module: set(lines) for module, lines in found["at_import"].items()}
        for name, file in found["files"].items():
            if file["digest"] == self._test_files.get(name):
                traced.files.append(name)
                traced.tests |= {test: Reach.from_json(reach) for test, reach in file["tests"].items()}
        return traced

    def untraced(self, traced: Traced) -> list[str]:
        """Files with tests that are not among these though they have to notice, in order."""
        return sorted(
            file for file in self._test_files.keys() - traced.files if file.startswith(self._wanted)
        )

    def keep(self, traced: Traced) -> None:
        """Keep it for the next run."""
        files: dict[str, Any] = {
            name: {"digest": self._test_files[name], "tests": {}} for name in traced.files
        }
        for test, reach in traced.tests.items():
            files[test.partition("::")[0]]["tests"][test] = reach.as_json()
        at_import = {module: sorted(lines) for module, lines in traced.at_import.items()}
        found = {"basis": self._basis, "at_import": at_import, "files": files}
        (self.folder / "reach.json").write_text(json.dumps(found))

    def _now(self) -> list[int]:
        """When the files were changed last; 0 for those that are gone."""
        return [path.stat().st_mtime_ns if path.exists() else 0 for path in self._files]


def _files_below(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if "__pycache__" not in path.parts)
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
