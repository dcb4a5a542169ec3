"""Replays a trace against OpenStack Placement, in the interpreter that has it installed.

    <folder>/venv/bin/python placement_service.py <folder> < trace.json

A pod is a resource provider with one unit of a resource class for each domain; there are no positions. The
service runs in this process, over SQLite in a file, and is called through its WSGI interface, so that the
measurement does not include a network.

Reads ``{"pods": …, "length": …, "events": [["claim" | "release", job, size], …]}`` and writes to
``<folder>/replayed.json`` (its own logs go to the standard output)
``{"accepted": [job, …], "candidates_seconds": …, "candidates": …, "claims_seconds": …, "claims": …}``.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

RESOURCE = "CUSTOM_RACK"
MICROVERSION = "placement 1.36"
PROJECT = str(uuid.UUID(int=1))


class Service:
    """The application behind its WSGI interface."""

    def __init__(self, folder: Path) -> None:
        database = folder / "placement.sqlite"
        database.unlink(missing_ok=True)
        (folder / "placement.conf").write_text(
            "[api]\nauth_strategy = noauth2\n"
            f"[placement_database]\nconnection = sqlite:///{database}\nsync_on_startup = true\n"
        )
        os.environ["OS_PLACEMENT_CONFIG_DIR"] = str(folder)
        sys.argv = sys.argv[:1]
        self._application: Any = importlib.import_module("placement.wsgi.api").application

    def call(self, method: str, path: str, body: object = None, query: str = "") -> tuple[int, Any]:
        """Call the service; return (status, body)."""
        sent = b"" if body is None else json.dumps(body).encode()
        seen: list[int] = []

        def start(status: str, _headers: list[tuple[str, str]], _error: object = None) -> None:
            seen.append(int(status[:3]))

        environment = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "placement",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(sent)),
            "HTTP_X_AUTH_TOKEN": "admin",
            "HTTP_ACCEPT": "application/json",
            "HTTP_OPENSTACK_API_VERSION": MICROVERSION,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(sent),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        answer = b"".join(self._application(environment, start))
        return seen[0], json.loads(answer) if answer else None

    def must(self, method: str, path: str, body: object = None, query: str = "") -> Any:
        """Return the body of a call that has to succeed."""
        status, answer = self.call(method, path, body, query)
        if status >= 300:
            raise SystemExit(f"{method} {path}: {status} {answer}")
        return answer


def main() -> None:
    """Set up the pods, replay, report."""
    folder = Path(sys.argv[1]).resolve()
    asked = json.load(sys.stdin)
    service = Service(folder)
    service.must("PUT", f"/resource_classes/{RESOURCE}")
    for number in range(asked["pods"]):
        pod = str(uuid.UUID(int=number + 1))
        service.must("POST", "/resource_providers", {"name": f"pod{number:04}", "uuid": pod})
        service.must(
            "PUT",
            f"/resource_providers/{pod}/inventories",
            {
                "resource_provider_generation": 0,
                "inventories": {RESOURCE: {"total": asked["length"], "max_unit": asked["length"]}},
            },
        )
    (folder / "replayed.json").write_text(json.dumps(replay(service, asked["events"])))


def replay(service: Service, events: list[tuple[str, int, int]]) -> dict[str, Any]:
    """Replay the events. Each claim takes the first candidate of the service."""
    accepted: list[int] = []
    candidates = claims = 0
    looking = claiming = 0.0
    for kind, job, size in events:
        holder = str(uuid.UUID(int=(1 << 64) + job))
        if kind == "release":
            service.call("DELETE", f"/allocations/{holder}")
            continue
        began = time.perf_counter()
        found = service.must("GET", "/allocation_candidates", query=f"resources={RESOURCE}:{size}&limit=1")[
            "allocation_requests"
        ]
        looking += time.perf_counter() - began
        candidates += 1
        if not found:
            continue
        body = {
            "allocations": found[0]["allocations"],
            "project_id": PROJECT,
            "user_id": PROJECT,
            "consumer_generation": None,
        }
        began = time.perf_counter()
        status, _ = service.call("PUT", f"/allocations/{holder}", body)
        claiming += time.perf_counter() - began
        claims += 1
        if status < 300:
            accepted.append(job)
    return {
        "accepted": accepted,
        "candidates": candidates,
        "candidates_seconds": looking,
        "claims": claims,
        "claims_seconds": claiming,
    }


if __name__ == "__main__":
    main()
