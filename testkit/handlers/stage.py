"""The service in memory with its real handlers and composition root, and fakes of AWS.

    stage = Stage(monkeypatch)
    answer = stage.run_event("create_reservation", "full")

Only clients, clock, pauses and random bytes are replaced. Settings come from a dictionary instead of the
process's environment, and go through the same composition root as deployed.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.adapters.background import run_now
from gpu_capacity.http.operations import OPERATIONS
from gpu_capacity.runtime import composition
from gpu_capacity.runtime.settings import Environment
from testkit.doubles import CountingIds, FakeClock, RecordedPause
from testkit.dynamodb import MemoryDynamoDB
from testkit.handlers import sample_events
from testkit.handlers.authority import AUDIENCE, ISSUER, Authority
from testkit.handlers.aws import (
    MACHINES,
    MemoryBucket,
    MemoryBus,
    MemoryLambda,
    MemoryStepFunctions,
    Recorder,
)
from testkit.workflow.definitions import function_of
from testkit.world import HISTORY, HOLDERS, INVENTORY, SERVERS, create_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    import pytest

    from testkit.handlers.aws import Access

BUCKET: Final = "fleet"
STACK_NAME: Final = "stack-of-tests"


@dataclass(frozen=True)
class Context:
    """The context object of Lambda."""

    function_name: str
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:test"
    aws_request_id: str = "7f9d1c5e-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


@dataclass(frozen=True)
class Answer:
    """The response that API Gateway would send; header names in lower case.

    ``text`` is its body if that is text, and ``octets`` in any case.
    """

    status: int
    headers: dict[str, str]
    text: str
    octets: bytes = field(default=b"", compare=False, repr=False)

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.text)


@dataclass(frozen=True)
class State:
    """The state that a stage has reached. Nobody changes one."""

    db: MemoryDynamoDB
    executions: dict[str, str]
    invocations: list[tuple[str, dict[str, Any]]]
    content: bytes | None
    used: dict[str, set[Access]]
    now_ms: int
    ids: tuple[int, ...]
    log: str


class Stage:
    """Tables, clients, tokens and handlers around one composition root."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
        self.clock = FakeClock()
        self.pause = RecordedPause()
        self._environments = 0
        self.recorder = Recorder()
        self.db = MemoryDynamoDB(now=self.clock.now)
        create_tables(self.db)
        self.db.before("*", self.recorder.note_dynamodb, times=None)
        self.step_functions = MemoryStepFunctions(self.recorder)
        self.bucket = MemoryBucket(self.recorder)
        self.functions = MemoryLambda(self.recorder)
        self.bus = MemoryBus(self.recorder)
        self.authority = Authority()
        self.settings = default_settings(self.authority) | settings
        self._log = io.StringIO()
        self._handlers: dict[str, Callable[[Any, Any], Any]] = {}
        self._replace(monkeypatch)
        self._begin()

    def _begin(self) -> None:
        """Count as unused from here on: every stage of this class gets this far."""
        self._at_first = self.db.requests.copy()

    def kind(self) -> Hashable | None:
        """Return what the result of an arrangement depends on; None for a stage that is in use already."""
        if self.db.requests != self._at_first or self.db.interceptors > 1:
            return None
        settings = {name: value for name, value in self.settings.items() if name != "AUTH_JWKS"}
        down = (self.step_functions.down, self.functions.down)
        state = (self.bucket.content, tuple(sorted(settings.items())), self.authority.nouns)
        return (type(self), down, state, self.clock.now_ms(), tuple(self.step_functions.executions))

    def state(self) -> State:
        """Return a copy of the state."""
        return State(
            self.db.copy(),
            dict(self.step_functions.executions),
            list(self.functions.invocations),
            self.bucket.content,
            {function: set(used) for function, used in self.recorder.used.items()},
            self.clock.now_ms(),
            self._ids_given(),
            self.log,
        )

    def resume(self, state: State) -> None:
        """Take over the state of a stage of the same kind, with new execution environments."""
        self.db.resume(state.db)
        self.step_functions.executions = dict(state.executions)
        self.functions.invocations = list(state.invocations)
        self.bucket.content = state.content
        self.recorder.used = {function: set(used) for function, used in state.used.items()}
        self.clock.advance_ms(state.now_ms - self.clock.now_ms())
        self._go_on_after(state.ids)
        self._log.truncate(0)
        self._log.write(state.log)
        self.restart()

    def _ids_given(self) -> tuple[int, ...]:
        """Return how many ids each source has given."""
        return (self._environments,)

    def _go_on_after(self, given: tuple[int, ...]) -> None:
        (self._environments,) = given

    def _replace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clients = {
            "dynamodb": self.db,
            "stepfunctions": self.step_functions,
            "s3": self.bucket,
            "lambda": self.functions,
            "events": self.bus,
            "sqs": self.bus,
        }
        monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", STACK_NAME)
        monkeypatch.setattr(composition, "environment", lambda: Environment(self.settings))
        monkeypatch.setattr(composition, "client", clients.__getitem__)
        monkeypatch.setattr(composition, "SystemClock", lambda: self.clock)
        monkeypatch.setattr(composition, "SystemIds", self._ids)
        monkeypatch.setattr(composition, "JitteredPause", lambda _deadline: self.pause)
        monkeypatch.setattr(composition, "BackgroundThread", lambda: run_now)
        self.restart()
        self._attach_log(monkeypatch)

    def _attach_log(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Capture the logs. Loggers are global by name, so the handler is removed after the test."""
        logger = composition.observability().logger
        handler = logging.StreamHandler(self._log)
        handler.setFormatter(logger.registered_formatter)
        underlying = logging.getLogger(logger.name or logger.service)
        monkeypatch.setattr(underlying, "handlers", [*underlying.handlers, handler])

    def _ids(self) -> CountingIds:
        self._environments += 1
        return CountingIds(f"environment-{self._environments}")

    def restart(self) -> None:
        """Begin a new execution environment: only the tables stay."""
        for built_once in (
            composition.edges,
            composition.services,
            composition.verifier,
            composition.credentials,
            composition.observability,
            composition.capacity_events,
            composition.publisher,
        ):
            built_once.cache_clear()
        self._handlers.clear()

    def run(self, name: str, event: dict[str, Any]) -> Any:
        """Invoke a function, or that of an operation; its result has to be JSON, as Lambda demands.

        An execution environment serves one request at a time: a function that is invoked while another one
        runs, such as a rival, gets its own handlers.
        """
        function = OPERATIONS[name].function if name in OPERATIONS else name
        interrupted, handlers = self.recorder.function, self._handlers
        if interrupted is not None:
            self._handlers = {}
        handler = self._handlers.get(function)
        if handler is None:
            handler = self._handlers[function] = load_handler(function)
        self.recorder.function = function
        try:
            result = handler(event, Context(function))
        finally:
            self.recorder.function, self._handlers = interrupted, handlers
        return json.loads(json.dumps(result))

    def request(self, function: str, event: dict[str, Any], profile: str | None = None) -> Answer:
        """Invoke an API function; ``profile`` adds a token of that profile."""
        if profile is not None:
            event = sample_events.with_headers(event, authorization=f"Bearer {self.authority.token(profile)}")
        return answer_of(self.run(function, sample_events.with_tokens(event, self.authority.token)))

    def run_step(self, step: str, event: dict[str, Any]) -> Any:
        """Invoke the function of a workflow step, as the state machine does."""
        return self.run(function_of(step), {"step": step} | event)

    def run_event(self, function: str, case: str) -> Any:
        """Invoke a function with one of the files in ``events/``."""
        return self.run(
            function, sample_events.with_tokens(sample_events.read(function, case), self.authority.token)
        )

    def request_event(self, function: str, case: str) -> Answer:
        """Invoke an API function with one of the files in ``events/``."""
        return self.request(function, sample_events.read(function, case))

    @property
    def log(self) -> str:
        """Return the log text."""
        return self._log.getvalue()

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """Return the log lines."""
        return [json.loads(line) for line in self.log.splitlines()]


def load_handler(function: str) -> Callable[[Any, Any], Any]:
    """Import a handler by its path, not cached, as Lambda does."""
    path = sample_events.FUNCTIONS / function / "handler.py"
    spec = importlib.util.spec_from_file_location(f"handler_of_{function}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Callable[[Any, Any], Any] = module.lambda_handler
    return handler


def default_settings(authority: Authority) -> dict[str, str]:
    """Return settings as the template sets them, with a static key set."""
    return {
        "INVENTORY_TABLE": INVENTORY,
        "HOLDERS_TABLE": HOLDERS,
        "SERVERS_TABLE": SERVERS,
        "HISTORY_TABLE": HISTORY,
        "EVENT_BUS": "gpu-capacity",
        "LETTERS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/letters",
        "AUTH_ISSUER": ISSUER,
        "AUTH_AUDIENCE": AUDIENCE,
        "AUTH_JWKS": json.dumps(authority.key_set),
        "FLEET_SOURCE": f"s3://{BUCKET}/fleet.json",
        "PROVISION_STATE_MACHINE_ARN": MACHINES["provision"],
        "DEPROVISION_STATE_MACHINE_ARN": MACHINES["deprovision"],
        "SETTLE_CLAIM_STATE_MACHINE_ARN": MACHINES["settle_claim"],
        "SETTLE_PLACEMENT_STATE_MACHINE_ARN": MACHINES["settle_placement"],
        "START_VM_STATE_MACHINE_ARN": MACHINES["start_vm"],
        "STOP_VM_STATE_MACHINE_ARN": MACHINES["stop_vm"],
        "FILL_FUNCTION": "gpu-capacity-fill-capacity-claims",
        "AUDIT_FUNCTION": "gpu-capacity-audit-holders",
        "REPAIR_FUNCTION": "gpu-capacity-repair-findings",
        "SIMULATED_READY_SECONDS": "20",
        "SIMULATED_DELETE_SECONDS": "5",
    }


def answer_of(result: dict[str, Any]) -> Answer:
    """Build API Gateway's response from a function's result."""
    is_binary = result.get("isBase64Encoded")
    octets = base64.b64decode(result["body"]) if is_binary else result["body"].encode()
    headers = {name.lower(): value for name, value in result["headers"].items()}
    return Answer(result["statusCode"], headers, octets.decode(errors="replace"), octets)
