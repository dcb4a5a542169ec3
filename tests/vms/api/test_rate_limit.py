"""Requests a minute: of an account, of an organization, or of an address if there is no token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.handlers.vm_stage import Stage, read, with_header

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Three reads and two writes a minute, at the beginning of a minute."""
    stage = Stage(monkeypatch, VM_READS_PER_MINUTE="3", VM_WRITES_PER_MINUTE="2")
    stage.clock.advance(-stage.clock.now() % 60)
    yield stage
    stage.restart()


def reads(stage: Stage, times: int, authorization: str | None = None) -> list[int]:
    return [stage.send("list_vms", "all", authorization=authorization).status for _ in range(times)]


def test_the_request_after_the_last_allowed_one_is_refused(strict: Stage) -> None:
    assert reads(strict, 4) == [200, 200, 200, 429]


def test_the_refusal_says_when_the_next_minute_begins(strict: Stage) -> None:
    reads(strict, 3)
    strict.clock.advance(13)
    refused = strict.send("list_vms", "all")
    assert refused.headers["retry-after"] == "47"
    assert refused.json["detail"] == "too many requests: wait, then go on"


def test_a_client_that_waits_for_the_given_time_is_accepted(strict: Stage) -> None:
    reads(strict, 3)
    strict.clock.advance(59)
    refused = strict.send("list_vms", "all")
    strict.clock.advance(int(refused.headers["retry-after"]))
    assert reads(strict, 4) == [200, 200, 200, 429]


def test_reads_and_writes_are_counted_separately(strict: Stage) -> None:
    assert reads(strict, 4)[-1] == 429
    writes = [strict.send("create_vm", "node_unknown").status for _ in range(3)]
    assert writes == [400, 400, 429]


def test_the_calculator_counts_as_a_read(strict: Stage) -> None:
    statuses = [strict.send("calculate_reservation", "quoted").status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]


def test_accounts_do_not_use_up_each_others_requests(strict: Stage) -> None:
    assert reads(strict, 4)[-1] == 429
    other = f"Bearer {strict.authority.token(sub='another@example.com')}"
    assert reads(strict, 1, authorization=other) == [200]


def test_a_key_and_a_token_of_one_account_share_its_requests(strict: Stage) -> None:
    assert reads(strict, 2) == [200, 200]
    assert reads(strict, 2, authorization=strict.api_key()) == [200, 429]


def test_all_accounts_of_an_organization_use_up_the_organization_s_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(monkeypatch, READS_PER_MINUTE="3", WRITES_PER_MINUTE="1")
    stage.clock.advance(-stage.clock.now() % 60)
    second, third = (f"Bearer {stage.authority.token(sub=f'{name}@example.com')}" for name in ("b", "c"))
    foreign = f"Bearer {stage.authority.token('stranger')}"

    assert reads(stage, 2) + reads(stage, 1, second) == [200, 200, 200]
    stage.clock.advance(13)
    refused = stage.send("list_vms", "all", authorization=third)
    assert (refused.status, refused.headers["retry-after"]) == (429, "47")
    assert refused.json == {"detail": "too many requests: wait, then go on"}
    assert reads(stage, 1, foreign) == [200]
    assert [stage.send("create_vm", "node_unknown").status for _ in range(2)] == [400, 429]
    stage.restart()


def test_a_request_refused_for_its_account_is_not_counted_for_its_organization(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(monkeypatch, VM_READS_PER_MINUTE="2", READS_PER_MINUTE="3")
    stage.clock.advance(-stage.clock.now() % 60)
    other = f"Bearer {stage.authority.token(sub='another@example.com')}"

    assert reads(stage, 5) == [200, 200, 429, 429, 429]
    assert reads(stage, 2, other) == [200, 429]
    stage.restart()


def test_a_refused_request_is_not_counted_and_has_no_effect(strict: Stage) -> None:
    strict.with_ssh_key()
    assert strict.send("create_vm", "minimal").status == 201
    before = strict.db.dump()
    assert strict.send("create_vm", "minimal").status == 429
    assert strict.db.dump() == before


def test_a_request_that_fails_authentication_is_not_counted(strict: Stage) -> None:
    before = strict.db.dump()
    assert [strict.send("list_vms", "token_missing").status for _ in range(5)] == [401] * 5
    assert strict.db.dump() == before


def test_without_a_token_the_address_is_counted(strict: Stage) -> None:
    assert [strict.send("get_pricing", "answered").status for _ in range(4)] == [200, 200, 200, 429]
    elsewhere = read("get_pricing", "answered")
    elsewhere["requestContext"]["identity"]["sourceIp"] = "198.51.100.4"
    assert strict.send("get_pricing", event=elsewhere).status == 200


def test_the_address_is_that_of_the_gateway_and_no_header_of_the_caller(strict: Stage) -> None:
    for number in range(4):
        event = with_header(read("get_pricing", "answered"), "X-Forwarded-For", f"198.51.100.{number}")
        answer = strict.send("get_pricing", event=event)
    assert answer.status == 429


def test_counting_requests_reads_and_writes_nothing(strict: Stage) -> None:
    strict.send("list_vms", "all")
    stored, sent = strict.db.dump(), strict.db.requests.copy()
    assert reads(strict, 2) == [200, 200]
    once = strict.db.requests - sent

    assert strict.db.dump() == stored
    # The first request of the next minute costs the same as the first one: one read of the list.
    assert set(once) == {"query"}
