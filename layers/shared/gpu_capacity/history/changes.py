"""Which events a change of a record makes. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.history.event import Event, Facts, Word, in_order

if TYPE_CHECKING:
    from collections.abc import Iterator

GONE: Final = "gone"
"""The status of a holder whose record is removed."""


def events_between(before: Facts | None, after: Facts | None, at: int) -> list[Event]:
    """The events of one change, in the order in which they are to be told.

    Args:
        before: the holder before the change; None if there was none.
        after: the same after it.
        at: when the database made the change, in seconds since the epoch.
    """
    was = before if before is not None and before.shown else None
    now = after if after is not None and after.shown else None
    if now is None:
        if was is None or was.released:
            return []
        gone = replace(was, status=GONE, revision=was.revision + 1, leaves_at=None)
        gone = replace(gone, hosts=gone.hosts and 0, gpus=gone.gpus and 0)
        return in_order([(Word.RELEASED, None)], gone, at, was)
    if was is not None and was.life != now.life:
        # The id came again before anybody saw its former holder go.
        return [*events_between(was, None, at), *events_between(None, now, at)]
    return in_order(list(_words(was, now)), now, at, was)


def _words(was: Facts | None, now: Facts) -> Iterator[tuple[Word, str | None]]:
    told = False
    for word, message in _clear(was, now):
        told = True
        yield word, message
    if not told and was is not None and was.seen != now.seen:
        yield Word.CHANGED, None


def _clear(was: Facts | None, now: Facts) -> Iterator[tuple[Word, str | None]]:
    """What has a word of its own."""
    if was is None:
        yield Word.CREATED, None
    if now.whole and not (was and was.whole) and not now.ending:
        yield Word.ACCEPTED, None
    if now.ready and not (was and was.ready):
        yield Word.PROVISIONED, None
    yield from _of_health(was, now)
    if now.failure is not None and (was is None or was.failure is None):
        yield Word.FAILED, now.failure
    if now.leaves_at is not None and (was is None or was.leaves_at != now.leaves_at):
        yield Word.INTERRUPTION_ANNOUNCED, None
    if now.interrupted and not (was and was.interrupted):
        yield Word.INTERRUPTED, None
    if now.ending and not (was and was.ending):
        yield Word.ENDED, None
    if now.released and not (was and was.released):
        yield Word.RELEASED, None


def _of_health(was: Facts | None, now: Facts) -> Iterator[tuple[Word, str | None]]:
    lacked = was is not None and was.lack is not None
    if now.lack is not None and not lacked:
        yield Word.DEGRADED, now.lack
    if now.lack is None and lacked:
        yield Word.HEALED, None
