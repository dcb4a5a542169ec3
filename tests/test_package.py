from __future__ import annotations

import os
import subprocess
import sys

from testkit.handlers import sample_events

PROGRAM = """
import gc

passes = []
gc.callbacks.append(lambda phase, _: passes.append(phase))
import handler

assert gc.isenabled()
imported = len(passes)
from testkit.handlers.stage import Context
handler.lambda_handler({"httpMethod": "POST", "resource": "/vms", "path": "/vms"}, Context("create_vm"))
print(imported, gc.get_threshold()[0], gc.get_freeze_count() > 10_000)
"""


def _run(function: str) -> list[str]:
    root = sample_events.ROOT
    folders = (root, root / "layers" / "shared", sample_events.FUNCTIONS / function)
    done = subprocess.run(  # noqa: S603 - this interpreter, this repository's files
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()[-1].split()


def test_the_garbage_collector_is_off_during_the_import_of_a_function_and_on_while_it_runs() -> None:
    passes, threshold, frozen = _run("create_vm")
    assert int(passes) <= 2, "one pass may start and end before the package is imported"
    assert (threshold, frozen) == ("10000", "True")
