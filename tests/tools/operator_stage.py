"""The operators' API of a stack in memory, for the commands that call it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from testkit.handlers.stage import Stage
from testkit.hostile.service import Ask, Service
from tools.operator_api import OperatorApi, parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from testkit.world import World


@dataclass(frozen=True)
class StageApi(OperatorApi):
    """Sends requests to handlers, as the gateway does."""

    stage: Stage

    def call(
        self, method: str, path: str, body: object = None, query: Mapping[str, str | None] | None = None
    ) -> Any:
        """See ``OperatorApi.call``."""
        given = tuple((name, value) for name, value in (query or {}).items() if value)
        text = None if body is None else json.dumps(body)
        ask = Ask(method, unquote(f"/operator/v1{path}"), text, given)
        answer = Service(self.stage).send(ask, f"Bearer {self.token}")
        return parsed(answer.status, answer.text.encode())


def stage_api(monkeypatch: pytest.MonkeyPatch, world: World, *modules: Any) -> StageApi:
    """The API over a copy of a world's tables, which these commands take for that of the local stack."""
    stage = Stage(monkeypatch)
    for table, items in world.db.dump().items():
        for item in items:
            stage.db.put_item(TableName=table, Item=item)
    api = StageApi("memory", stage.authority.token("operator", sub="operator:me"), stage)
    for module in modules:
        monkeypatch.setattr(module, "operator_api", lambda _stack, _state: api)
    return api
