from __future__ import annotations

import gc

import gpu_capacity


def test_garbage_is_looked_for_seldom_enough_for_an_import_to_pass_without() -> None:
    assert gc.isenabled()
    assert gc.get_threshold()[0] == gpu_capacity.GARBAGE_THRESHOLD
