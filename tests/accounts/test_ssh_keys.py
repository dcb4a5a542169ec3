"""SSH keys of an account: at most five, also under concurrent requests; keys of other accounts are not
accessible.
"""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from gpu_capacity.accounts.account import Account
from gpu_capacity.accounts.api.public_keys import read_public_key
from gpu_capacity.accounts.ssh_key import KEYS_PER_ACCOUNT_MAX, SshKey
from gpu_capacity.accounts.ssh_keys import ATTEMPTS_MAX, add_ssh_key, delete_ssh_key, list_ssh_keys
from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.errors import ActionRefused, NotFound, RaceLost
from testkit.handlers.vm_stage import SAMPLE_KEY, Stage, read, with_header
from testkit.world import HOLDERS, ORGANIZATION, World, caller

ME = Account(ORGANIZATION, "user-1")


def public_key(number: int = 0) -> str:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32).public_key()
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


@pytest.fixture
def world() -> World:
    return World()


def add(world: World, number: int, account: Account = ME) -> SshKey:
    return add_ssh_key(
        world.services, caller(), account, f"key {number}", read_public_key(public_key(number))
    )


def names(world: World, account: Account = ME) -> list[str]:
    return [key.label for key in list_ssh_keys(world.services, caller(), account)]


def test_keys_are_listed_oldest_first(world: World) -> None:
    for number in (2, 1, 3):
        add(world, number)
        world.clock.advance(1)
    assert names(world) == ["key 2", "key 1", "key 3"]


def test_an_account_may_have_at_most_five_keys(world: World) -> None:
    for number in range(KEYS_PER_ACCOUNT_MAX):
        add(world, number)
    with pytest.raises(ActionRefused, match="5 SSH keys"):
        add(world, 5)
    assert len(names(world)) == KEYS_PER_ACCOUNT_MAX


def test_a_sixth_key_is_refused_even_if_the_fifth_is_added_between_its_read_and_its_write(
    world: World,
) -> None:
    for number in range(KEYS_PER_ACCOUNT_MAX - 1):
        add(world, number)

    def rival(_operation: str, _parameters: dict[str, Any]) -> None:
        add(world, 9)

    world.db.before("put_item", rival, times=1)
    with pytest.raises(ActionRefused, match="5 SSH keys"):
        add(world, 5)
    assert names(world)[-1] == "key 9"


def test_a_concurrently_added_first_key_is_not_overwritten(world: World) -> None:
    def rival(_operation: str, _parameters: dict[str, Any]) -> None:
        add(world, 1)

    world.db.before("put_item", rival, times=1)
    add(world, 2)
    assert names(world) == ["key 1", "key 2"]


def test_a_caller_that_loses_every_race_is_asked_to_try_again(world: World) -> None:
    def rival(_operation: str, _parameters: dict[str, Any]) -> None:
        delete_ssh_key(world.services, caller(), ME, add(world, 1).id)

    world.db.before("put_item", rival, times=None)
    with pytest.raises(RaceLost):
        add(world, 50)
    assert len(world.pause.attempts) == ATTEMPTS_MAX


def test_the_same_key_is_stored_once(world: World) -> None:
    add(world, 1)
    again = read_public_key(public_key(1) + " other comment")
    with pytest.raises(ActionRefused, match="already"):
        add_ssh_key(world.services, caller(), ME, "again", again)


def test_deleting_a_key_makes_room_for_another(world: World) -> None:
    kept = [add(world, number) for number in range(KEYS_PER_ACCOUNT_MAX)]
    delete_ssh_key(world.services, caller(), ME, kept[2].id)
    add(world, 7)
    assert names(world) == ["key 0", "key 1", "key 3", "key 4", "key 7"]


@pytest.mark.parametrize(
    "other", [Account(ORGANIZATION, "user-2"), Account("another-organization", "user-1")], ids=str
)
def test_accounts_do_not_see_each_others_keys(world: World, other: Account) -> None:
    key = add(world, 1)
    assert names(world, other) == []
    with pytest.raises(NotFound):
        delete_ssh_key(world.services, caller(), other, key.id)
    add(world, 1, other)
    assert names(world) == ["key 1"]


def test_a_subject_cannot_be_chosen_to_match_another_accounts_key(world: World) -> None:
    add(world, 1, Account(ORGANIZATION, "a#b"))
    assert names(world, Account(ORGANIZATION, "a")) == []


def test_a_key_shows_label_type_and_fingerprint_and_nothing_else(stage: Stage) -> None:
    key = stage.send("create_ssh_key", "ed25519").json
    assert list(key) == ["id", "label", "key_type", "fingerprint", "created_at"]
    assert key["key_type"] == "ssh-ed25519"
    assert stage.send("list_ssh_keys", "all").json == [key]


def test_keys_of_the_earlier_version_are_read_with_their_names_as_labels(world: World) -> None:
    """It stored rows of id, name, line, fingerprint and time."""
    row = ["id-1", "laptop", public_key(1), read_public_key(public_key(1)).fingerprint, 1_779_000_000]
    item = keys.ssh_keys(ORGANIZATION, "user-1") | encode({"keys": [row], "revision": 1})
    world.db.put_item(TableName=HOLDERS, Item=item)
    (found,) = list_ssh_keys(world.services, caller(), ME)
    assert (found.id, found.label, found.key_type) == ("id-1", "laptop", "ssh-ed25519")
    add(world, 2)
    assert names(world) == ["laptop", "key 2"]


def test_every_change_of_keys_is_audited_with_the_fingerprint(world: World) -> None:
    key = add(world, 1)
    delete_ssh_key(world.services, caller(), ME, key.id)
    assert [line.action for line in world.telemetry.audits] == ["add_ssh_key", "delete_ssh_key"]
    assert {line.details["fingerprint"] for line in world.telemetry.audits} == {key.fingerprint}


def test_a_vm_gets_the_oldest_key_unless_another_is_named(stage: Stage) -> None:
    stage.with_ssh_key()
    stage.clock.advance(10)
    newer = stage.send("create_ssh_key", "ed25519", label="newer", ssh_public_key=public_key(3)).json
    unnamed = stage.send("create_vm", "minimal").json["id"]
    named = stage.send("create_vm", "minimal", ssh_key_id=newer["id"]).json["id"]
    items = {item["sk"]["S"]: item for item in stage.db.dump()["holders"]}
    assert items[f"VM#{unnamed}"]["ssh_key_id"] == {"S": SAMPLE_KEY}
    assert items[f"VM#{named}"]["ssh_key_id"] == {"S": newer["id"]}


def test_a_vm_without_any_key_on_the_account_is_refused(stage: Stage) -> None:
    answer = stage.send("create_vm", "minimal")
    assert answer.status == 400
    assert "no SSH key" in answer.json["detail"]


def test_deleting_a_key_in_use_leaves_its_vm_running(stage: Stage) -> None:
    stage.with_vm()
    assert stage.send("delete_ssh_key", "found").status == 200
    assert stage.send("list_ssh_keys", "all").json == []
    assert stage.send("get_vm", "found").json["status"] == "creating"


def test_a_token_of_several_organizations_has_to_name_one(stage: Stage) -> None:
    both = stage.authority.token(organizations=[ORGANIZATION, "other-organization"])
    event = with_header(read("list_ssh_keys", "all"), "Authorization", f"Bearer {both}")
    answer = stage.send("list_ssh_keys", event=event)
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["header", "X-Organization-Id"]
    named = with_header(event, "X-Organization-Id", "other-organization")
    assert stage.send("list_ssh_keys", event=named).status == 200
    foreign = with_header(event, "X-Organization-Id", "someone-elses")
    assert stage.send("list_ssh_keys", event=foreign).status == 403
