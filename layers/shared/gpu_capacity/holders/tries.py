"""What a caller is told after a write whose answer got lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from gpu_capacity.errors import StorageUnavailable, TryAgain

if TYPE_CHECKING:
    from types import TracebackType


class Tries:
    """The tries of one write: while one of them may stand, no later failure tells that nothing was written.

    ``unseen`` tells that the answer to one of them got lost, ``stands`` that the last of them was seen to
    stand. As a context this passes every error on; after a
    try that went unseen a ``TryAgain`` becomes a ``StorageUnavailable`` of unknown outcome.
    """

    def __init__(self) -> None:
        self.unseen = False
        self.stands = False

    def note(self, error: StorageUnavailable) -> None:
        """A try failed."""
        self.unseen = self.unseen or error.outcome_unknown

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, TryAgain) and self.unseen:
            raise StorageUnavailable(str(error), outcome_unknown=True) from error
