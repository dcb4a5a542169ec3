"""Which schedules cannot differ: by hand-made turns, and by playing all of them."""

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
    from proof.turns import Crew

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
def test_a_write_of_what_another_reads_does_not_commute(
    read: tuple[str, dict[str, Any]], write: tuple[str, dict[str, Any]]
) -> None:
    reader, writer = _turn(0, read), _turn(1, write)

    assert not reader.commutes(writer)
    assert not writer.commutes(reader)


@pytest.mark.parametrize("read", [GET, BATCH, _query("ORG#b")], ids=["get", "batch", "query"])
def test_a_write_of_something_else_commutes_with_a_read(read: tuple[str, dict[str, Any]]) -> None:
    assert _turn(0, read).commutes(_turn(1, _put("VM#2")))
    assert _turn(1, _put("VM#2")).commutes(_turn(0, read))


def test_two_reads_commute_and_two_writes_never_do() -> None:
    assert _turn(0, GET).commutes(_turn(1, GET))
    assert not _turn(0, _put("VM#1")).commutes(_turn(1, _put("VM#2")))
    assert not _turn(0, _transaction("Put", "VM#1")).commutes(_turn(1, _put("VM#2")))


def test_turns_of_one_operation_never_commute() -> None:
    assert not _turn(0, GET).commutes(_turn(0, GET))


def test_a_condition_check_is_a_read_in_its_place_among_the_writes() -> None:
    check = _turn(0, _transaction("ConditionCheck", "VM#1"))

    assert check.reads == {ITEM}
    assert not check.writes
    assert not check.commutes(_turn(1, _put("VM#2")))
    assert check.commutes(_turn(1, GET))


def test_what_nothing_is_known_of_keeps_its_place_among_everything() -> None:
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
def test_schedules_of_a_class_end_alike(title: str, crew: Crew) -> None:
    """Every schedule is played here, each by itself."""
    block = _block(title)
    sizes = []
    for found in classes(block, crew):
        sizes.append(len(found.schedules))
        for schedule in found.schedules:
            alone = Scene(crew, block.stage(), schedule, block.turns)
            assert alone.play([OPERATIONS[name] for name in block.names]) == found.problems == []
            assert _ending(alone) == _ending(found.scene), schedule

    assert sum(sizes) == block.size
    assert 1 < len(sizes) < block.size / 4


def _ending(scene: Scene) -> Any:
    """All but fractions of seconds: what happens in one second may happen in another order."""
    reported = [(work.name, work.answer, work.created, work.seen) for work in scene.office.works]
    tables = {
        table: [
            {name: value for name, value in item.items() if name != "updated_microsecond"} for item in items
        ]
        for table, items in scene.cloud.db.dump().items()
    }
    return tables, reported


def test_schedules_of_a_class_do_not_end_alike_when_reads_are_not_noted(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above would notice."""
    note = Turn.note

    def blind(turn: Turn, operation: str, parameters: dict[str, Any]) -> None:
        note(turn, operation, parameters)
        turn.reads = {("nothing",)} if turn.reads else set()

    monkeypatch.setattr(Turn, "note", blind)
    block = _block("release x fill")

    def endings(schedules: Sequence[tuple[int, ...]]) -> set[str]:
        found = set()
        for schedule in schedules:
            alone = Scene(crew, block.stage(), schedule, block.turns)
            alone.play([OPERATIONS[name] for name in block.names])
            found.add(repr(_ending(alone)))
        return found

    assert any(len(endings(found.schedules)) > 1 for found in classes(block, crew))


def test_no_schedule_is_in_two_classes(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """That what a turn touches is noted once and not another time does not go unseen."""
    block = _block("claim x release")
    found = classes(block, crew)
    next(found)
    monkeypatch.setattr(Turn, "commutes", lambda turn, other: turn.number != other.number)

    with pytest.raises(AssertionError, match=r"claim x release [01]{10} is in two classes"):
        next(found)


@pytest.mark.parametrize("bug", IN_ORDERS, ids=lambda bug: bug.name)
def test_a_planted_bug_shows_in_a_class_as_well(bug: Bug, crew: Crew) -> None:
    block = _block(bug.orders)
    # What blocks keep from one run to the next is prepared by the product as it is.
    assert run_classes(block).problems == []

    with planted(bug):
        broken = [found for found in classes(block, crew) if found.problems]

        assert broken
        for found in broken:
            assert block.play(found.schedules[-1], crew) == found.problems


@pytest.mark.parametrize("block", [*PAIRS, *ALL_TRIPLES], ids=lambda block: block.full_title)
def test_no_block_makes_two_records_that_tell_milliseconds_apart(block: Block) -> None:
    """Classes hold for times in whole seconds; of what the operations make, claims alone have finer ones."""
    assert block.names.count("claim node") <= 1


def test_counts_schedules_and_what_was_played_of_them() -> None:
    total = run_classes(_block("claim x claim"))

    assert total.runs == 252
    assert 1 < total.counts["played"] < 50
    assert total.problems == []
