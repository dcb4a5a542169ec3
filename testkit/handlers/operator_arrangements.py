"""The state of the service before an operator's event arrives, brought about by calls of the handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testkit.handlers import arrangements as given
from testkit.handlers.remembering import remembered

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


@remembered
def cordoned(stage: Stage) -> None:
    """An operator has cordoned a rack in London."""
    given.reserved(stage)
    assert stage.request_event("set_cordon", "domain").status == 200
