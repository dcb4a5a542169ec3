"""A server on 127.0.0.1 with answers of NetBox 4, in the form of its published schema."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class NetBox:
    """Devices and racks, served in pages.

    Attributes:
        asked: path, query and credentials of each request.
        broken: instead of answers: a status and a body.
    """

    url: str = ""
    devices: list[dict[str, Any]] = field(default_factory=list)
    racks: list[dict[str, Any]] = field(default_factory=list)
    page: int = 50
    asked: list[tuple[str, dict[str, list[str]], str | None]] = field(default_factory=list)
    broken: tuple[int, bytes] | None = None

    def rack(self, number: int, name: str, position: object) -> None:
        """Add a rack."""
        self.racks.append(
            {
                **_brief(self.url, "racks", number, name),
                "site": _brief(self.url, "sites", 1, "Texas 1", "us-tex-1"),
                "location": _brief(self.url, "locations", 1, "Hall 2", "hall-2"),
                "status": {"value": "active", "label": "Active"},
                "u_height": 48,
                "custom_fields": {"position": position},
            }
        )

    def device(self, name: str, rack: int | None, unit: float | None, **custom_fields: object) -> None:
        """Add a device, in a rack that was added."""
        number = len(self.devices) + 1
        in_rack = [each for each in self.racks if each["id"] == rack]
        self.devices.append(
            {
                **_brief(self.url, "devices", number, name),
                "device_type": _brief(self.url, "device-types", 1, "GB300 tray", "gb300-tray"),
                "role": _brief(self.url, "device-roles", 1, "GPU host", "gpu-host"),
                "site": _brief(self.url, "sites", 1, "Texas 1", "us-tex-1"),
                "location": _brief(self.url, "locations", 1, "Hall 2", "hall-2") if in_rack else None,
                "rack": _brief(self.url, "racks", rack or 0, in_rack[0]["name"]) if in_rack else None,
                "position": unit,
                "face": {"value": "front", "label": "Front"},
                "status": {"value": "active", "label": "Active"},
                "custom_fields": custom_fields,
            }
        )

    def answer(self, path: str, query: dict[str, list[str]]) -> dict[str, Any]:
        """The page of a list."""
        kind, asked = (self.devices, "name") if path.endswith("/devices/") else (self.racks, "id")
        found = [each for each in kind if str(each[asked]) in query.get(asked, [])]
        start = int(query.get("offset", ["0"])[0])
        shown = found[start : start + self.page]
        rest = "&".join(f"{asked}={value}" for value in query.get(asked, []))
        end = start + self.page
        following = f"{self.url}{path}?limit={self.page}&offset={end}&{rest}" if end < len(found) else None
        return {"count": len(found), "next": following, "previous": None, "results": shown}


def _brief(url: str, kind: str, number: int, name: str, slug: str | None = None) -> dict[str, Any]:
    found = {"id": number, "url": f"{url}/api/dcim/{kind}/{number}/", "display": name, "name": name}
    return found | ({} if slug is None else {"slug": slug})


@contextmanager
def running_netbox() -> Iterator[NetBox]:
    """Serve on a free port for the time of the block."""
    netbox = NetBox()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            netbox.asked.append((parts.path, query, self.headers.get("Authorization")))
            status, body = netbox.broken or (200, json.dumps(netbox.answer(parts.path, query)).encode())
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{netbox.url}/elsewhere")
            self.send_header("Content-Type", "application/json")
            self.send_header("API-Version", "4.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    netbox.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield netbox
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
