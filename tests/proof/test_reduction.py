"""Which schedules have the same result: checked with turns written by hand, and by playing all schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proof.bugs import BUGS
from proof.interleavings import ALL_TRIPLES, OPERATIONS, PAIRS, Block
from proof.planting import planted
from proof.quick import run_classes
from proof.reduction import Turn, alike, classes
from proof.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proof.planting import Bug

IN_ORDERS = [bug for bug in BUGS if bug.orders]
ITEM, OTHER_ITEM = ("holders", "ORG#a", "VM#1"), ("holders", "ORG#a", "VM#2")


def _block(title: str) -> Block:
    return next(block for block in (*PAIRS, *ALL_TRIPLES) if block.title == title)


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _turn(number: int, *calls: tuple[str, dict[str, Any]]) -> Turn:
    turn = Turn(number)
    for operation, parameters in calls:
        turn.note(operation, parameters)
    return turn


def _put(sk: str) -> tuple[str, dict[str, Any]]:
    return "put_item", {"TableName": "holders", "Item": _key("ORG#a", sk)}


def _transaction(kind: str, sk: str) -> tuple[str, dict[str, Any]]:
    name = "Item" if kind == "Put" else "Key"
    return "transact_write_items", {
        "TransactItems": [{kind: {"TableName": "holders", name: _key("ORG#a", sk)}}]
    }


def _query(partition: str, **more: Any) -> tuple[str, dict[str, Any]]:
    values = {":pk": {"S": partition}}
    return "query", {"TableName": "holders", "ExpressionAttributeValues": values, **more}


GET = ("get_item", {"TableName": "holders", "Key": _key("ORG#a", "VM#1")})
BATCH = (
    "batch_get_item",
    {"RequestItems": {"holders": {"Keys": [_key("ORG#a", "VM#3"), _key("ORG#a", "VM#1")]}}},
)
OF_INDEX = (
    "query",
    {
        "TableName": "holders",
        "IndexName": "unsettled",
        "ExpressionAttributeValues": {":partition": {"S": "x"}},
    },
)


@pytest.mark.parametrize(
    "read",
    [GET, BATCH, _query("ORG#a"), OF_INDEX, _query("ORG#a", IndexName="of account")],
    ids=["get", "batch", "query", "index", "index by pk"],
)
@pytest.mark.parametrize(
    "write",
    [
        _put("VM#1"),
        ("update_item", {"TableName": "holders", "Key": _key("ORG#a", "VM#1")}),
        ("delete_item", {"TableName": "holders", "Key": _key("ORG#a", "VM#1")}),
        *(_transaction(kind, "VM#1") for kind in ("Put", "Update", "Delete")),
    ],
    ids=["put", "update", "delete", "put of many", "update of many", "delete of many"],
)
def test_a_write_and_a_read_of_the_same_item_do_not_commute(
    read: tuple[str, dict[str, Any]], write: tuple[str, dict[str, Any]]
) -> None:
    reader, writer = _turn(0, read), _turn(1, write)

    assert not reader.commutes(writer)
    assert not writer.commutes(reader)


@pytest.mark.parametrize("read", [GET, BATCH, _query("ORG#b")], ids=["get", "batch", "query"])
def test_a_write_and_a_read_of_different_items_commute(read: tuple[str, dict[str, Any]]) -> None:
    assert _turn(0, read).commutes(_turn(1, _put("VM#2")))
    assert _turn(1, _put("VM#2")).commutes(_turn(0, read))


def test_two_reads_commute_and_two_writes_never_do() -> None:
    assert _turn(0, GET).commutes(_turn(1, GET))
    assert not _turn(0, _put("VM#1")).commutes(_turn(1, _put("VM#2")))
    assert not _turn(0, _transaction("Put", "VM#1")).commutes(_turn(1, _put("VM#2")))


def test_turns_of_one_operation_never_commute() -> None:
    assert not _turn(0, GET).commutes(_turn(0, GET))


def test_a_condition_check_counts_as_a_read_at_its_place_among_the_writes() -> None:
    check = _turn(0, _transaction("ConditionCheck", "VM#1"))

    assert check.reads == {ITEM}
    assert not check.writes
    assert not check.commutes(_turn(1, _put("VM#2")))
    assert check.commutes(_turn(1, GET))


def test_a_turn_with_unknown_effects_keeps_its_place() -> None:
    scan = _turn(0, ("scan", {"TableName": "holders"}))

    assert not scan.commutes(_turn(1, GET))
    assert not _turn(1, GET).commutes(scan)


def test_a_reader_has_two_places_beside_a_writer_and_any_beside_a_reader() -> None:
    writer, reader, stranger = _turn(0, _put("VM#1")), _turn(1, GET), _turn(2, _query("ORG#b"))

    assert set(alike([writer, reader])) == {(0, 1)}
    assert set(alike([reader, stranger, writer])) == {(1, 2, 0), (2, 1, 0), (1, 0, 2)}


@pytest.mark.parametrize(
    "title",
    ["claim x release", "claim x sync", "delete x delete", "sync x fill", "guest leaves x destroy newcomer"],
)
def test_schedules_of_one_class_have_the_same_result(title: str) -> None:
    """Every schedule is played here, separately."""
    block = _block(title)
    sizes = []
    for found in classes(block):
        sizes.append(len(found.schedules))
        for schedule in found.schedules:
            alone = Scene(block.stage(), schedule, block.turns)
            assert alone.play([OPERATIONS[name] for name in block.names]) == found.problems == []
            assert _ending(alone) == _ending(found.scene), schedule

    assert sum(sizes) == block.size
    assert 1 < len(sizes) < block.size / 4


def _ending(scene: Scene) -> Any:
    """Everything except fractions of seconds: the order of events within one second may differ."""
    reported = [(work.name, work.answer, work.created, work.seen) for work in scene.office.works]
    tables = {
        table: [
            {name: value for name, value in item.items() if name != "updated_microsecond"} for item in items
        ]
        for table, items in scene.cloud.db.dump().items()
    }
    return tables, reported


def test_schedules_of_one_class_differ_if_reads_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the test above would detect a mistake."""
    note = Turn.note

    def blind(turn: Turn, operation: str, parameters: dict[str, Any]) -> None:
        note(turn, operation, parameters)
        turn.reads = {("nothing",)} if turn.reads else set()

    monkeypatch.setattr(Turn, "note", blind)
    block = _block("release x fill")

    def endings(schedules: Sequence[tuple[int, ...]]) -> set[str]:
        found = set()
        for schedule in schedules:
            alone = Scene(block.stage(), schedule, block.turns)
            alone.play([OPERATIONS[name] for name in block.names])
            found.add(repr(_ending(alone)))
        return found

    assert any(len(endings(found.schedules)) > 1 for found in classes(block))


def test_no_schedule_is_in_two_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn whose accesses are recorded once and not another time is detected."""
    block = _block("claim x release")
    found = classes(block)
    next(found)
    monkeypatch.setattr(Turn, "commutes", lambda turn, other: turn.number != other.number)

    with pytest.raises(AssertionError, match=r"claim x release [01]{10} is in two classes"):
        next(found)


@pytest.mark.parametrize("bug", IN_ORDERS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found_with_one_schedule_for_each_class(bug: Bug) -> None:
    block = _block(bug.orders)
    # The unmodified product prepares what blocks keep from one run to the next.
    assert run_classes(block).problems == []

    with planted(bug):
        broken = [found for found in classes(block) if found.problems]

        assert broken
        for found in broken:
            assert block.play(found.schedules[-1]) == found.problems


@pytest.mark.parametrize("block", [*PAIRS, *ALL_TRIPLES], ids=lambda block: block.full_title)
def test_no_block_makes_two_records_that_differ_by_milliseconds_only(block: Block) -> None:
    """Classes are valid for times in whole seconds; of the records, only claims have finer ones."""
    assert block.names.count("claim node") <= 1


def test_a_block_counts_schedules_and_those_that_were_played() -> None:
    total = run_classes(_block("claim x claim"))

    assert total.runs == 252
    assert 1 < total.counts["played"] < 50
    assert total.problems == []
