"""How long a result is believed: as long as what it rests on is the same, to the letter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tools.mutation import mutants, settings, state
from tools.mutation.reach import Reach
from tools.mutation.state import Result, State, Traced
from tools.mutation.trial import ToolBroken, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from tools.mutation.mutants import Mutant

ABOUT, PASSING = "tests/unit/test_about.py", "tests/unit/test_passing.py"
NOTICED = Result(Verdict.KILLED, f"{ABOUT}::test_it")
HUNG = Result(Verdict.TIMEOUT, f"{ABOUT}::test_it")
BROKEN_IMPORT = Result(Verdict.KILLED, "import")
SURVIVED = Result(Verdict.SURVIVED)


class Chosen:
    """Chooses the same tests for every mutant."""

    def __init__(self, *tests: str) -> None:
        self._tests = list(tests)

    def tests(self, _mutant: Mutant) -> list[str]:
        return self._tests


BOTH: Any = Chosen(f"{ABOUT}::test_it", f"{PASSING}::test_it")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("package/one.py", "package/two.py", ABOUT, PASSING, "testkit/world.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a = 1\n")
    monkeypatch.setattr(state, "ROOT", tmp_path)
    monkeypatch.setattr(state, "LAYER", tmp_path / "package")
    monkeypatch.setattr(state, "TESTKIT", tmp_path / "testkit")
    monkeypatch.setattr(state, "TESTS", tmp_path / "tests")
    monkeypatch.setattr(settings, "PACKAGE", tmp_path / "package")
    return tmp_path


def _state(root: Path) -> State:
    modules = (root / "package/one.py", root / "package/two.py")
    return State(settings.Settings(modules, ("unit",), (), 1, 1, 1), root / "kept")


def _known(root: Path, choice: Any = BOTH) -> set[str]:
    found = [mutant for name in ("one", "two") for mutant in mutants.find(root / f"package/{name}.py")]
    return {f"{mutant.change.module} {mutant.change.after}" for mutant in _state(root).known(found, choice)}


def _keep(root: Path, result: Result, name: str = "one") -> None:
    mutant = mutants.find(root / f"package/{name}.py")[0]
    _state(root).add(mutant, result, BOTH)


def _edit(root: Path, name: str) -> None:
    # One line more, so that the change itself can still be made.
    (root / name).write_text("\na = 1\n")


def test_a_module_that_changes_costs_the_results_of_its_own_mutants_only(root: Path) -> None:
    _keep(root, NOTICED)
    _keep(root, NOTICED, "two")
    assert _known(root) == {"one.py 2", "two.py 2"}

    _edit(root, "package/two.py")

    assert _known(root) == {"one.py 2"}


@pytest.mark.parametrize("result", [NOTICED, HUNG])
def test_what_a_test_noticed_holds_while_its_file_is_the_same(root: Path, result: Result) -> None:
    _keep(root, result)

    _edit(root, PASSING)
    _edit(root, "testkit/world.py")
    assert _known(root) == {"one.py 2"}

    _edit(root, ABOUT)
    assert _known(root) == set()


def test_what_survived_is_tried_again_when_one_of_its_tests_changes(root: Path) -> None:
    _keep(root, SURVIVED)
    assert _known(root) == {"one.py 2"}

    _edit(root, PASSING)
    assert _known(root) == set()


def test_what_survived_is_tried_again_when_there_is_another_test(root: Path) -> None:
    _keep(root, SURVIVED)

    assert _known(root, Chosen(f"{ABOUT}::test_it")) == set()
    assert _known(root, Chosen(f"{PASSING}::test_it", f"{ABOUT}::test_it")) == set()


def test_what_cannot_be_imported_holds_while_the_module_is_the_same(root: Path) -> None:
    _keep(root, BROKEN_IMPORT)

    _edit(root, ABOUT)

    assert _known(root) == {"one.py 2"}


def test_the_last_of_several_results_counts(root: Path) -> None:
    _keep(root, SURVIVED)
    _keep(root, NOTICED)
    (found,) = mutants.find(root / "package/one.py")[:1]

    assert _state(root).known([found], BOTH)[found] == NOTICED


def test_a_run_ends_when_somebody_edits_what_it_is_about(root: Path) -> None:
    running = _state(root)
    _edit(root, ABOUT)

    with pytest.raises(ToolBroken, match="start it again"):
        running.add(mutants.find(root / "package/one.py")[0], NOTICED, BOTH)


def test_files_are_traced_again_when_they_or_what_they_share_change(root: Path) -> None:
    reach = Reach(0.5, 12, {"one.py"}, {"one.py": {3, 4}})
    traced = Traced([ABOUT, PASSING], {f"{ABOUT}::test_it": reach}, {"one.py": {7}})
    _state(root).keep(traced)
    kept = _state(root).traced()
    assert (kept.tests, kept.at_import) == (traced.tests, traced.at_import)
    assert _state(root).untraced(kept) == []

    _edit(root, PASSING)
    assert _state(root).untraced(_state(root).traced()) == [PASSING]

    _edit(root, "testkit/world.py")
    assert _state(root).untraced(_state(root).traced()) == [ABOUT, PASSING]
