"""The ids by which customers see pods and domains."""

from __future__ import annotations

from gpu_capacity.inventory.opaque_ids import opaque_domain_id, opaque_pod_id


def test_opaque_ids_never_change_because_hashes_cover_them() -> None:
    assert opaque_pod_id("uk-lon-1", "pod1") == "ec615f9f67f9eaec747819da9bbfd23e"
    assert opaque_domain_id("uk-lon-1", "rack1") == "61ab9a931338fcc2bbdebf4cc19cea7a"


def test_what_differs_has_different_ids() -> None:
    ids = {
        opaque_pod_id("uk-lon-1", "a"),
        opaque_pod_id("uk-lon-1", "b"),
        opaque_pod_id("us-chi-1", "a"),
        opaque_domain_id("uk-lon-1", "a"),
        opaque_domain_id("us-chi-1", "a"),
    }
    assert len(ids) == 5
