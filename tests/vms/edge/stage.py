"""The VM API behind its handlers, in memory: real composition, real handlers, AWS replaced.

stage = Stage(monkeypatch)
answer = stage.send("create_vm", "on_demand")
"""

from __future__ import annotations

import copy
import importlib.util
import io
import json
import logging
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from gpu_capacity.access import Scope
from gpu_capacity.dynamodb.account_store import AccountStore
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.fleet.parsing import parse
from gpu_capacity.holders.account import Account
from gpu_capacity.runtime import composition
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.services.api_keys import ApiKeyBook
from tests.support.fakes import CountingIds, RecordedPause, RecordedTelemetry
from tests.support.world import HOLDERS, INVENTORY, ORGANIZATION, PROJECT, SERVERS, World
from tools.sample_fleet import sample_fleet

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

ROOT: Final = Path(__file__).resolve().parents[3]
EVENTS: Final = ROOT / "events"
SUBJECT: Final = "developer@example.com"
STRANGERS_ORGANIZATION: Final = "5f0c2b1e-8a77-4f1b-9a53-0f6d1c2e3a4b"
SAMPLE_VM: Final = "cafe0d44-0d44-4b50-8888-8dd25736052a"
SAMPLE_KEY: Final = "beef7c1a-5b2e-4d19-9a70-3f1c2d4e5b6a"

ISSUER: Final = "https://issuer.test"
AUDIENCE: Final = "gpu-capacity"
EVERYTHING: Final = ["vms:read", "vms:write", "billing:read"]
PROFILES: Final[dict[str, dict[str, Any]]] = {
    "member": {},
    "reader": {"permissions": ["vms:read"]},
    "powerless": {"permissions": ["none"]},
    "stranger": {"sub": "stranger@example.com", "organizations": [STRANGERS_ORGANIZATION]},
    "expired": {"exp": 1_600_000_000},
}
# The profiles also have the rights of the other APIs, so that nothing here rests on their absence.
_OTHER_APIS: Final = ["reservations:read", "capacityclaims:read"]

_TOKEN: Final = re.compile(r"\{\{token:([a-z]+)\}\}")
_KEY: Final = ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Answer:
    """What the gateway would send; header names in lower case."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def detail(self) -> Any:
        return self.json["detail"]


@dataclass(frozen=True)
class _Context:
    function_name: str
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:test"
    aws_request_id: str = "7f9d1c5e-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


class ChosenIds(CountingIds):
    """Ids that tests choose first; then well spread ones."""

    def __init__(self) -> None:
        super().__init__("stage")
        self.chosen: list[str] = []

    def random_bytes(self) -> bytes:
        """The bytes of which ``holder_id`` makes the id chosen: it draws the first digit from a to f."""
        if not self.chosen:
            return super().random_bytes()
        digits = self.chosen.pop(0).replace("-", "")
        return bytes.fromhex(f"{int(digits[0], 16) - 0xA:x}{digits[1:]}")


class _StepFunctions:
    """Executions start, and nothing runs."""

    def start_execution(self, **request: Any) -> dict[str, Any]:
        return {"executionArn": request["name"]}


class Stage:
    """Tables with the sample fleet's VM nodes, clients, tokens and handlers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
        self.world = World()
        self.clock, self.db = self.world.clock, self.world.db
        self.ids = ChosenIds()
        self.telemetry = RecordedTelemetry()
        self._key_ids = CountingIds("keys")
        self._log = io.StringIO()
        self._settings = _SETTINGS | {"AUTH_JWKS": json.dumps(_key_set())} | settings
        self._handlers: dict[str, Callable[[Any, Any], Any]] = {}
        self._publish()
        clients = {"dynamodb": self.db, "stepfunctions": _StepFunctions(), "lambda": None}
        monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
        monkeypatch.setattr(composition, "environment", lambda: Environment(self._settings))
        monkeypatch.setattr(composition, "client", clients.__getitem__)
        monkeypatch.setattr(composition, "SystemClock", lambda: self.clock)
        monkeypatch.setattr(composition, "SystemIds", lambda: self.ids)
        monkeypatch.setattr(composition, "JitteredPause", RecordedPause)
        self.restart()
        self._attach_log()

    def restart(self) -> None:
        """A new execution environment."""
        for built_once in (
            composition.services,
            composition.verifier,
            composition.credentials,
            composition.observability,
            composition.capacity_events,
        ):
            built_once.cache_clear()
        self._handlers.clear()

    def send(
        self,
        function: str,
        case: str = "",
        *,
        event: dict[str, Any] | None = None,
        authorization: str | None = None,
        **changes: Any,
    ) -> Answer:
        """Send one of the files in ``events/``, or an event; ``changes`` go into its JSON body."""
        event = event or read(function, case)
        if changes:
            event = event | {"body": json.dumps(json.loads(event["body"]) | changes)}
        if authorization is not None:
            event = with_header(event, "Authorization", authorization)
        filled = json.loads(_TOKEN.sub(lambda found: token(found[1]), json.dumps(event)))
        handler = self._handlers.get(function) or self._handlers.setdefault(function, _load(function))
        result = json.loads(json.dumps(handler(filled, _Context(function))))
        headers = {name.lower(): value for name, value in (result.get("headers") or {}).items()}
        several = {n.lower(): ", ".join(v) for n, v in (result.get("multiValueHeaders") or {}).items()}
        return Answer(result["statusCode"], headers | several, result["body"])

    def api_keys(self) -> ApiKeyBook:
        """What the operator's command works with."""
        accounts = AccountStore(Database(self.db), HOLDERS)
        return ApiKeyBook(accounts, self.clock, self._key_ids, self.telemetry, "operator:test")

    def api_key(self, scope: Scope = Scope.READ_WRITE, subject: str = SUBJECT) -> str:
        """A key of the member's organization."""
        return self.api_keys().create(Account(ORGANIZATION, subject), scope)[0]

    def with_ssh_key(self) -> Stage:
        """The member's account has one key, of a known id."""
        self.ids.chosen = [SAMPLE_KEY]
        assert self.send("create_ssh_key", "ed25519").status == 201
        return self

    def with_vm(self) -> Stage:
        """The member rents a VM of a known id."""
        self.with_ssh_key().ids.chosen = [SAMPLE_VM]
        assert self.send("create_vm", "on_demand").status == 201
        return self

    @property
    def log(self) -> str:
        """Everything that was logged."""
        return self._log.getvalue()

    def _publish(self) -> None:
        document = sample_fleet()
        document["regions"] = [r for r in document["regions"] if r["id"] == "eu-ams-1"]
        fleet = parse(json.dumps(document).encode())
        for reported in fleet.regions.values():
            self.world.load(tuple(reported.pods.values()), (reported.region,))

    def _attach_log(self) -> None:
        logger = composition.observability().logger
        handler = logging.StreamHandler(self._log)
        handler.setFormatter(logger.registered_formatter)
        underlying = logging.getLogger(logger.name or logger.service)
        underlying.handlers[:] = [h for h in underlying.handlers if not hasattr(h, "of_a_stage")]
        handler.of_a_stage = True  # type: ignore[attr-defined]
        underlying.addHandler(handler)


_ARN: Final = "arn:aws:states:us-east-1:123456789012:stateMachine:gpu-capacity"
_SETTINGS: Final = {
    "INVENTORY_TABLE": INVENTORY,
    "HOLDERS_TABLE": HOLDERS,
    "SERVERS_TABLE": SERVERS,
    "AUTH_ISSUER": ISSUER,
    "AUTH_AUDIENCE": AUDIENCE,
    "PROVISION_STATE_MACHINE_ARN": f"{_ARN}-provision-reservation",
    "DEPROVISION_STATE_MACHINE_ARN": f"{_ARN}-deprovision-reservation",
    "SETTLE_CLAIM_STATE_MACHINE_ARN": f"{_ARN}-settle-capacity-claim",
    "START_VM_STATE_MACHINE_ARN": f"{_ARN}-start-vm",
    "STOP_VM_STATE_MACHINE_ARN": f"{_ARN}-stop-vm",
    "FILL_FUNCTION": "gpu-capacity-fill-capacity-claims",
}


def token(profile: str = "member", **changes: Any) -> str:
    """A signed token of a profile."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": SUBJECT,
        "iat": now,
        "exp": now + 3600,
        "organizations": [ORGANIZATION],
        "projects": [PROJECT],
        "permissions": EVERYTHING,
        **PROFILES[profile],
        **changes,
    }
    claims["permissions"] = [*claims["permissions"], *_OTHER_APIS]
    return jwt.encode(claims, _KEY, algorithm="ES256", headers={"kid": "key-1"})


def read(function: str, case: str) -> dict[str, Any]:
    """An event as it is committed."""
    event: dict[str, Any] = json.loads((EVENTS / function / f"{case}.json").read_text(encoding="utf-8"))
    return event


def with_header(event: dict[str, Any], name: str, value: str | None) -> dict[str, Any]:
    """The event with one header changed or, with ``None``, taken away."""
    varied = copy.deepcopy(event)
    for headers in (varied["headers"], varied["multiValueHeaders"]):
        headers.pop(name, None)
    if value is not None:
        varied["headers"][name] = value
        varied["multiValueHeaders"][name] = [value]
    return varied


def with_query(event: dict[str, Any], **query: list[str]) -> dict[str, Any]:
    """The event with this query instead."""
    single = {name: values[-1] for name, values in query.items()}
    return event | {"queryStringParameters": single, "multiValueQueryStringParameters": query}


def _key_set() -> dict[str, Any]:
    key: dict[str, str] = json.loads(ECAlgorithm.to_jwk(_KEY.public_key()))
    return {"keys": [key | {"kid": "key-1", "alg": "ES256", "use": "sig"}]}


def _load(function: str) -> Callable[[Any, Any], Any]:
    path = ROOT / "functions" / function / "handler.py"
    spec = importlib.util.spec_from_file_location(f"vm_handler_of_{function}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Callable[[Any, Any], Any] = module.lambda_handler
    return handler
