"""Importing a handler reads no environment and opens no client; the first invocation does."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from testkit.handlers import sample_events

PROGRAM = textwrap.dedent(
    """
    import importlib.util, os, sys, types
    import boto3

    LAYER, FUNCTIONS, invoke, *names = sys.argv[1:]

    def who_reads(name):
        # What a library reads while it is imported itself is its own affair, and so is pydantic's switch.
        if name.startswith("PYDANTIC_"):
            return
        frame = sys._getframe(2)
        while frame is not None:
            own = frame.f_code.co_filename.startswith((LAYER, FUNCTIONS))
            if own:
                raise SystemExit(f"the environment was read: {name}")
            if frame.f_code.co_name == "<module>":
                return
            frame = frame.f_back

    class Watched(type(os.environ)):
        def __getitem__(self, name):
            who_reads(name)
            return super().__getitem__(name)
        def __contains__(self, name):
            who_reads(name)
            return super().__contains__(name)
        def __iter__(self):
            who_reads("all of it")
            return super().__iter__()

    def opened(*arguments, **options):
        raise SystemExit(f"a client was opened: {arguments}")

    boto3.client = boto3.resource = boto3.session.Session.client = boto3.session.Session.resource = opened
    os.environ.__class__ = Watched

    # A module of the package is imported once, with the first handler that needs it.
    for name in names:
        specification = importlib.util.spec_from_file_location(name, f"{FUNCTIONS}/{name}/handler.py")
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        assert callable(module.lambda_handler), name
        if invoke == "invoke":
            context = types.SimpleNamespace(get_remaining_time_in_millis=lambda: 20_000)
            module.lambda_handler({}, context)
    """
)


def _import(then: str, *functions: str) -> subprocess.CompletedProcess[str]:
    layer = str(sample_events.ROOT / "layers" / "shared")
    return subprocess.run(  # noqa: S603 - this interpreter, this repository's files
        [sys.executable, "-c", PROGRAM, layer, str(sample_events.FUNCTIONS), then, *functions],
        env=os.environ | {"PYTHONPATH": layer},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_importing_the_handlers_reads_no_environment_and_opens_no_client() -> None:
    done = _import("leave", *sample_events.functions())
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""


def test_invoking_a_handler_reads_the_environment_and_opens_clients() -> None:
    """This shows that the test above would detect a violation."""
    done = _import("invoke", "get_version")
    assert done.returncode == 1
    assert "the environment was read" in done.stderr


@pytest.mark.parametrize("function", sample_events.functions())
def test_a_handler_is_thin(function: str) -> None:
    text = (sample_events.FUNCTIONS / function / "handler.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 30
    for word in ("try:", "if ", "boto3", "os.environ", "import os"):
        assert word not in text.replace('"""', "")
    assert [p.name for p in (sample_events.FUNCTIONS / function).glob("*.*")] == ["handler.py"]
