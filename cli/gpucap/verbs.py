"""What the tables of nouns and verbs are made of.

Options, arguments and help of a command follow from the operation in the OpenAPI document. What a verb says
is what the document cannot know: names, columns of tables, what to wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from gpucap import looks
    from gpucap.looks import Goal


Columns: TypeAlias = Mapping[str, str]
"""Heads of columns, and where their values are: a path with dots."""

CUSTOMERS: Final = "What you have and can have"
OPERATORS: Final = "For operators of the service"
MADE_UP: Final = object()
"""The default of a name: one that is not taken, most probably."""


@dataclass(frozen=True)
class Verb:
    """A command that carries out one operation."""

    operation: str
    options: Mapping[str, str] = field(default_factory=dict)
    """Names of options where the usual one does not do, by the path of a field or the name of a parameter."""
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Values of fields that the document demands and people rarely choose, by path."""
    over: str | None = None
    """The operation that reads what the options change: its ``within`` is sent as a whole."""
    within: Mapping[str, str] = field(default_factory=dict)
    """Paths of the body, and where their values are in what was read."""
    tag: str = ""
    """Where the entity tag is in what was read; the change is refused if there is a newer one."""
    goal: Goal | None = None
    """What ``--wait`` waits for."""
    columns: Columns | None = None
    rows: str = ""
    """Where the entries of a list are in the answer; empty if the answer is the list."""


@dataclass(frozen=True)
class Noun:
    """A group of commands."""

    help: str
    verbs: Mapping[str, Verb]
    kind: looks.Kind | None = None
    panel: str = CUSTOMERS
