"""What exists at the service under test: nodes, and the resources that this run has created.

Runs in the fuzzer's environment. By the schema any text is a node and any UUID a VM. With random values most
requests would end with 404 or a refusal and reach no other code. So most well-formed requests get existing
values, and some keep the random ones.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections import deque
from typing import Any, Final

# Nodes that are rented in slices, each with its GPU type, as in testkit/sample_fleet.py.
NODES: Final = (
    ("vm01", "5090"),
    ("vm02", "5090"),
    ("vm03", "5090"),
    ("vm04", "5090"),
    ("vm05", "4090"),
    ("vm06", "4090"),
    ("vm07", "6000pro"),
    ("vm08", "6000pro"),
    ("vm09", "4090"),
    ("vm10", "5090"),
    ("vm11", "5090"),
)
ORGANIZATION: Final = "f0220000-0000-4000-8000-00000000000a"
COLLECTIONS: Final = {
    "/api/v2/reservations": ("metadata", "id"),
    "/api/v2/placements": ("metadata", "id"),
    "/v1alpha1/inference/capacityclaims": ("capacityClaim", "spec", "id"),
    "/vms": ("id",),
    "/ssh-keys": ("id",),
    "/auth/api-keys": ("id",),
}
"""Collections, and the field of the answer to a POST that has the new id."""

LISTED: Final = "/auth/api-keys"
"""The answer to ``POST /auth/api-key`` has no field for the id; this list has."""

STORAGE_GB_MAX: Final = 65_536
LABEL_LENGTH_MAX: Final = 100
PASSWORD_LENGTH_MAX: Final = 256
TEMPLATE_VMID: Final = 101
REMEMBERED_MAX: Final = 12
SPARED: Final = 2
"""This many of each kind are not deleted, so that requests always have something to act on."""
MADE_UP_EVERY: Final = 4
"""One in this many requests keeps the random values."""


class Known:
    """Ids of this run's resources, oldest first. Choices go in turns: the same calls, the same choices."""

    def __init__(self) -> None:
        self._things: dict[str, deque[str]] = {path: deque(maxlen=REMEMBERED_MAX) for path in COLLECTIONS}
        self._ended: set[str] = set()
        self._turns = itertools.count(1)
        self._keys = itertools.count(1)

    def made_up(self) -> bool:
        """Whether this request keeps the random values."""
        return next(self._turns) % MADE_UP_EVERY == 0

    def remember(self, method: str, path: str, parameters: dict[str, Any], body: Any) -> None:
        """Record a success; ``path`` is the one in the document."""
        collection = collection_of(path)
        if collection is None:
            return
        if method == "GET" and path == LISTED:
            known = self._things[LISTED]
            known.extend(entry["id"] for entry in body if entry["id"] not in known)
        elif method == "POST" and path == collection:
            identity = body
            for name in COLLECTIONS[collection]:
                identity = identity[name]
            if identity not in self._things[collection]:
                self._things[collection].append(identity)
        elif method == "DELETE":
            self._ended |= {str(value) for value in parameters.values()}

    def is_known(self, path: str, identity: str) -> bool:
        """Whether this run created it."""
        return identity in self._things.get(collection_of(path) or "", ())

    def one_of(self, path: str, *, to_end: bool = False) -> str | None:
        """Return an id of the path's collection: the next in turn, or with ``to_end`` the oldest."""
        things = self._things.get(collection_of(path) or "", deque())
        there = [identity for identity in things if identity not in self._ended]
        if to_end:
            return there[0] if len(there) > SPARED else None
        choice = there or list(things)
        return choice[next(self._turns) % len(choice)] if choice else None

    def fit(self, body: dict[str, Any]) -> None:
        """Replace the fields of a body of the VM API by existing values."""
        node, gpu_type = NODES[next(self._turns) % len(NODES)]
        fitting = {
            "node": node,
            "gpu_type": gpu_type,
            "storage_gb": min(body.get("storage_gb", 0), STORAGE_GB_MAX),
            "template_vmid": TEMPLATE_VMID,
            "ssh_key_id": self.one_of("/ssh-keys") or body.get("ssh_key_id"),
            "password": _printable(body.get("password", ""))[:PASSWORD_LENGTH_MAX],
            "label": _printable(body.get("label", ""))[:LABEL_LENGTH_MAX],
            "ssh_public_key": self._public_key(),
            "name": _printable(body.get("name", ""))[:LABEL_LENGTH_MAX],
        }
        body.update({field: value for field, value in fitting.items() if field in body})

    def _public_key(self) -> str:
        """Return an Ed25519 public key that no account has yet, without a private key."""
        point = hashlib.sha256(f"key {next(self._keys)}".encode()).digest()
        octets = b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", point))
        return f"ssh-ed25519 {base64.b64encode(octets).decode()} fuzzed"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "x" for character in text)


def collection_of(path: str) -> str | None:
    """Return the collection that a path of the document belongs to."""
    for collection in COLLECTIONS:
        if path == collection or path.startswith(collection + "/{"):
            return collection
    return None
