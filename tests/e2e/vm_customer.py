"""A customer of the VM API that rents, polls, and checks the statuses on the way."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.vms.api.test_contract import ANSWER, MORE, SOMETIMES

if TYPE_CHECKING:
    from tests.e2e.stack import Answer, Stack

POLL_SECONDS: Final = 0.25
WAIT_SECONDS_MAX: Final = 60


@dataclass
class VmCustomer:
    """One account. ``passed`` has the statuses that each VM was seen in, in order, by VM id."""

    stack: Stack
    token: str
    organization: str = ""
    project: str = ""
    passed: dict[str, list[str]] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        return self.stack.call(method, path, token=self.token, body=body)

    def add_key(self, label: str) -> dict[str, Any]:
        """Put a new SSH key on the account."""
        added = self.call("POST", "/ssh-keys", {"label": label, "ssh_public_key": new_public_key()})
        assert added.status == 201, added.text
        key: dict[str, Any] = added.json
        return key

    def ask(self, node: str, gpu_type: str, count: int, **more: Any) -> Answer:
        """Ask for a VM."""
        body = {"node": node, "gpu_type": gpu_type, "gpu_count": count, "storage_gb": 100}
        return self.call("POST", "/vms", body | {"template_vmid": 101} | more)

    def rent(self, node: str, gpu_type: str, count: int, **more: Any) -> str:
        """Rent a VM that must be accepted; return its id."""
        answer = self.ask(node, gpu_type, count, **more)
        assert (answer.status, answer.json.get("status")) == (201, "creating"), answer.text
        assert set(answer.json) == set(ANSWER | MORE) - SOMETIMES
        vm_id: str = answer.json["id"]
        self.passed[vm_id] = ["creating"]
        return vm_id

    def read(self, vm_id: str) -> dict[str, Any]:
        """A VM in its current state."""
        answer = self.call("GET", f"/vms/{vm_id}")
        assert answer.status == 200, answer.text
        vm: dict[str, Any] = answer.json
        return vm

    def begin(self, action: str, vm_id: str) -> dict[str, Any]:
        """Stop, start or destroy a VM; return the response."""
        method, path = (
            ("DELETE", f"/vms/{vm_id}") if action == "destroy" else ("POST", f"/vms/{vm_id}/{action}")
        )
        answer = self.call(method, path)
        assert answer.status == 200, answer.text
        vm: dict[str, Any] = answer.json
        self._pass(vm)
        return vm

    def until(self, wanted: dict[str, str]) -> dict[str, dict[str, Any]]:
        """Poll until every VM (by id) has its wanted status; return the organization's VMs by id."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while True:
            listed = self.call("GET", "/vms?limit=200")
            assert listed.status == 200, listed.text
            vms = {vm["id"]: vm for vm in listed.json}
            for vm in vms.values():
                self._pass(vm)
            if all(vms[vm_id]["status"] == status for vm_id, status in wanted.items()):
                return vms
            assert time.monotonic() < deadline, f"{wanted} did not happen, passed {self.passed}"
            time.sleep(POLL_SECONDS)

    def _pass(self, vm: dict[str, Any]) -> None:
        passed = self.passed.setdefault(vm["id"], [])
        if not passed or passed[-1] != vm["status"]:
            passed.append(vm["status"])


def new_public_key() -> str:
    """One line as ``ssh-keygen`` writes it."""
    public = Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() + " somebody@example.com"
