"""How code can be wrong: the changes that are tried at each place of a syntax tree.

Every change is small, keeps the code valid, and stands for a mistake that somebody could make: a comparison
off by one, a condition forgotten or turned round, a statement left out, a text misspelt.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from tools.mutation.expressions import MARK, variants

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPPOSED: Final = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
"""Comparisons whose change is their negation already."""

_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}
_CALLS: Final = {"sorted": "list", "reversed": "list", "min": "max", "max": "min", "any": "all", "all": "any"}


def expressions(node: ast.expr) -> Iterator[ast.expr]:
    """Wrong forms of an expression, texts apart."""
    match node:
        case ast.Compare():
            yield from _comparisons(node)
        case ast.BoolOp():
            yield from _connectives(node)
        case ast.UnaryOp():
            yield node.operand
        case ast.BinOp() if not (_is_text(node.left) or _is_text(node.right)):
            yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() | float() as number):
            yield ast.Constant(number + 1)
            yield ast.Constant(number - 1)
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS and node.args:
            yield from _calls(node, name)
        case ast.List(elts=elements) | ast.Set(elts=elements) if elements:
            for place in range(len(elements)):
                rest = elements[:place] + elements[place + 1 :]
                empty = ast.Call(ast.Name("set", ast.Load()), [], [])
                yield (
                    ast.List(rest, ast.Load())
                    if isinstance(node, ast.List)
                    else (ast.Set(rest) if rest else empty)
                )


def texts(node: ast.expr) -> Iterator[ast.expr]:
    """Wrong forms of a text: of an expression of DynamoDB those that are valid, else another text."""
    match node:
        case ast.Constant(value=str() as text):
            yield from (ast.Constant(other) for other in [*variants(text)] or [text + "x"])
        case ast.JoinedStr():
            fields = [part for part in node.values if isinstance(part, ast.FormattedValue)]
            numbers = iter(range(len(fields)))
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else f"\0{next(numbers)}\0"
                for part in node.values
            )
            yield from (_joined(other, fields) for other in [*variants(text)] or [text + "x"])


def negated(condition: ast.expr) -> Iterator[ast.expr]:
    """A condition turned round, unless another change does just that."""
    match condition:
        case ast.UnaryOp(op=ast.Not()):
            return
        case ast.Compare(ops=[op]) if isinstance(op, _OPPOSED):
            return
        case _:
            yield ast.UnaryOp(ast.Not(), condition)


def statements(node: ast.stmt) -> Iterator[ast.stmt]:
    """Wrong forms of a statement as a whole, most often its absence."""
    match node:
        case ast.Return(value=None):
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value):
            if not (isinstance(value, ast.Constant) and value.value is None):
                yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            # Still a generator, which yields nothing here.
            yield ast.Expr(ast.YieldFrom(ast.Tuple([], ast.Load())))
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case ast.Assign(targets=[target]) if not isinstance(target, ast.Name | ast.Tuple):
            yield ast.Pass()
        case ast.AugAssign():
            yield ast.Pass()
            yield ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)
        case ast.Expr() | ast.Raise() | ast.Delete():
            yield ast.Pass()


def _comparisons(node: ast.Compare) -> Iterator[ast.expr]:
    for place, op in enumerate(node.ops):
        ops = [*node.ops[:place], _COMPARISONS[type(op)](), *node.ops[place + 1 :]]
        yield ast.Compare(node.left, ops, node.comparators)


def _connectives(node: ast.BoolOp) -> Iterator[ast.expr]:
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    for place in range(len(node.values)):
        rest = node.values[:place] + node.values[place + 1 :]
        yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def _calls(node: ast.Call, name: str) -> Iterator[ast.expr]:
    other = _CALLS[name]
    # A list keeps the order that it gets, so it takes no key.
    keywords = [] if other == "list" else node.keywords
    yield ast.Call(ast.Name(other, ast.Load()), node.args, keywords)


def _joined(text: str, fields: list[ast.FormattedValue]) -> ast.expr:
    """The text with its marks as fields again; those that a change left out are gone."""
    values: list[ast.expr] = []
    place = 0
    for mark in MARK.finditer(text):
        values.append(ast.Constant(text[place : mark.start()]))
        values.append(fields[int(mark.group().strip("\0"))])
        place = mark.end()
    return ast.JoinedStr([*values, ast.Constant(text[place:])])


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
