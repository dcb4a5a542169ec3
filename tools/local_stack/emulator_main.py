"""Runs inside the emulator's own environment: the emulator, which stops cleanly when its launcher is gone.

The launcher holds the other end of stdin. When it ends, for whatever reason, stdin reaches its end and the
emulator gets the one signal on which it saves its state.

Calls of one function take turns. The emulator itself knows two ways only: a process for each call, or to
refuse calls, which workflows then repeat after up to a minute. The processes share the layer.

SAM's transform is given the parameters, as AWS gives them: `Release` decides there which versions are
published. The emulator gives it their defaults only.
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
    """Wait until the launcher is gone, then ask this process to stop."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def in_turn(execute: Execute, turns: Turns) -> Execute:
    """Let each function have as many calls at a time as it may have processes.

    A call waits on a thread of its own, and no function of this application calls itself or its caller: what
    is waited for always ends.
    """

    @functools.wraps(execute)
    def execute_in_turn(function: dict[str, Any], event: Any, request: str) -> dict[str, Any]:
        configuration = function.get("config") or function
        with turns.turn(configuration.get("FunctionName", "")):
            return execute(function, event, request)

    return execute_in_turn


def with_parameters(transform: Transform) -> Transform:
    """Let a transform find what is sent for a parameter where it looks for the default."""

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
    """Start it."""
    # Only this environment has it, in the version that the lock file names.
    from ministack.core import lambda_runtime  # noqa: PLC0415
    from ministack.services import lambda_svc  # noqa: PLC0415
    from ministack.services.cloudformation import changesets  # noqa: PLC0415

    # The one place through which all calls of functions in Python go, however they came.
    lambda_svc._execute_function_warm = in_turn(lambda_svc._execute_function_warm, Turns(PROCESSES_MAX))  # noqa: SLF001
    # What `sam deploy` uses.
    changesets._apply_transforms = with_parameters(changesets._apply_transforms)  # noqa: SLF001
    # The one place that unpacks code and layers for a process.
    lambda_runtime.zipfile = SimpleNamespace(**vars(zipfile) | {"ZipFile": SharingZipFile})
    threading.Thread(target=stop_with_launcher, daemon=True).start()
    runpy.run_module("ministack", run_name="__main__")


if __name__ == "__main__":
    main()
