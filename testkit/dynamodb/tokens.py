"""The lexer of expressions: tokens, placeholders and reserved words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

from testkit.dynamodb.errors import RefusedError, invalid
from testkit.dynamodb.nodes import Literal, Path
from testkit.dynamodb.values import canonical, type_of

EXPRESSION_BYTES_MAX = 4096
OPERATORS_MAX = 300
IN_OPERANDS_MAX = 100

KEYWORDS = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN"})
COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})

_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<name>#\w+)|(?P<value>:\w+)|(?P<word>[A-Za-z_]\w*)|(?P<integer>\d+)"
    r"|(?P<sign><>|<=|>=|[=<>(),.\[\]+-])",
    re.ASCII,
)


@lru_cache(maxsize=1)
def reserved_words() -> frozenset[str]:
    """Return the reserved words, which need a placeholder as attribute names, in upper case."""
    listed = (FilePath(__file__).parent / "reserved_words.txt").read_text(encoding="utf-8")
    return frozenset(listed.split())


@dataclass(frozen=True)
class Token:
    """One token; `kind` is name, value, word, integer, sign or end."""

    kind: str
    text: str

    def keyword(self) -> str:
        """The token as a keyword: upper case for a word, else its text."""
        return self.text.upper() if self.kind == "word" else self.text


class Placeholders:
    """The placeholders of a request for names and values, and which of them its expressions used."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._names: dict[str, str] | None = parameters.get("ExpressionAttributeNames")
        raw: dict[str, Any] | None = parameters.get("ExpressionAttributeValues")
        if self._names is not None and not self._names:
            raise invalid("ExpressionAttributeNames must not be empty")
        if raw is not None and not raw:
            raise invalid("ExpressionAttributeValues must not be empty")
        for key in self._names or ():
            _check_placeholder("ExpressionAttributeNames", key, "#")
        for key in raw or ():
            _check_placeholder("ExpressionAttributeValues", key, ":")
        self.values = {key: canonical(value) for key, value in raw.items()} if raw else {}
        self._used: set[str] = set()
        self.expressions = 0

    def attribute(self, placeholder: str, purpose: str) -> str:
        """Return the attribute name of `#name`."""
        self._used.add(placeholder)
        if placeholder not in (self._names or {}):
            raise invalid(
                f"Invalid {purpose}: An expression attribute name used in the document path is not defined; "
                f"attribute name: {placeholder}"
            )
        return (self._names or {})[placeholder]

    def literal(self, placeholder: str, purpose: str) -> Literal:
        """Return the value of `:value`."""
        self._used.add(placeholder)
        if placeholder not in self.values:
            raise invalid(
                f"Invalid {purpose}: An expression attribute value used in expression is not defined; "
                f"attribute value: {placeholder}"
            )
        return Literal(placeholder, self.values[placeholder])

    @property
    def signature(self) -> tuple[Any, ...]:
        """The part that parsing depends on: names, and the types of values."""
        return (
            tuple((self._names or {}).items()),
            tuple((placeholder, type_of(value)) for placeholder, value in self.values.items()),
            frozenset(self._used),
        )

    @property
    def used(self) -> frozenset[str]:
        """The placeholders that expressions have used so far."""
        return frozenset(self._used)

    def use(self, placeholders: frozenset[str]) -> None:
        """Record that another expression used these."""
        self.expressions += 1
        self._used |= placeholders

    def check_all_used(self) -> None:
        """Refuse placeholders that no expression of the request used. Call after the last expression."""
        for kind, given in (("Names", self._names), ("Values", self.values)):
            if not given:
                continue
            if not self.expressions:
                raise invalid(f"ExpressionAttribute{kind} can only be specified when using expressions")
            if given.keys() - self._used:
                unused = sorted(given.keys() - self._used)
                raise invalid(
                    f"Value provided in ExpressionAttribute{kind} unused in expressions: "
                    f"keys: {{{', '.join(unused)}}}"
                )


class Reader:
    """Reads the tokens of one expression; `purpose` is the parameter's name, for messages."""

    def __init__(self, text: str, purpose: str, placeholders: Placeholders) -> None:
        self.purpose = purpose
        self._placeholders = placeholders
        placeholders.expressions += 1
        if not text.strip():
            raise self.refused("The expression can not be empty;")
        if len(text.encode()) > EXPRESSION_BYTES_MAX:
            raise self.refused(
                f"Expression size has exceeded the maximum allowed size; "
                f"expression size: {len(text.encode())}"
            )
        self._tokens, odd = _split(text)
        if odd >= 0:
            raise self.refused(f'Syntax error; token: "{text[odd]}", near: "{text[odd : odd + 10]}"')
        self.position = 0
        self._operators = 0

    def refused(self, message: str) -> RefusedError:
        """A ValidationException about this expression."""
        return invalid(f"Invalid {self.purpose}: {message}")

    def syntax_error(self) -> RefusedError:
        """A ValidationException about the token that is next."""
        token = self.peek()
        shown = token.text or "<EOF>"
        near = " ".join(t.text for t in self._tokens[max(0, self.position - 1) : self.position + 2]).strip()
        return self.refused(f'Syntax error; token: "{shown}", near: "{near}"')

    def peek(self, ahead: int = 0) -> Token:
        """Return the next token, or one of kind `end`, without consuming it."""
        return self._tokens[min(self.position + ahead, len(self._tokens) - 1)]

    def take(self) -> Token:
        """Consume and return the next token."""
        token = self.peek()
        self.position += 1
        return token

    def accept(self, *wanted: str) -> str | None:
        """Consume the next token if it is one of these signs or keywords, and return it."""
        keyword = self.peek().keyword()
        if keyword not in wanted:
            return None
        self.position += 1
        return keyword

    def expect(self, wanted: str) -> None:
        """Consume this sign or keyword, or refuse."""
        if self.accept(wanted) is None:
            raise self.syntax_error()

    def end(self) -> None:
        """Refuse remaining tokens."""
        if self.peek().kind != "end":
            raise self.syntax_error()

    def count_operator(self) -> None:
        """Count an operator or function towards the limit of one expression."""
        self._operators += 1
        if self._operators > OPERATORS_MAX:
            raise self.refused(f"The expression contains more than {OPERATORS_MAX} operators")

    def literal(self) -> Literal:
        """`:value`."""
        token = self.take()
        if token.kind != "value":
            self.position -= 1
            raise self.syntax_error()
        return self._placeholders.literal(token.text, self.purpose)

    def path(self) -> Path:
        """`a.b[0].#c`."""
        parts: list[str | int] = [self._attribute()]
        while True:
            if self.accept("."):
                parts.append(self._attribute())
            elif self.accept("["):
                if self.peek().kind != "integer":
                    raise self.syntax_error()
                parts.append(int(self.take().text))
                self.expect("]")
            else:
                return Path(tuple(parts))

    def _attribute(self) -> str:
        token = self.peek()
        if token.kind == "name":
            self.take()
            return self._placeholders.attribute(token.text, self.purpose)
        if token.kind != "word" or token.keyword() in KEYWORDS:
            raise self.syntax_error()
        if token.keyword() in reserved_words():
            raise self.refused(f"Attribute name is a reserved keyword; reserved keyword: {token.text}")
        return self.take().text


@lru_cache(maxsize=4096)
def _split(text: str) -> tuple[tuple[Token, ...], int]:
    """Return the tokens of an expression, and the place of the first invalid character (or -1)."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return tuple(tokens), at
        at = match.end()
        if match.lastgroup != "space":
            tokens.append(Token(str(match.lastgroup), match.group()))
    return (*tokens, Token("end", "")), -1


@lru_cache(maxsize=1024)
def _check_placeholder(parameter: str, key: str, mark: str) -> None:
    if not re.fullmatch(mark + r"\w+", key, re.ASCII):
        raise invalid(f'{parameter} contains invalid key: Syntax error; key: "{key}"')
