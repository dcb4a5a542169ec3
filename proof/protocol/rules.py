"""The rules of the protocol. Each can be left out, to see what it is for."""

from __future__ import annotations

from typing import Final

RULES: Final = {
    "stamp-condition": "an own demands every stamp of its run as the plan saw it (dropped: that it is free)",
    "resend-by-booking": "an own that is sent again is known by its booking (dropped: by its first stamp)",
    "stamps-stay": "a release leaves the stamps (dropped: it puts the earlier ones back)",
    "tag-per-naming": "every naming draws a tag of its own (dropped: one tag for all lives of an id)",
    "version-rises": "a topology version never comes back (dropped: every second one is the same)",
    "fence": "a run that may not be owned yet is fenced by a stamp (dropped: its booking is removed)",
    "fence-definite": "a fence or a release is sent again until it is answered",
    "put-definite": "the record stands before the first own is sent",
    "put-by-life": "a put that is refused found its own record if it shows its life (dropped: any record)",
    "name-first": "another run stands in the record before its own is sent",
    "name-definite": "a naming is sent again until it is answered, before its own is sent",
    "own-definite": "an own is sent again until it is answered (dropped: it is taken for refused)",
    "life": "every condition on a record names its life (dropped: the revision alone)",
    "revision": "every condition on a record names its revision (dropped: the life alone)",
    "look-before-undo": "a settle that is refused reads what stands before it undoes anything",
    "take-over-first": "a record is taken over before its runs are fenced",
    "bump-first": "a record's revision is raised before names beside its placement are fenced",
    "teardown-by-names": "a teardown fences every run that the record names (dropped: its placement alone)",
    "release-before-removal": "a record goes after its runs (dropped: before them)",
    "move-keeps-names": "a move settles with the old run still named (dropped: it forgets it first)",
    "move-ends-its-own": "a mover fences what it replaced (dropped: what it finds beside its placement)",
    "one-move": "a record that names more than its placement begins no move",
    "look-at-names": "a record that names more than its placement is looked at again, whatever its status",
    "error-first": "a failure is recorded before its run is released",
    "error-keeps-names": "a record of a failure keeps its names until they are fenced",
    "audit-spares-names": "the audit frees nothing that a record names, settled or not",
    "audit-reads-pod-first": "the audit reads the pod before the record that might name what is there",
    "audit-marks-nothing": "the audit books nothing (dropped: what a record names and the pod lacks)",
    "tombstone": "a removal leaves the life behind: a late put of it is refused",
    "tombstones-add-up": "a tombstone outlasts the next life of its id (dropped: that replaces it)",
    "parts-leave-stamp": "the last part of a domain leaves a fresh stamp (dropped: it leaves nothing)",
    "part-with-record": "a part is owned and given back in one transaction with its record",
    "old-form-known": "eight bytes are an owner of the old form (dropped: they are taken for a stamp)",
    "old-leaves-stamp": "an owner of the old form leaves a fresh stamp (dropped: it leaves nothing)",
    "sync-demands-stamp": "a domain is withdrawn under the stamp that the sync saw (dropped: the version)",
    "no-by-settled": "a refusal stands if settled holders explain it (dropped: whatever is booked)",
}

NOT_NEEDED: Final = {
    "undo": "a settle that is refused releases what it booked: who took the record over fences it as well",
}
"""What a process may do or leave out: nothing goes wrong either way."""
