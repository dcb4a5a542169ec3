"""Runs the emulator, in its own environment, and stops it cleanly when the launcher has ended.

The launcher holds the other end of stdin. When it ends for any reason, stdin reaches its end and the emulator
gets the signal on which it saves its state.

Calls of one function take turns. The emulator by itself either starts a process for each call, or refuses
calls, which workflows then repeat after up to a minute. The processes share the layer.

SAM's transform gets the values of parameters, as on AWS, because `Release` decides which versions are
published. The emulator by itself passes their defaults only.
"""

import functools
import os
import runpy
import signal
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))

from tools.local_stack.layers import SharingZipFile
from tools.local_stack.turns import PROCESSES_MAX, Turns

Transform = Callable[..., dict[str, Any]]
Execute = Callable[[dict[str, Any], Any, str], dict[str, Any]]


def stop_with_launcher() -> None:
    """Wait until the launcher has ended, then signal this process to stop."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def in_turn(execute: Execute, turns: Turns) -> Execute:
    """Limit the concurrent calls of each function to the number of its processes.

    A call waits on its own thread, and no function of this application calls itself or its caller, so waiting
    cannot deadlock.
    """

    @functools.wraps(execute)
    def execute_in_turn(function: dict[str, Any], event: Any, request: str) -> dict[str, Any]:
        configuration = function.get("config") or function
        with turns.turn(configuration.get("FunctionName", "")):
            return execute(function, event, request)

    return execute_in_turn


def with_parameters(transform: Transform) -> Transform:
    """Make the values of parameters their defaults, which is where the transform reads them."""

    @functools.wraps(transform)
    def transform_with_parameters(
        template: dict[str, Any], provided: list[dict[str, Any]] | None = None, previous: Any = None
    ) -> dict[str, Any]:
        sent = {entry["Key"]: entry["Value"] for entry in provided or () if "Value" in entry}
        parameters = {
            name: {**parameter, "Default": sent[name]} if name in sent else parameter
            for name, parameter in template.get("Parameters", {}).items()
        }
        return transform({**template, "Parameters": parameters}, provided, previous)

    return transform_with_parameters


def main() -> None:
    """Patch the emulator and start it."""
    # Only this environment has the emulator, in the version of the lock file.
    from ministack.core import lambda_runtime  # noqa: PLC0415
    from ministack.services import lambda_svc  # noqa: PLC0415
    from ministack.services.cloudformation import changesets  # noqa: PLC0415

    # Every call of a Python function goes through this one.
    lambda_svc._execute_function_warm = in_turn(lambda_svc._execute_function_warm, Turns(PROCESSES_MAX))  # noqa: SLF001
    # `sam deploy` uses this one.
    changesets._apply_transforms = with_parameters(changesets._apply_transforms)  # noqa: SLF001
    # Unpacks code and layers for a process.
    lambda_runtime.zipfile = SimpleNamespace(**vars(zipfile) | {"ZipFile": SharingZipFile})
    threading.Thread(target=stop_with_launcher, daemon=True).start()
    runpy.run_module("ministack", run_name="__main__")


if __name__ == "__main__":
    main()
