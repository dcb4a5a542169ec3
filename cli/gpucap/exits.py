"""How the program ends: an exit code for each kind of "no"."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from gpu_capacity_client.refusals import Kind


class Exit(IntEnum):
    """The exit codes; docs/cli.md lists them."""

    DONE = 0
    USAGE = 2
    REFUSED = 3
    NOT_NOW = 4
    NOT_THERE = 5
    NOT_ALLOWED = 6
    SERVER = 7
    INTERRUPTED = 130


BY_KIND: Final = {
    Kind.USAGE: Exit.USAGE,
    Kind.REFUSED: Exit.REFUSED,
    Kind.NOT_NOW: Exit.NOT_NOW,
    Kind.NOT_THERE: Exit.NOT_THERE,
    Kind.NOT_ALLOWED: Exit.NOT_ALLOWED,
    Kind.SERVER: Exit.SERVER,
}


class Ended(Exception):
    """The program ends with this code, after these lines for people."""

    def __init__(self, code: Exit, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.code = code
        self.lines = lines


def usage(text: str) -> Ended:
    """The command line cannot be carried out as it is."""
    return Ended(Exit.USAGE, text)
