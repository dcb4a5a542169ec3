"""Prints answers: as JSON, as a table, or name by name.

What draws is imported when something is drawn, so that the request has gone out before.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from gpucap import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.table import Table

    from gpu_capacity_client.refusals import Refused
    from gpucap.verbs import Columns

NOTHING: Final = "-"
WIDE: Final = 10_000
"""Nothing is wrapped or cut where no person reads."""
WRAPPERS: Final = frozenset({"metadata", "spec", "status", "capacityClaim"})
"""Parts of a path that say nothing to people."""
TROUBLED: Final = frozenset({"error", "degraded", "failed", "interrupted", "STATUS_FAILED", "Error"})
COLUMNS_MAX: Final = 8


def console(*, stderr: bool = False) -> Console:
    """Return a console that writes everything where it is not shown to a person."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False, soft_wrap=False)


def say(*lines: str) -> None:
    """Print lines for people, on stderr."""
    for line in lines:
        print(line, file=sys.stderr, flush=True)


def as_json(body: Any, *, stderr: bool = False) -> None:
    """Print a body as JSON."""
    text = json.dumps(body, indent=2, ensure_ascii=False)
    print(text, file=sys.stderr if stderr else sys.stdout)


def answer(body: Any, columns: Columns | None, rows: str) -> None:
    """Print an answer for people: lists as tables, anything else name by name."""
    found = options.get(body, rows)
    if isinstance(found, list):
        table(found, columns or _guessed(found))
    else:
        one(found)


def table(rows: Sequence[Any], columns: Columns) -> None:
    """Print a table; columns in which nothing stands are left out."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        say("nothing there")
        return
    cells = {head: [cell(_at(row, path)) for row in rows] for head, path in columns.items()}
    shown = {head: texts for head, texts in cells.items() if any(text != NOTHING for text in texts)}
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for head, texts in shown.items():
        right = all(text == NOTHING or text.replace(".", "", 1).isdecimal() for text in texts)
        drawn.add_column(head, justify="right" if right else "left", overflow="fold", no_wrap=head == "ID")
    for row in zip(*shown.values(), strict=True):
        drawn.add_row(*(Text(text, style="bold reverse" if text in TROUBLED else "") for text in row))
    _draw(drawn)


def _at(row: Any, path: str) -> Any:
    """What is at the path of a column: ``waiting[].id`` are the ids of all entries of a list."""
    above, each, below = path.partition("[].")
    found = options.get(row, above)
    return [options.get(entry, below) for entry in found or ()] if each else found


def one(body: Any) -> None:
    """Print what there is, a line for each name."""
    from rich.table import Table
    from rich.text import Text

    if body is None:
        return
    if not isinstance(body, dict):
        console().print(cell(body))
        return
    drawn = Table(box=None, pad_edge=False, show_header=False)
    drawn.add_column(style="bold", no_wrap=True)
    drawn.add_column(overflow="fold")
    for path, value in _flat(body):
        drawn.add_row(path, Text(cell(value)))
    _draw(drawn)


def _draw(drawn: Table) -> None:
    """Print what is drawn; where no person reads, without the blanks behind the last value."""
    out = console()
    if out.is_terminal:
        out.print(drawn)
        return
    with out.capture() as captured:
        out.print(drawn)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def refusal(refused: Refused, *, json_wanted: bool) -> None:
    """Print why the service said no."""
    if json_wanted and refused.body is not None:
        as_json(refused.body, stderr=True)
        return
    say(f"{refused.kind}: {refused}")
    if len(refused.problems) > 1:
        say(*(f"  {field}: {problem}" for field, problem in refused.problems))
    if refused.retry_after_seconds is not None:
        say(f"  try again in {refused.retry_after_seconds:.0f} s")
    if refused.trace_id is not None:
        say(f"  trace {refused.trace_id}")


def cell(value: Any) -> str:
    """Return a value as it stands in a table."""
    if value is None or value in ("", []):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_entry(entry) for entry in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _entry(value: Any) -> str:
    if isinstance(value, dict) and value.keys() == {"name", "value"}:
        return f"{value['name']}={value['value']}"
    if isinstance(value, dict) and all(isinstance(part, str) for part in value.values()):
        return " ".join(value.values()) or "all"
    return cell(value)


def _flat(body: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        path = f"{above}{name}"
        if isinstance(value, dict) and value:
            yield from _flat(value, above if name in WRAPPERS else f"{path}.")
        elif isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            for number, entry in enumerate(value):
                if entry.keys() == {"name", "value"}:
                    yield f"{path}.{entry['name']}", entry["value"]
                else:
                    yield from _flat(entry, f"{path}[{number}].")
        else:
            yield path, value


def _guessed(rows: Sequence[Any]) -> dict[str, str]:
    """Columns for a list of which nothing is known: its plain values."""
    first = rows[0] if rows and isinstance(rows[0], dict) else {"value": rows}
    plain = [name for name, value in _flat(first) if not isinstance(value, (dict, list)) and "[" not in name]
    return {name.upper(): name for name in plain[:COLUMNS_MAX]}
