"""States of the service with a history, brought about by the function that reads the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testkit.handlers import arrangements as given
from testkit.handlers.remembering import remembered
from testkit.stream import stream_of_all

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


def tell(stage: Stage) -> None:
    """Tell what there is of every holder now, as if the stream began with it."""
    records = stream_of_all(stage.db, stage.clock.now())
    assert stage.run("publish_events", {"Records": records}) == {"batchItemFailures": []}


@remembered
def told(stage: Stage) -> None:
    """The reservation and the placement that the events name exist, and have a history."""
    given.placed(stage)
    tell(stage)


@remembered
def used(stage: Stage) -> None:
    """The same, and an hour has passed."""
    told(stage)
    stage.clock.advance(3600)


@remembered
def gone(stage: Stage) -> None:
    """The reservation that the events name is gone, and its history is not."""
    given.deleted_and_swept(stage)
    tell(stage)
    assert stage.run_step("release_reservation", dict(given.STEP))["outcome"] == "done"
