"""The rules of the protocol. An exploration without one of them shows what it prevents."""

from __future__ import annotations

from typing import Final

RULES: Final = {
    "stamp-condition": "an own demands every stamp of its run as the plan saw it (dropped: that it is free)",
    "resend-by-booking": "a repeated own recognizes its booking (dropped: its first stamp)",
    "stamps-stay": "a release leaves the stamps (dropped: it restores the earlier ones)",
    "tag-per-naming": "every naming draws a new tag (dropped: one tag for all lives of an id)",
    "version-rises": "a topology version never returns (dropped: every second one is the same)",
    "fence": "a run that may not be owned yet is fenced by a stamp (dropped: its booking is removed)",
    "fence-definite": "a fence or a release is sent again until it is answered",
    "put-definite": "the record is known to be written before the first own is sent",
    "put-by-life": "a refused put recognizes its own record by its life (dropped: accepts any record)",
    "name-first": "another run is written into the record before it is owned",
    "name-definite": "a naming is sent again until it is answered, before the own is sent",
    "own-definite": "an own is sent again until it is answered (dropped: no answer counts as refused)",
    "life": "every condition on a record names its life (dropped: the revision alone)",
    "revision": "every condition on a record names its revision (dropped: the life alone)",
    "look-before-undo": "a refused settle reads the record before it undoes anything",
    "take-over-first": "a record is taken over before its runs are fenced",
    "bump-first": "a record's revision is raised before names beside its placement are fenced",
    "teardown-by-names": "a teardown fences every run that the record names (dropped: its placement alone)",
    "release-before-removal": "a record is removed after its runs (dropped: before them)",
    "move-keeps-names": "a move settles with the old run still named (dropped: it drops that name first)",
    "move-ends-its-own": "a mover fences the run it replaced (dropped: all names beside its placement)",
    "one-move": "a record that names more than its placement begins no move",
    "look-at-names": "reconcile examines records that name more than their placement, in any status",
    "error-first": "a failure is recorded before its run is released",
    "error-keeps-names": "a record of a failure keeps its names until they are fenced",
    "audit-spares-names": "the audit frees nothing that a record names, settled or not",
    "audit-reads-pod-first": "the audit reads the pod before the records that could name its bookings",
    "audit-marks-nothing": "the audit books nothing (dropped: what a record names and the pod lacks)",
    "tombstone": "a removal leaves the life behind: a late put of it is refused",
    "tombstones-add-up": "a tombstone outlasts the next life of its id (dropped: that replaces it)",
    "parts-leave-stamp": "the last part of a domain leaves a new stamp (dropped: it leaves nothing)",
    "part-with-record": "a part is owned and released in one transaction with its record",
    "old-form-known": "eight bytes are an owner of the old form (dropped: they are read as a stamp)",
    "old-leaves-stamp": "an owner of the old form leaves a new stamp (dropped: it leaves nothing)",
    "sync-demands-stamp": "a domain is withdrawn under the stamp that the sync saw (dropped: the version)",
    "no-by-settled": "a refusal is final if settled holders explain it (dropped: if any booking does)",
}

NOT_NEEDED: Final = {
    "undo": "a refused settle releases its booking: the process that took the record over fences it as well",
}
"""Optional steps: no violation with or without them."""
