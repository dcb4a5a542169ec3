"""A plain model of VMs on nodes: what each VM was promised, and what each status lets it hold.

It does not know masks, marks, revisions or workflows. It gets accepted requests and visible statuses, and
reads the nodes to learn which GPUs were given; from then on it computes what each VM must have.
"""

from __future__ import annotations

from dataclasses import dataclass

GPUS = 8
COMING = {"creating", "starting"}
HOLDING = {"running", "stopping"}
NOTHING = {"interrupted", "failed"}
# The table of the contract, written a second time from its text.
MOVES: dict[str, set[str]] = {
    "creating": {"starting", "failed"},
    "starting": {"running", "failed"},
    "running": {"stopping", "interrupted", "offline"},
    "stopping": {"stopped"},
    "stopped": {"starting", "offline"},
    "interrupted": {"starting", "offline"},
    "offline": {"starting", "stopped", "interrupted"},
    "failed": set(),
    "destroyed": set(),
}


def aligned(size: int) -> list[set[int]]:
    """Every slice of a size."""
    return [set(range(start, start + size)) for start in range(0, GPUS, size)]


@dataclass
class Promise:
    """What a VM is to its customer.

    ``slice`` is what it runs on, ``None`` until that has been seen; ``keeps`` whether its term lets it keep
    that while it is stopped.
    """

    node: str
    size: int
    interruptible: bool
    keeps: bool
    status: str = "creating"
    slice: set[int] | None = None


class Model:
    """Promises by VM id, and violations found on the nodes."""

    def __init__(self) -> None:
        self.promises: dict[str, Promise] = {}

    def moved(self, vm_id: str, status: str) -> None:
        """A status was seen: it must be the last one, or the next of the table."""
        promise = self.promises[vm_id]
        before, promise.status = promise.status, status
        if status == "starting":
            promise.slice = None
        assert status in {before, "destroyed", *MOVES[before]}, f"from {before} to {status}"

    def holds(self, vm_id: str, gpus: set[int]) -> None:
        """A node shows these GPUs as owned by a VM; they must be what it was promised, at any time."""
        promise = self.promises[vm_id]
        if promise.status in HOLDING:
            promise.slice = promise.slice or gpus
            assert gpus in aligned(promise.size), f"{gpus} is no slice of {promise.size}"
            assert gpus == promise.slice, "a slice moved under a VM that runs"
        if promise.status == "stopped":
            assert gpus == (promise.slice if promise.keeps else set())
        if promise.status in NOTHING:
            assert not gpus, f"a VM that is {promise.status} holds GPUs"
        if promise.status in COMING:
            assert any(gpus <= whole for whole in aligned(promise.size))
        if promise.status == "destroyed":
            assert len(gpus) <= promise.size

    def fits(self, node: str, owners: dict[int, str], wanted: Promise, shown: set[str]) -> int | None:
        """By brute force: for how few VMs that leave a slice can be had; ``None`` for no slice.

        Args:
            node: where.
            owners: VM ids by GPU, as the node says.
            wanted: what for.
            told: who leaves for somebody else already.
        """
        fewest: int | None = None
        for whole in aligned(wanted.size):
            inside = {owners[gpu] for gpu in whole if gpu in owners}
            may_leave = all(
                self.promises[vm].interruptible and self.promises[vm].status == "running" and vm not in shown
                for vm in inside
            )
            if not inside or (may_leave and not wanted.interruptible):
                fewest = min(len(inside), GPUS if fewest is None else fewest)
        return fewest
