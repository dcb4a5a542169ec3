"""The purpose of each rule: the shortest violation without it, and the known defects that it prevents."""

from __future__ import annotations

from typing import Final, NamedTuple


class Hole(NamedTuple):
    """A defect of an earlier form of the protocol, and what prevents it now."""

    about: str
    rules: tuple[str, ...] = ()
    """Rules that prevent it: without each of them an exploration shows a violation."""
    why: str = ""
    """Why it cannot happen, if no rule is needed."""


class Trace(NamedTuple):
    """The shortest violation without a rule: scenario, number of steps, and violation."""

    scenario: str
    steps: int
    problem: str


LEAK: Final = "a run is owned that no record names"
TAKEN: Final = "what a settled record owns is released"
EMPTY: Final = "a settled record owns nothing"
TWICE: Final = "a domain is owned twice"
LEFT: Final = "a record that has settled names or owns more than its placement"
PARTS: Final = "parts of a domain are not what their records say"

TRACES: Final = {
    "stamp-condition": Trace("delete", 7, LEAK),
    "resend-by-booking": Trace("delete", 7, LEAK),
    "stamps-stay": Trace("delete", 7, LEAK),
    "tag-per-naming": Trace("delete", 12, TAKEN),
    "version-rises": Trace("sync", 9, LEAK),
    "fence": Trace("delete", 6, LEAK),
    "fence-definite": Trace("delete", 6, LEAK),
    "put-definite": Trace("delete", 3, LEAK),
    "put-by-life": Trace("delete", 6, LEAK),
    "name-first": Trace("delete", 7, LEAK),
    "name-definite": Trace("delete", 12, LEAK),
    "own-definite": Trace("delete", 6, LEAK),
    "life": Trace("delete", 10, EMPTY),
    "revision": Trace("delete", 6, TAKEN),
    "look-before-undo": Trace("delete", 6, TAKEN),
    "take-over-first": Trace("delete", 6, TAKEN),
    "bump-first": Trace("move", 10, EMPTY),
    "teardown-by-names": Trace("move-delete", 11, LEAK),
    "release-before-removal": Trace("delete", 7, LEAK),
    "move-keeps-names": Trace("move", 8, LEAK),
    "move-ends-its-own": Trace("two-moves", 17, EMPTY),
    "one-move": Trace("move", 11, LEAK),
    "look-at-names": Trace("move", 7, LEFT),
    "error-first": Trace("fail", 6, TAKEN),
    "error-keeps-names": Trace("fail", 6, LEAK),
    "audit-spares-names": Trace("audit", 7, TAKEN),
    "audit-reads-pod-first": Trace("audit", 7, TAKEN),
    "audit-marks-nothing": Trace("audit", 9, LEAK),
    "tombstone": Trace("delete", 8, EMPTY),
    "tombstones-add-up": Trace("delete", 15, EMPTY),
    "parts-leave-stamp": Trace("part", 10, LEAK),
    "part-with-record": Trace("part", 7, PARTS),
    "old-form-known": Trace("upgrade", 5, TWICE),
    "old-leaves-stamp": Trace("upgrade", 10, LEAK),
    "sync-demands-stamp": Trace("sync", 5, "the sync withdraws what is owned"),
    "no-by-settled": Trace("answers", 5, "a refusal that no settled holder explains"),
}

HOLES: Final = {
    "H1": Hole("a late release frees the run of the next life", ("tag-per-naming", "stamps-stay")),
    "H2": Hole(
        "a late own relies on the stamp of its first domain and overwrites a rival",
        ("resend-by-booking", "stamp-condition"),
    ),
    "H3": Hole("an unanswered settle undoes itself", ("look-before-undo",)),
    "H4": Hole(
        "an own is applied after its record was settled on another run, deleted or given up",
        ("stamp-condition", "fence", "own-definite"),
    ),
    "H5": Hole("a worker owns without its record", ("put-definite", "put-by-life")),
    "H6": Hole("a run is owned before it is named", ("name-first", "name-definite")),
    "H7": Hole("a write of one life changes the record of the next", ("life",)),
    "H8": Hole("a run is released while its record settles", ("take-over-first", "revision")),
    "H9": Hole(
        "a record is removed before its release is answered", ("fence-definite", "release-before-removal")
    ),
    "H10": Hole(
        "one timer for two waits",
        why="there is no second wait: after a fence late writes are refused at once, and in the model "
        "take-overs, fences and removals may come at any time",
    ),
    "H11": Hole("names beside a placement are never examined again", ("look-at-names",)),
    "H12": Hole("a teardown releases only the placement", ("teardown-by-names",)),
    "H13": Hole(
        "the audit frees a run that is being booked, or books one that is being released",
        ("audit-spares-names", "audit-reads-pod-first", "audit-marks-nothing"),
    ),
    "H14": Hole("a retry uses the tag of the crashed worker", ("tag-per-naming",)),
    "H15": Hole(
        "a quota refuses because of a claimant that never settles",
        ("no-by-settled",),
        "the count rises with the put and falls with the removal, in their transactions; which holders may "
        "cause a refusal is the same question as for capacity",
    ),
    "H16": Hole("no capacity because of a claimant that never settles", ("no-by-settled",)),
    "H17": Hole(
        "a first limit does not count holders that are claiming",
        why="the count reads every record that is not gone, also `claiming` ones, and a put that saw no "
        "limit falls into the 30 seconds before the limit is written; no order of pod writes matters",
    ),
    "H18": Hole(
        "functions of two releases at the same time",
        ("old-form-known", "old-leaves-stamp"),
        "and readers of `claiming` are deployed one release before its writers",
    ),
    "H19": Hole(
        "deadlines of different functions",
        why="safety does not depend on deadlines: a take-over may come while the first worker lives; "
        "`claiming_until`, from the invocation's own deadline, only saves work",
    ),
    "H20": Hole("a late put creates the record of an ended life again", ("tombstone", "tombstones-add-up")),
    "H21": Hole("reconcile releases the run that a move settles on", ("bump-first", "move-ends-its-own")),
}
