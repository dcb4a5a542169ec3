"""Pages of lists: never more than a function may return, and nothing is left out silently."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs

import pytest

from gpu_capacity.access import IDENTITY_BYTES_MAX, Caller
from gpu_capacity.capacity_claims.api.models import claim_entry
from gpu_capacity.capacity_claims.record import ZONES_MAX, CapacityClaim, conditions_of
from gpu_capacity.errors import InvalidRequest
from gpu_capacity.holders.project_scoped import Tag
from gpu_capacity.holders.windows import entries_in
from gpu_capacity.http import pages
from gpu_capacity.http.call import Call, Reply
from gpu_capacity.http.operations import OPERATIONS
from gpu_capacity.http.pages import PAGE_ENTRIES_MAX, cut, page_of
from gpu_capacity.http.proxy import proxy_response
from gpu_capacity.inventory.fleet.document import OFFERINGS_PER_REGION_MAX, REGIONS_MAX
from gpu_capacity.inventory.snapshot import UnitCounts
from gpu_capacity.inventory.units import Health
from gpu_capacity.reservations.api.models import reservation_view
from gpu_capacity.reservations.api.units import unit_view
from gpu_capacity.reservations.observation import Observed
from gpu_capacity.reservations.record import (
    DESCRIPTION_BYTES_MAX,
    TAG_NAME_BYTES_MAX,
    TAG_VALUE_BYTES_MAX,
    TAGS_MAX,
)
from testkit.claims import record
from testkit.reservations import reservation
from testkit.world import ORGANIZATION, offering

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.holders.windows import Window
    from gpu_capacity.runtime.services import Services

PLATFORM_BYTES_MAX = 6_291_556
WORST = "\x01"
"""One byte as it is stored, and seven in a function's answer."""


@dataclass(frozen=True)
class Thing:
    id: str
    organization_id: str = ORGANIZATION


def call(**query: str) -> Call[Any]:
    return Call(
        services=cast("Services", None),
        caller=Caller("s", "s", frozenset({ORGANIZATION}), frozenset(), frozenset()),
        headers={},
        query={name: [value] for name, value in query.items()},
        path_parameters={},
        raw_body=None,
        body_is_base64=False,
    )


def view(thing: Thing) -> dict[str, Any]:
    return {"id": thing.id, "of": thing.organization_id}


def names(count: int) -> list[str]:
    return [f"{n:05}" for n in range(count)]


def read(things: Sequence[Thing], window: Window) -> list[Thing]:
    by_organization = {thing.organization_id for thing in things}
    return entries_in(
        window,
        sorted(by_organization),
        lambda organization, _: sorted(
            (t for t in things if t.organization_id == organization), key=lambda t: t.id
        ),
        lambda _: True,
    )


def following(link: dict[str, str]) -> dict[str, str]:
    query = link["Link"].removeprefix("<?").removesuffix('>; rel="next"')
    return {name: values[0] for name, values in parse_qs(query, strict_parsing=True).items()}


def walk(things: Sequence[Thing], limit: int, scope: str = "things") -> list[list[dict[str, Any]]]:
    pages, query = [], {"limit": str(limit)}
    while True:
        page = page_of(call(**query), scope, [ORGANIZATION])
        shown, link = cut(page, read(things, page.window), view)
        pages.append(shown)
        if not link:
            return pages
        query = following(link)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7])
def test_pages_show_everything_once_in_order_even_if_two_organizations_chose_one_id(limit: int) -> None:
    things = [Thing(name, organization) for name in "abc" for organization in ("org-1", "org-2")]
    pages = walk(things, limit)
    assert [entry for page in pages for entry in page] == [view(t) for t in things]
    assert all(len(page) == limit for page in pages[:-1])
    assert 1 <= len(pages[-1]) <= limit


def test_the_last_page_has_no_link() -> None:
    assert len(walk([Thing(n) for n in names(4)], 2)) == 2
    assert walk([], 2) == [[]]


def test_items_added_or_removed_between_two_pages_move_no_others() -> None:
    page = page_of(call(limit="2"), "things", [ORGANIZATION])
    _, link = cut(page, read([Thing(n) for n in "bdfh"], page.window), view)
    page = page_of(call(**following(link)), "things", [ORGANIZATION])
    shown, _ = cut(page, read([Thing(n) for n in "abcefh"], page.window), view)
    assert [entry["id"] for entry in shown] == ["e", "f"]


@pytest.mark.parametrize(
    "limit", ["0", "-1", "1001", "01", "1_0", " 5", "5 ", "1e2", "", "ten", "\u0665", "5.0"]
)
def test_a_limit_is_a_plain_number_within_bounds(limit: str) -> None:
    with pytest.raises(InvalidRequest, match="query limit: must be a whole number from 1 to 1000"):
        page_of(call(limit=limit), "things", [ORGANIZATION])


def cursor_of(scope: str = "things", organizations: tuple[str, ...] = (ORGANIZATION,), **filters: str) -> str:
    page = page_of(call(limit="1", **filters), scope, organizations)
    _, link = cut(page, [Thing("a"), Thing("b")], view)
    return following(link)["cursor"]


def test_a_cursor_that_was_changed_is_refused() -> None:
    cursor = cursor_of()
    assert page_of(call(limit="1", cursor=cursor), "things", [ORGANIZATION]).after == ("a", ORGANIZATION)
    tampered = [cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :] for n in range(len(cursor))]
    for other in [*tampered, cursor[:-1], cursor + "A", cursor + "=", "", "a", "ä", "a" * 5000]:
        with pytest.raises(InvalidRequest, match="query cursor: is none that this list gave out"):
            page_of(call(limit="1", cursor=other), "things", [ORGANIZATION])


def test_a_cursor_of_another_list_filter_or_organization_is_refused() -> None:
    for other in (
        cursor_of("other things"),
        cursor_of("things", ("somebody-else",)),
        cursor_of("things", (ORGANIZATION, "somebody-else")),
        cursor_of(regionID="us-tex-1"),
    ):
        with pytest.raises(InvalidRequest, match="query cursor"):
            page_of(call(limit="1", cursor=other), "things", [ORGANIZATION])


@pytest.mark.parametrize(
    "words",
    [
        "5",
        "null",
        "[]",
        '["a"]',
        '["a", "b", "c"]',
        "not JSON",
        '["\\ud800", "b"]',
        "[" * 9000,
        json.dumps(["a" * 2000, ORGANIZATION]),
        json.dumps(["é" * 200, ORGANIZATION]),
    ],
)
def test_a_cursor_with_a_valid_digest_and_arbitrary_content_is_refused(words: str) -> None:
    """Anybody who reads this code can compute the digest."""
    octets = words.encode()
    made_up = base64.urlsafe_b64encode(pages._digest(octets, ("things", ORGANIZATION, "")) + octets)

    with pytest.raises(InvalidRequest, match="query cursor: is none that this list gave out"):
        page_of(call(limit="1", cursor=made_up.decode().rstrip("=")), "things", [ORGANIZATION])


def test_the_link_header_is_short_enough_for_the_gateway() -> None:
    """Encoding makes a query up to three times as long."""
    with pytest.raises(InvalidRequest, match="query limit: not taken with so long a query"):
        page_of(call(limit="1", tag=":" * 2_700), "things", [ORGANIZATION])

    page = page_of(call(limit="1", tag=":" * 2_600), "things", [ORGANIZATION])
    longest = Thing("i" * IDENTITY_BYTES_MAX, "o" * IDENTITY_BYTES_MAX)
    _, link = cut(page, [longest, Thing("j", "o")], view)
    assert 7_800 < len(link["Link"]) < 9_000
    assert page_of(call(tag=":" * 8_000), "things", [ORGANIZATION])


def test_a_lone_surrogate_in_a_query_does_not_prevent_the_next_page() -> None:
    page = page_of(call(limit="1", tag="\ud800"), "things", [ORGANIZATION])
    _, link = cut(page, [Thing("a", "o"), Thing("b", "o")], view)
    assert "tag=%ED%A0%80" in link["Link"]


def test_a_cursor_without_a_limit_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="query cursor: goes with limit"):
        page_of(call(cursor=cursor_of()), "things", [ORGANIZATION])


@pytest.mark.parametrize("name", ["limit", "cursor"])
@pytest.mark.parametrize("operation", ["list_reservations", "list_capacity_claims", "list_vms"])
def test_a_limit_or_cursor_given_twice_is_refused(operation: str, name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"query {name}: must be given once"):
        OPERATIONS[operation].check_query({name: ["1", "1"]})


def largest_reservation() -> Observed:
    """The largest that can be accepted; texts from fleet document and tokens have maximum length."""
    tags = tuple(
        Tag(f"{n:02}" + WORST * (TAG_NAME_BYTES_MAX - 2), WORST * TAG_VALUE_BYTES_MAX)
        for n in range(TAGS_MAX)
    )
    made = reservation(description=WORST * DESCRIPTION_BYTES_MAX, tags=tags)
    return Observed(made, Health.HEALTHY, "sha256:" + "0" * 64, 1_780_000_000)


def largest_claim() -> CapacityClaim:
    zones = tuple(f"{n:02}" + "z" * 61 for n in range(ZONES_MAX))
    sizes = {"name": "n" * 63, "instance_id": "i" * 63, "capacity_type": "CAPACITY_TYPE_SERVERLESS"}
    claim = record(4000, zones=zones, **sizes)
    return replace(claim, conditions=conditions_of(claim, {}, claim.created_at))


def sent_bytes(views: list[dict[str, Any]] | dict[str, Any]) -> int:
    """The response as the platform gets it from a function, with every letter beyond ASCII escaped."""
    return len(json.dumps(proxy_response(Reply(200, views, {"Link": "x" * 2000}), "0" * 32)))


def test_a_single_item_of_the_largest_size_fits_many_times() -> None:
    assert sent_bytes(reservation_view(largest_reservation())) * 20 < PLATFORM_BYTES_MAX
    assert sent_bytes(claim_entry(largest_claim())) * 100 < PLATFORM_BYTES_MAX


@pytest.mark.parametrize(
    ("entry", "render"),
    [(largest_reservation(), reservation_view), (largest_claim(), claim_entry)],
    ids=["reservations", "claims"],
)
def test_a_page_of_the_largest_items_ends_where_the_response_is_full(entry: Any, render: Any) -> None:
    page = page_of(call(limit=str(PAGE_ENTRIES_MAX)), "things", [ORGANIZATION])
    count = PLATFORM_BYTES_MAX // len(json.dumps(json.dumps(render(entry)))) + 2
    entries = [entry] * min(count, PAGE_ENTRIES_MAX + 1)
    shown, link = cut(page, entries, render)
    assert shown
    assert link
    assert sent_bytes(shown) < PLATFORM_BYTES_MAX


@pytest.mark.parametrize(
    ("entry", "render"),
    [(largest_reservation(), reservation_view), (largest_claim(), claim_entry)],
    ids=["reservations", "claims"],
)
def test_a_list_without_a_limit_is_whole_or_refused_by_name(entry: Any, render: Any) -> None:
    page = page_of(call(), "things", [ORGANIZATION])
    size = len(json.dumps(json.dumps(render(entry), ensure_ascii=False)))
    fitting = 5_500_000 // size
    shown, link = cut(page, [entry] * fitting, render)
    assert (len(shown), link) == (fitting, {})
    assert sent_bytes(shown) < PLATFORM_BYTES_MAX
    with pytest.raises(InvalidRequest, match="query limit: required, as the list is larger than one answer"):
        cut(page, [entry] * (fitting + 1), render)


def test_all_units_that_a_fleet_document_can_offer_fit_into_one_response() -> None:
    counts = UnitCounts(available=10**6, largest_run=10**6, total=10**6)
    entry = unit_view(offering("r" * 63, 18), counts)
    longest = {
        key: value + "x" * (63 - len(value)) if isinstance(value, str) else value
        for key, value in entry.items()
    }
    assert sent_bytes([longest] * (REGIONS_MAX * OFFERINGS_PER_REGION_MAX)) < PLATFORM_BYTES_MAX
