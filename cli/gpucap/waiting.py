"""Waits for a holder, with progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from gpu_capacity_client.refusals import Kind as RefusalKind
from gpu_capacity_client.refusals import Refused
from gpucap import surroundings
from gpucap.exits import Ended, Exit
from gpucap.looks import Goal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity_client.client import Client
    from gpucap.looks import Kind, Look

POLL_SECONDS: Final = 1.0
POLL_SECONDS_MAX: Final = 5.0
POLL_GROWTH: Final = 1.2


class Progress(Protocol):
    """Shows how far a wait is."""

    def show(self, look: Look, seconds: float) -> None:
        """Show a holder after so many seconds."""


class Waiter:
    """Waits for one holder."""

    def __init__(
        self, client: Client, kind: Kind, identity: str, where: Mapping[str, Any], profile: str | None
    ) -> None:
        self._client = client
        self._kind = kind
        self._identity = identity
        self._where = where
        self._profile = f" --profile {profile}" if profile else ""

    def wait(self, goal: Goal, timeout_seconds: float | None, progress: Progress) -> Any:
        """Poll until the goal is reached; return the last body, None if the holder is gone.

        Raises:
            Ended: it failed, it is gone, the time was up, or the user has enough of it.
            Refused: the service said no.
        """
        began, pause = surroundings.now(), POLL_SECONDS
        try:
            while True:
                body = self._read(goal)
                if body is None:
                    return None
                look = self._kind.look(body)
                waited = surroundings.now() - began
                progress.show(look, waited)
                if goal in look.reached:
                    return body
                if look.failed and goal is not Goal.GONE:
                    raise Ended(
                        Exit.SERVER, f"the {self._kind.name} {look.id} is {look.state}: {look.message}"
                    )
                if timeout_seconds is not None and waited + pause > timeout_seconds:
                    raise Ended(
                        Exit.NOT_NOW,
                        f"the {self._kind.name} {look.id} is still {look.state} after {waited:.0f} s",
                        *self.go_on(goal),
                    )
                surroundings.sleep(pause)
                pause = min(pause * POLL_GROWTH, POLL_SECONDS_MAX)
        except KeyboardInterrupt:
            raise Ended(Exit.INTERRUPTED, "", *self.go_on(goal)) from None

    def go_on(self, goal: Goal) -> list[str]:
        """Say what becomes of the holder without the waiter, and how to go on."""
        command, name = f"gpucap {self._kind.noun}", f"{self._identity}{self._profile}"
        if goal is Goal.GONE:
            return ["It goes away without you. To wait again:", f"  {command} wait {name} --for gone"]
        further = f" --for {goal}" if goal is not Goal.READY else ""
        return [
            f"The {self._kind.name} stays, and goes on without you. To wait again, or to give it up:",
            f"  {command} wait {name}{further}",
            f"  {command} delete {name}",
        ]

    def _read(self, goal: Goal) -> Any:
        try:
            return self._client.call(
                self._kind.read, {self._kind.identifier: self._identity, **self._where}
            ).body
        except Refused as refused:
            if refused.kind is RefusalKind.NOT_THERE and goal is Goal.GONE:
                return None
            raise
