from __future__ import annotations

import random
import uuid

import pytest

from gpu_capacity.holders.ids import holder_id, holder_tag, is_holder_id, keyed_holder_id, seed_of
from gpu_capacity.reservations.record import execution_name
from testkit.reservations import reservation


def _many(count: int = 2000) -> list[str]:
    source = random.Random(5)  # noqa: S311 - no secret
    return [holder_id(source.randbytes(16)) for _ in range(count)]


def test_ids_are_uuids_of_version_4_form() -> None:
    for text in _many():
        parsed = uuid.UUID(text)
        assert (parsed.version, parsed.variant, str(parsed)) == (4, uuid.RFC_4122, text)


def test_ids_begin_with_any_of_the_letters_a_to_f() -> None:
    assert {text[0] for text in _many()} == set("abcdef")


@pytest.mark.parametrize("entropy", [bytes(16), b"\xff" * 16, bytes(range(16))])
def test_extreme_random_bytes_give_valid_ids(entropy: bytes) -> None:
    assert is_holder_id(holder_id(entropy))


def test_different_random_bytes_give_different_ids() -> None:
    assert len(set(_many())) == 2000


def test_every_generated_id_is_recognized() -> None:
    assert all(map(is_holder_id, _many()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "161b9d5a-701d-4fea-848d-0e345edf16e9",
        "A61b9d5a-701d-4fea-848d-0e345edf16e9",
        "a61b9d5a-701d-5fea-848d-0e345edf16e9",
        "a61b9d5a-701d-4fea-c48d-0e345edf16e9",
        "a61b9d5a701d4fea848d0e345edf16e9",
        "a61b9d5a-701d-4fea-848d-0e345edf16e9\n",
        " a61b9d5a-701d-4fea-848d-0e345edf16e9",
    ],
    ids=["empty", "digit first", "upper case", "version 5", "variant", "no hyphens", "newline", "blank"],
)
def test_other_texts_are_not_ids(text: str) -> None:
    assert not is_holder_id(text)


def test_a_key_always_gives_the_same_id() -> None:
    assert keyed_holder_id("org", "user", "key") == keyed_holder_id("org", "user", "key")
    assert is_holder_id(keyed_holder_id("org", "user", "key"))


@pytest.mark.parametrize("other", [("o", "user", "key"), ("org", "u", "key"), ("org", "user", "k")])
def test_organization_subject_and_key_each_change_the_id(other: tuple[str, str, str]) -> None:
    assert keyed_holder_id(*other) != keyed_holder_id("org", "user", "key")


def test_a_different_split_of_the_same_text_gives_another_id() -> None:
    assert keyed_holder_id("ab", "c", "d") != keyed_holder_id("a", "bc", "d")
    assert keyed_holder_id("a", "b", "cd") != keyed_holder_id("a", "bc", "d")


def test_a_keyed_id_is_the_same_in_every_release() -> None:
    """Customers repeat keys across deployments, so this value must never change."""
    assert keyed_holder_id("org", "user", "key") == "a999cac6-a2b6-4711-92f2-cc192c3f4eb8"


def test_a_holder_tag_is_the_first_eight_bytes_of_the_id() -> None:
    assert holder_tag("a61b9d5a-701d-4fea-848d-0e345edf16e9").hex() == "a61b9d5a701d4fea"


def test_a_seed_follows_from_the_id_and_takes_64_bits() -> None:
    seeds = {seed_of(text) for text in _many()}

    assert len(seeds) == 2000
    assert all(0 <= seed < 1 << 64 for seed in seeds)


def test_two_lives_of_one_keyed_id_have_different_execution_names_and_server_owners() -> None:
    first, second = reservation(created_at=100), reservation(created_at=200)

    assert execution_name("provision", first, 0) != execution_name("provision", second, 0)
    assert first.server_owner != second.server_owner


def test_execution_names_are_allowed_by_step_functions() -> None:
    name = execution_name("deprovision", reservation(created_at=9_999_999_999), 10_000)

    assert len(name) <= 80
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
