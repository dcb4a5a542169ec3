"""Starts the local stack, prints how to use it, and stops it."""

import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from testkit.sample_fleet import SAMPLE_RESERVATIONS, sample_fleet
from tools.local_stack import build, deploy, emulator, issuer, metal, routes, sample_data
from tools.local_stack.errors import LaunchError
from tools.local_stack.first_calls import how_to_use
from tools.local_stack.memory import Memory
from tools.local_stack.proxy import Server, Upstream
from tools.local_stack.state import DEFAULT_STATE, ROOT, State, exclusive, write_json

SIMULATED, IRONIC = "simulated", "ironic"


@dataclass(frozen=True)
class Options:
    """Options of the command line."""

    port: int = 3000
    """Port on loopback; 0 for any free one."""
    state: Path = DEFAULT_STATE
    venvs: Path = ROOT / ".venvs"
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Template parameters in addition to those of every local stack."""
    seed: bool = True
    """Whether the sample fleet is loaded and the sample tenant's reservations are made."""
    provider: str = SIMULATED
    """What holds hosts: ``simulated``, or ``ironic`` for an Ironic that runs beside the emulator."""


class Progress:
    """Prints one line for each step on stderr, with its time; stdout is for results."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[Callable[[str], None]]:
        """Print a step; the block may add notes about its outcome with the function that it gets."""
        print(f"  {text} …", end="", file=sys.stderr, flush=True)
        notes: list[str] = []
        began = time.monotonic()
        try:
            yield notes.append
        except BaseException:
            print(file=sys.stderr, flush=True)
            raise
        print(f" {', '.join([*notes, f'{time.monotonic() - began:.1f} s'])}", file=sys.stderr, flush=True)


def run(options: Options) -> None:
    """Run the local stack until SIGINT or SIGTERM.

    Raises:
        LaunchError: it cannot start, or the emulator ended unexpectedly.
    """
    server = Server(options.port)
    with server, exclusive(options.state.resolve()) as state, stopping_on_signals():
        progress = Progress()
        print("starting the local stack", file=sys.stderr)
        state.running.unlink(missing_ok=True)
        environments = build.Environments(options.venvs.resolve())
        needed = [environments.sam, environments.emulator_python]
        needed += [environments.ironic_python] if options.provider == IRONIC else []
        for tool in needed:
            if not tool.exists():
                raise LaunchError(f"{tool} is missing: run `make setup`")
        issuer.ensure_key(state.issuer_key)
        with contextlib.ExitStack() as stack:
            with progress.step("starting the emulator"):
                running = stack.enter_context(emulator.running(state, environments.emulator_python))
            machines = None
            if options.provider == IRONIC:
                with progress.step("starting Ironic") as note:
                    machines, new = stack.enter_context(metal.running(state, environments.ironic_python))
                    note("nodes enrolled" if new else "unchanged")
            upstream, deployed, promised = bring_up(options, state, environments, running, progress, machines)
            stack.enter_context(server.serving(Upstream(upstream, partial(routes.answering, promised))))
            stack.callback(state.running.unlink, missing_ok=True)
            api, stage = deployed.api()
            write_json(
                state.running,
                {
                    "url": server.url,
                    "emulatorUrl": running.url,
                    "region": emulator.REGION,
                    "restApiId": api,
                    "stage": stage,
                    "outputs": dict(deployed.outputs),
                    **({} if machines is None else {"ironicUrl": machines.url}),
                },
            )
            print(f"ready {server.url}", flush=True)
            print(how_to_use(state, server.url, machines), flush=True)
            wait(running)


def bring_up(
    options: Options,
    state: State,
    environments: build.Environments,
    running: emulator.Emulator,
    progress: Progress,
    machines: metal.Metal | None,
) -> tuple[str, deploy.Stack, list[routes.Route]]:
    """Build, deploy and fill the stack; return the API's address in the emulator, the stack, its routes."""
    connect = clients(running.url)
    with progress.step("building the template (sam build)") as note:
        built, new = build.ensure_build(state, environments)
        note("built" if new else "unchanged")
    with progress.step("deploying it to the emulator (sam deploy)") as note:
        of_machines = {} if machines is None else machines.parameters
        values = deploy.parameters(state, running.url, {**of_machines, **options.parameters})
        stack, new = deploy.ensure_deployed(
            state,
            environments,
            built,
            values,
            memory=Memory(connect("ssm")),
            cloudformation=connect("cloudformation"),
            s3=connect("s3"),
        )
        note("deployed" if new else "unchanged")
    with progress.step("checking the routes") as note:
        total, added = routes.complete(connect("apigateway"), stack, built.template)
        note(f"{total} routes" + (f", {added} of them added" if added else ""))
    api, stage = stack.api()
    upstream = f"{running.url}/_aws/execute-api/{api}/{stage}"
    if options.seed:
        with progress.step("loading the sample fleet") as note:
            note(load_fleet(stack, connect, machines))
    if options.seed and machines is None:
        hold(state, upstream, connect, progress)
    return upstream, stack, routes.promised(built.template)


def load_fleet(stack: deploy.Stack, connect: Callable[[str], Any], machines: metal.Metal | None) -> str:
    """Publish the sample fleet, or the catalogue of the machines, and sync; return the outcome."""
    s3, bucket = connect("s3"), stack.output("FleetBucketName")
    if machines is None:
        new = sample_data.upload(s3, bucket, sample_fleet())
    else:
        new = sample_data.upload(s3, bucket, metal.catalogue(), sample_data.CATALOGUE_OBJECT)
    answer = sample_data.sync(connect("lambda"), stack.output("SyncInventoryFunctionName"))
    return json.loads(answer).get("refused") or ("loaded" if new else "unchanged")


def hold(state: State, upstream: str, connect: Callable[[str], Any], progress: Progress) -> None:
    """Reserve for the sample tenant (once for each stack)."""
    # Only once: a deleted sample reservation must not come back on the next start.
    memory = Memory(connect("ssm"))
    if memory.read().get("sampleReservations"):
        return
    with progress.step("reserving for the sample tenant") as note:
        note(sample_data.reserve(state, upstream, SAMPLE_RESERVATIONS))
        memory.remember(sampleReservations=True)


def clients(url: str) -> Callable[[str], Any]:
    """Return a factory of clients of the emulator that ignores the developer's AWS settings."""
    session = boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator accepts anything
        region_name=emulator.REGION,
    )
    # Long timeout: a function's first call starts its worker. No retries: no call is sent twice.
    config = Config(read_timeout=120, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return lambda service: session.client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]


def wait(running: emulator.Emulator) -> None:
    """Wait forever; LaunchError if the emulator ends unexpectedly."""
    code = running.process.wait()
    raise LaunchError(f"the emulator ended unexpectedly (exit code {code}): see its log in the state folder")


class Stopped(BaseException):
    """SIGINT or SIGTERM arrived."""


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into an orderly end of the block, and ignore those that follow.

    Otherwise a second Ctrl-C would interrupt the emulator while it saves its state.
    """

    def stop(_number: int, _frame: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        print("\nstopping the local stack …", file=sys.stderr, flush=True)
        raise Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Stopped:
        print("stopped", file=sys.stderr, flush=True)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
