"""The Python client is what the document says, repeats what may be repeated, and knows the kinds of no."""

from __future__ import annotations

import inspect
import json
import re
import sys
import tomllib
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

import grimp
import httpx
import pytest

from gpu_capacity_client import Client, Kind, Refused, Unreachable, operations
from gpu_capacity_client.methods import Methods
from testkit.hostile.service import reservation_body
from tests.cli.terminal import ADDRESS, Wire
from tests.template.loading import ROOT
from tools.python_client.__main__ import FOLDER, modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testkit.hostile.service import Service


# What is generated


def test_the_generated_modules_are_those_of_the_document() -> None:
    for name, text in modules().items():
        assert (FOLDER / name).read_text("utf-8") == text, f"{name} is out of date: run `make openapi`"
    assert (FOLDER / "openapi.json").resolve() == ROOT / "docs" / "openapi.json"


def test_there_is_a_method_for_each_operation() -> None:
    methods = [
        name for name, _ in inspect.getmembers(Methods, inspect.isfunction) if not name.startswith("_")
    ]
    assert len(methods) == len(operations())
    assert {"create_reservation", "list_placement_servers", "destroy_vm", "set_cordon"} <= set(methods)


def test_the_package_imports_what_it_is_installed_with_and_the_client_stands_alone() -> None:
    graph = grimp.build_graph("gpucap", "gpu_capacity_client", include_external_packages=True, cache_dir=None)
    project = tomllib.loads((ROOT / "cli" / "pyproject.toml").read_text("utf-8"))["project"]
    libraries = {re.split(r"\W", wanted)[0] for wanted in project["dependencies"]}
    own, imports = {"gpucap", "gpu_capacity_client"}, {}
    for module in sorted(graph.modules):
        package = module.partition(".")[0]
        if package not in own:
            assert package in {*libraries, *sys.stdlib_module_names}, module
            continue
        imports[module] = graph.find_modules_directly_imported_by(module)
        if package == "gpu_capacity_client":
            tops = {imported.partition(".")[0] for imported in imports[module]}
            assert tops <= {package, "httpx", *sys.stdlib_module_names}, module
    # No circle either; the package itself imports its modules for whoever asks for their names.
    del imports["gpu_capacity_client"]
    assert list(TopologicalSorter(imports).static_order())


# What is sent again


@pytest.fixture
def client(wire: Wire, service: Service, pauses: list[float]) -> Iterator[Client]:
    token = service.token("owner")
    with Client(ADDRESS, lambda: token, transport=httpx.MockTransport(wire), sleep=pauses.append) as made:
        yield made


@pytest.fixture
def pauses() -> list[float]:
    return []


def test_a_create_whose_answer_is_lost_is_repeated_and_makes_one(
    client: Client, wire: Wire, pauses: list[float]
) -> None:
    before = len(client.list_reservations())
    wire.lost = 2
    made = client.create_reservation(reservation_body())  # type: ignore[arg-type]
    posts = [request for request in wire.requests if request.method == "POST"]
    assert len(posts) == 3
    assert len({request.headers["idempotency-key"] for request in posts}) == 1
    assert len(client.list_reservations()) == before + 1
    assert made["metadata"]["name"] == "training"
    assert pauses == [0.5, 1.0]


def test_a_key_of_the_callers_own_is_sent(client: Client, wire: Wire) -> None:
    client.create_reservation(reservation_body(), idempotency_key="mine")  # type: ignore[arg-type]
    assert wire.requests[-1].headers["idempotency-key"] == "mine"


def _answering(*answers: Callable[[httpx.Request], httpx.Response]) -> tuple[Client, list[float]]:
    """A client whose requests get these answers; the last one for ever."""
    left = list(answers)
    pauses: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        return (left.pop(0) if len(left) > 1 else left[0])(request)

    transport = httpx.MockTransport(answer)
    return Client(ADDRESS, lambda: "t", transport=transport, sleep=pauses.append), pauses


def _says(status: int, body: Any = None, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(
        status, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def _breaks(error: type[httpx.TransportError]) -> Callable[[httpx.Request], httpx.Response]:
    def broken(request: httpx.Request) -> httpx.Response:
        raise error("broken", request=request)

    return broken


def test_an_action_without_a_key_is_repeated_only_if_it_was_never_sent() -> None:
    client, pauses = _answering(_breaks(httpx.ConnectError), _says(202))
    client.reboot_placement_server("p", "s")
    assert len(pauses) == 1
    client, pauses = _answering(_breaks(httpx.ReadError), _says(202))
    with pytest.raises(Unreachable):
        client.reboot_placement_server("p", "s")
    assert not pauses


def test_a_service_that_never_answers_is_given_up() -> None:
    client, pauses = _answering(_breaks(httpx.ReadTimeout))
    with pytest.raises(Unreachable) as refused:
        client.get_version()
    assert refused.value.kind is Kind.SERVER
    assert pauses == [0.5, 1.0, 2.0, 4.0]


def test_a_pause_that_the_service_asks_for_is_kept_unless_it_is_long() -> None:
    client, pauses = _answering(_says(500, {}, retry_after="7"), _says(200, {"name": "n", "version": "1"}))
    assert client.get_version()["version"] == "1"
    assert pauses == [7.0]
    client, pauses = _answering(_says(429, {}, retry_after="60"))
    with pytest.raises(Refused) as refused:
        client.get_version()
    assert (refused.value.kind, refused.value.retry_after_seconds, pauses) == (Kind.NOT_NOW, 60.0, [])


def test_a_defect_is_not_sent_again() -> None:
    client, pauses = _answering(_says(500, {"error": "server_error", "error_description": "a defect"}))
    with pytest.raises(Refused, match="a defect"):
        client.get_version()
    assert not pauses


def test_pages_are_followed_and_a_link_leads_nowhere_else() -> None:
    asked = []

    def page(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        last = "cursor" in request.url.params
        link = {} if last else {"Link": '<https://elsewhere.test/?limit=1000&cursor=b&tag=x>; rel="next"'}
        return httpx.Response(200, json={"capacityClaims": [{"page": len(asked)}]}, headers=link)

    client, _ = _answering(page)
    claims = client.list_capacity_claims()
    assert [dict(claim) for claim in claims["capacityClaims"]] == [{"page": 1}, {"page": 2}]
    place = f"{ADDRESS}/v1alpha1/inference/capacityclaims"
    assert asked == [f"{place}?limit=1000", f"{place}?limit=1000&cursor=b"]


def test_what_is_in_a_path_stays_in_its_place() -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return httpx.Response(200, json={})

    client, _ = _answering(answer)
    client.get_reservation("../placements?x=1#")
    assert seen == [b"/live/api/v2/reservations/..%2Fplacements%3Fx%3D1%23"]


# Kinds of no


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind"),
    [
        (400, {"error": "invalid_request"}, {}, Kind.USAGE),
        (400, {"code": 3, "message": "m"}, {}, Kind.USAGE),
        (400, {"code": 9, "message": "m"}, {}, Kind.REFUSED),
        (400, {"detail": "it is running"}, {}, Kind.REFUSED),
        (400, {"detail": "full", "capacity": {"can_ever_fit": True}}, {}, Kind.NOT_NOW),
        (400, {"detail": "full", "capacity": {"can_ever_fit": False}}, {}, Kind.REFUSED),
        (401, {"error": "access_denied"}, {}, Kind.NOT_ALLOWED),
        (403, {"error": "forbidden"}, {}, Kind.NOT_ALLOWED),
        (403, {"error": "forbidden", "quota": {"subject": "GB300"}}, {}, Kind.NOT_NOW),
        (404, {"detail": "no such VM"}, {}, Kind.NOT_THERE),
        (409, {"error": "conflict"}, {}, Kind.REFUSED),
        (409, {"error": "conflict", "hosts": {"canEverFit": True}}, {}, Kind.NOT_NOW),
        (409, {"error": "conflict"}, {"retry-after": "1"}, Kind.NOT_NOW),
        (412, {"error": "conflict"}, {}, Kind.REFUSED),
        (422, {"detail": [{"loc": ["body", "node"], "msg": "missing"}]}, {}, Kind.USAGE),
        (422, {"blockers": [{"unitId": "u"}]}, {}, Kind.REFUSED),
        (429, {"code": 8, "message": "quota exceeded"}, {}, Kind.NOT_NOW),
        (500, {"error": "server_error"}, {}, Kind.SERVER),
        (502, "<html>", {}, Kind.SERVER),
        (507, {"error": "server_error", "capacity": {"canEverFit": True}}, {}, Kind.NOT_NOW),
        (507, {"error": "server_error", "capacity": {"canEverFit": False}}, {}, Kind.REFUSED),
    ],
)
def test_a_refusal_is_of_a_kind(status: int, body: Any, headers: dict[str, str], kind: Kind) -> None:
    assert Refused(status, body, headers).kind is kind


def test_the_fields_that_are_wrong_are_named_in_each_style() -> None:
    ours = {"errors": [{"field": "spec.count", "problem": "too small"}]}
    claims = {"details": [{"fieldViolations": [{"field": "resources.zones", "description": "empty"}]}]}
    vms = {"detail": [{"loc": ["body", "gpu_count"], "msg": "1, 2, 4 or 8"}]}
    assert Refused(400, ours, {}).problems == [("spec.count", "too small")]
    assert Refused(400, claims, {}).problems == [("resources.zones", "empty")]
    assert Refused(422, vms, {}).problems == [("body.gpu_count", "1, 2, 4 or 8")]
    assert str(Refused(422, vms, {})) == "body.gpu_count: 1, 2, 4 or 8"


def test_the_example_of_the_document_is_what_a_create_takes() -> None:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
    content = document["paths"]["/api/v2/reservations"]["post"]["requestBody"]["content"]["application/json"]
    assert set(content["example"]) == {"metadata", "spec"}
