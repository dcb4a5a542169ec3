"""Facts about the package's source: which settings it reads and which metrics it counts."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from tests.template.loading import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = ROOT / "layers" / "shared" / "gpu_capacity"
_READERS: Final = {"text", "optional", "whole", "share", "words", "amounts", "key_set", "https_url"}


def settings_read() -> set[str]:
    """Names of all environment variables that the code asks for."""
    return {
        name
        for call in _calls()
        if isinstance(call.func, ast.Attribute) and call.func.attr in _READERS
        for name in _first_text(call)
        if name.isupper()
    }


def metrics_counted() -> set[str]:
    """Names of all metrics that the code counts: in the call, or as keys of a table named ``metrics``."""
    in_calls = {
        name
        for call in _calls()
        if isinstance(call.func, ast.Attribute) and call.func.attr == "count"
        for name in _first_text(call)
        if name[:1].isupper()
    }
    return in_calls | {
        str(key.value)
        for node in _nodes()
        if isinstance(node, ast.Assign)
        and [target.id for target in node.targets if isinstance(target, ast.Name)] == ["metrics"]
        and isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Constant)
    }


def modules_that_mention(word: str) -> set[str]:
    """Modules of the package whose source contains a word, as paths below the package."""
    return {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if word in path.read_text(encoding="utf-8")
    }


def modules_that_call(library: str) -> set[str]:
    """Modules of the package that call a function of a library by its full name."""
    return {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == library
    }


def _nodes() -> Iterator[ast.AST]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def _calls() -> Iterator[ast.Call]:
    return (node for node in _nodes() if isinstance(node, ast.Call))


def _first_text(call: ast.Call) -> list[str]:
    first = call.args[0] if call.args else None
    return [first.value] if isinstance(first, ast.Constant) and isinstance(first.value, str) else []
