"""Which mistakes are tried: every kind where it can be made, and none that proves nothing."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tools.mutation import mutants, settings
from tools.mutation.expressions import variants

if TYPE_CHECKING:
    from pathlib import Path

    from tools.mutation.mutants import Mutant


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "PACKAGE", tmp_path)
    return tmp_path / "sample.py"


def _found(module: Path, source: str) -> list[Mutant]:
    module.write_text(source)
    return mutants.find(module)


def _changes(module: Path, source: str) -> set[tuple[str, str]]:
    return {(mutant.change.before, mutant.change.after) for mutant in _found(module, source)}


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("x = a < b", {"a <= b"}),
        ("x = a is None", {"a is not None"}),
        ("x = a in b", {"a not in b"}),
        ("x = a and b", {"a or b", "a", "b"}),
        ("x = not a", {"a"}),
        ("x = a + b", {"a - b"}),
        ("x = a << b", {"a >> b"}),
        ("x = a & ~b", {"a | ~b", "a & b"}),
        ("x = a[1]", {"a[2]", "a[0]"}),
        ("x = True", {"False"}),
        ("x = 'word'", {"'wordx'"}),
        ("x = f'a{b}'", {"f'a{b}x'"}),
        ("x = [a, b]", {"[a]", "[b]"}),
        ("x = {a}", {"set()"}),
        ("x = sorted(a, key=b)", {"list(a)"}),
        ("x = min(a, b)", {"max(a, b)"}),
        ("x = a if b else c", {"a if not b else c"}),
        ("x = [a for a in b if a]", {"[a for a in b if not a]"}),
        ("x.y = a", {"nothing"}),
        ("x += a", {"nothing", "x -= a"}),
        ("call(a)", {"nothing"}),
        ("raise Problem(1)", {"nothing", "Problem(2)", "Problem(0)"}),
    ],
)
def test_each_place_is_changed_in_every_way_that_fits(module: Path, code: str, changes: set[str]) -> None:
    assert {after for _, after in _changes(module, code)} == changes


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("return a", {("return a", "return None")}),
        ("return None", set()),
        ("return", {("return", "nothing")}),
        ("yield a", {("yield a", "yield from ()")}),
        ("while a:\n  break", {("a", "not a"), ("break", "continue")}),
    ],
)
def test_functions_lose_what_they_give_back(module: Path, code: str, changes: set[tuple[str, str]]) -> None:
    body = code.replace("\n", "\n ")

    assert _changes(module, f"def f():\n {body}\n") == changes


@pytest.mark.parametrize(
    "code",
    [
        "import os\nfrom a import b",
        '"""A docstring."""',
        "X: TypeAlias = A | B",
        "def f(a: int | str = x) -> A | B: ...",
        "@cache(maxsize=3)\ndef f(): ...",
        "class A:\n  b: int | None\n  'What it is.'",
        "if TYPE_CHECKING:\n  call()",
        "x = None",
    ],
)
def test_what_no_test_should_notice_is_left_alone(module: Path, code: str) -> None:
    assert _found(module, code) == []


def test_texts_of_exceptions_are_left_alone(module: Path) -> None:
    assert _changes(module, "raise Problem('text', f'{a}')") == {("raise Problem('text', f'{a}')", "nothing")}


def test_a_condition_that_is_turned_round_by_its_comparison_is_not_turned_round_twice(module: Path) -> None:
    assert _changes(module, "if a == b:\n  x = y") == {("a == b", "a != b")}
    assert _changes(module, "if not a:\n  x = y") == {("not a", "a")}


def test_changes_that_look_alike_are_numbered(module: Path) -> None:
    found = _found(module, "def f():\n g()\n g()\n")

    assert [str(mutant.change) for mutant in found] == [
        "sample.py f: g() | g() → nothing",
        "sample.py f: g() | g() → nothing (2)",
    ]


def test_a_mutant_is_met_by_running_its_statement_and_of_a_branch_the_header(module: Path) -> None:
    source = "A = 1\ndef f(a):\n  if (a and\n      b):\n    return call(\n      7,\n    )\n"
    lines = {mutant.change.before: mutant.lines for mutant in _found(module, source)}

    assert lines["1"] == range(0)
    assert lines["a and b"] == range(3, 5)
    assert lines["call(7)"] == range(5, 8)


def test_a_mutant_is_the_module_with_one_change(module: Path) -> None:
    found = _found(module, "x = 1\ny = 5 - 2\n")
    values: dict[str, int] = {}

    exec(next(m for m in found if m.change.after == "5 + 2").compile(), values)  # noqa: S102 - what it is for

    assert (values["x"], values["y"]) == (1, 7)


@pytest.mark.parametrize("path", settings.load().modules, ids=settings.short_name)
def test_mutants_of_the_project_are_valid_differ_from_it_and_have_names_of_their_own(path: Path) -> None:
    found = mutants.find(path)
    original = ast.dump(ast.parse(path.read_text()))

    assert len({str(mutant.change) for mutant in found}) == len(found)
    for place in range(0, len(found), 40):
        # Made anew each time, because the mutants of one search share a tree.
        mutant = mutants.find(path)[place]
        mutant.compile()
        assert ast.dump(mutant.tree) != original, mutant.change


def test_of_a_long_line_the_part_that_changes_is_shown(module: Path) -> None:
    words = ", ".join(f"'word{n}'" for n in range(40))

    ((before, after),) = {change for change in _changes(module, f"x = ({words})") if "word20" in change[0]}

    assert before.replace("'word20'", "'word20x'") == after
    assert len(before) < 100


# Expressions of DynamoDB.

ANY = "attribute_exists(pk) OR attribute_not_exists(pk)"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (
            "revision = :revision",
            [f"(revision = :revision OR {ANY})", "revision <> :revision"],
        ),
        (
            "#limit = :limit AND used <= :room",
            [
                f"(#limit = :limit OR {ANY}) AND used <= :room",
                f"#limit = :limit AND (used <= :room OR {ANY})",
                "#limit <> :limit AND used <= :room",
                "#limit = :limit AND used < :room",
            ],
        ),
        (
            "attribute_not_exists(pk)",
            [f"(attribute_not_exists(pk) OR {ANY})", "attribute_exists(pk)"],
        ),
        ("SET a = :a, b = if_not_exists(b, :zero)", ["SET b = if_not_exists(b, :zero)", "SET a = :a"]),
        ("SET used = used + :more", ["SET used = used - :more"]),
        ("SET a = :a REMOVE b, c", ["REMOVE b, c", "SET a = :a REMOVE c", "SET a = :a REMOVE b"]),
        ("ADD comebacks :one", []),
        ("a word", []),
        ("POD#", []),
    ],
)
def test_a_wrong_expression_is_still_an_expression(text: str, wrong: list[str]) -> None:
    assert list(variants(text)) == wrong


def test_values_that_are_put_in_at_run_time_stay(module: Path) -> None:
    assert _changes(module, "x = f'{name} = :v{n}'") == {
        ("f'{name} = :v{n}'", f"f'({{name}} = :v{{n}} OR {ANY})'"),
        ("f'{name} = :v{n}'", "f'{name} <> :v{n}'"),
    }
