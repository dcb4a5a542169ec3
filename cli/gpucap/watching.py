"""Watches everything that somebody has: a table that follows for people, a line for each change otherwise."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from gpu_capacity_client.refusals import Kind as RefusalKind
from gpu_capacity_client.refusals import Refused
from gpucap import running, surroundings
from gpucap.exits import usage
from gpucap.looks import KINDS, Kind, Look
from gpucap.progress import told
from gpucap.showing import console

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gpu_capacity_client.client import Client

OVER: Final = "destroyed"
"""VMs are listed long after they are gone."""


class Shown(Protocol):
    """Where holders are shown."""

    def show(self, found: Mapping[str, Look], kinds: Mapping[str, Kind]) -> None:
        """Show the holders that there are now, by their ids, and of which kind each of them is."""


def watch_holders(
    nouns: Sequence[str], seconds: float, organization: str | None, profile_name: str | None
) -> None:
    """Look again and again, until the user has enough of it.

    Raises:
        Ended: a noun is not one of holders, or the service said no.
    """
    known = {kind.noun: kind for kind in KINDS}
    if unknown := [noun for noun in nouns if noun not in known]:
        raise usage(f"{unknown[0]} cannot be watched: {', '.join(known)} can")
    kinds = [known[noun] for noun in nouns] or list(KINDS)
    with running.connected(profile_name) as (client, profile), _shown() as shown:
        values = {"organization_": organization or profile.organization}
        try:
            while True:
                found, of = _look(client, kinds, values, all_kinds=not nouns)
                shown.show(found, of)
                surroundings.sleep(seconds)
        except KeyboardInterrupt:
            return


def _look(
    client: Client, kinds: Sequence[Kind], values: dict[str, Any], *, all_kinds: bool
) -> tuple[dict[str, Look], dict[str, Kind]]:
    """Everything there is. If all kinds are wanted, those that the token does not allow are left out."""
    found, of = {}, {}
    for kind in kinds:
        try:
            body = client.call(kind.list, running.where(kind, values)).body
        except Refused as refused:
            if all_kinds and refused.kind is RefusalKind.NOT_ALLOWED and refused.status != UNAUTHORIZED:
                continue
            raise
        for entry in body if isinstance(body, list) else body["capacityClaims"]:
            look = kind.look(entry)
            if look.state != OVER:
                found[look.id], of[look.id] = look, kind
    return found, of


UNAUTHORIZED: Final = 401


@contextmanager
def _shown() -> Iterator[Shown]:
    if not sys.stdout.isatty():
        yield _Lines()
        return
    from rich.live import Live

    with Live(console=console(), screen=True, auto_refresh=False) as live:
        yield _Screen(live)


class _Lines:
    """A line for each change."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def show(self, found: Mapping[str, Look], kinds: Mapping[str, Kind]) -> None:
        """Print what is new, what changed, and what is gone."""
        lines = {
            identity: f"{kinds[identity].name} {identity} {look.name or '-'}"
            for identity, look in found.items()
        }
        states = {identity: told(look) for identity, look in found.items()}
        for identity, line in lines.items():
            if self._last.get(identity) != f"{line}: {states[identity]}":
                print(f"{line}: {states[identity]}", flush=True)
        for identity, line in self._last.items():
            if identity not in found:
                print(f"{line.partition(': ')[0]}: gone", flush=True)
        self._last = {identity: f"{line}: {states[identity]}" for identity, line in lines.items()}


class _Screen:
    """A table that follows."""

    def __init__(self, live: Any) -> None:
        self._live = live

    def show(self, found: Mapping[str, Look], kinds: Mapping[str, Kind]) -> None:
        """Draw it anew."""
        from rich.table import Table

        drawn = Table(
            box=None, pad_edge=False, header_style="bold", caption="Ctrl-C ends this, and nothing else"
        )
        for head in ("KIND", "ID", "NAME", "WHERE", "STATE"):
            drawn.add_column(head, overflow="fold", no_wrap=head == "ID")
        for identity, look in found.items():
            style = "bold reverse" if look.failed else ""
            drawn.add_row(kinds[identity].name, identity, look.name, look.region, told(look), style=style)
        self._live.update(drawn, refresh=True)
