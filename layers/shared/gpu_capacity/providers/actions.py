"""What a server's state allows to be done to it: the same for every provider."""

from __future__ import annotations

from typing import Final

from gpu_capacity.providers.port import ActionOutcome, PowerAction, ServerState

_DONE_ALREADY: Final = {
    PowerAction.START: (ServerState.QUEUED, ServerState.RUNNING),
    PowerAction.STOP: (ServerState.STOPPING, ServerState.STOPPED),
}
_ALLOWED: Final[dict[PowerAction, tuple[ServerState, ...]]] = {
    PowerAction.START: (ServerState.STOPPED,),
    PowerAction.STOP: (ServerState.RUNNING, ServerState.STOPPING),
    PowerAction.REBOOT: (ServerState.RUNNING,),
    PowerAction.HARD_REBOOT: (ServerState.RUNNING, ServerState.STOPPING, ServerState.STOPPED),
}


def without_power(action: PowerAction, state: ServerState, *, reboots: bool) -> ActionOutcome | None:
    """The outcome of an action that does nothing in this state; ``None`` if it has to be done.

    A server that ``reboots`` is shown as stopping too, but comes back unless it is stopped.
    """
    if state in _DONE_ALREADY.get(action, ()) and not (reboots and state is ServerState.STOPPING):
        return ActionOutcome.ACCEPTED
    return None if state in _ALLOWED[action] else ActionOutcome.NOT_ALLOWED


def without_rebuild(state: ServerState, current: int, wanted: int) -> ActionOutcome | None:
    """The outcome of a rebuild that does nothing, for generations; ``None`` if it has to be done."""
    if state is ServerState.DELETING:
        return ActionOutcome.NOT_ALLOWED
    again = wanted == current and state is ServerState.FAILED
    return None if wanted > current or again else ActionOutcome.ACCEPTED
