"""Keys of the servers table: the recorded ones, and no two items under the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.providers.host_keys import HOST_PREFIX
from gpu_capacity.providers.simulated import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.dynamodb.keys import Key

STORED: list[tuple[Callable[..., Key], tuple[Any, ...], str, str]] = [
    (keys.HOSTS.hold, ("h", "n"), "HOLDER#h", "HOST#n"),
    (keys.HOSTS.fence, ("h",), "HOLDER#h", "FENCE"),
    (keys.HOSTS.host, ("n",), "HOST#n", "HOST"),
    (keys.HOSTS.server, ("p", "n"), "PLACEMENT#p", "SERVER#n"),
    (keys.occupied_gpu, ("n", 3), "HOST#n", "GPU#3"),
    (keys.vm_server, ("i-1",), "VMRUN#i-1", "SERVER"),
    (keys.vm_fence, ("i-1",), "VMRUN#i-1", "FENCE"),
    (keys.vm_disk, ("i",), "VMDISK#i", "DISK"),
]


@pytest.mark.parametrize(("key", "names", "pk", "sk"), STORED, ids=[f"{pk} {sk}" for *_, pk, sk in STORED])
def test_an_item_has_the_recorded_key(
    key: Callable[..., Key], names: tuple[Any, ...], pk: str, sk: str
) -> None:
    assert key(*names) == {"pk": {"S": pk}, "sk": {"S": sk}}


def test_every_kind_of_item_has_keys_of_its_own() -> None:
    """Even if holder, host and VM have the same name."""
    kinds = [
        keys.HOSTS.hold("x", "x"),
        keys.HOSTS.fence("x"),
        keys.HOSTS.host("x"),
        keys.HOSTS.server("x", "x"),
        keys.occupied_gpu("x", 0),
        keys.vm_server("x"),
        keys.vm_fence("x"),
        keys.vm_disk("x"),
    ]

    assert len({(key["pk"]["S"], key["sk"]["S"]) for key in kinds}) == len(kinds)


def test_names_in_another_order_make_another_key() -> None:
    assert keys.HOSTS.hold("a", "b") != keys.HOSTS.hold("b", "a")
    assert keys.HOSTS.hold("a", "FENCE") != keys.HOSTS.fence("a")


def test_a_query_for_holds_does_not_return_the_fence() -> None:
    assert not keys.HOSTS.fence("h")["sk"]["S"].startswith(HOST_PREFIX)
