"""What a request to rent a VM asks for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from gpu_capacity.vms.login import LoginRequest

if TYPE_CHECKING:
    from gpu_capacity.vms.record import Login, RentalType


@dataclass(frozen=True, slots=True)
class VmRequest:
    """What a request asks for, in valid form: a count of ``GPU_COUNTS``; months if and only if reserved."""

    node: str
    gpu_type: str
    gpu_count: int
    storage_gb: int
    template_vmid: int
    rental_type: RentalType
    reservation_months: int | None
    login: LoginRequest | Login

    def fingerprint(self, identity: str) -> str:
        """A digest that is equal for equal requests.

        Args:
            identity: a UUID: the id that the idempotency key stands for. Salts the hash of a password.
        """
        login = self.login
        parts = [
            self.node,
            self.gpu_type,
            self.gpu_count,
            self.storage_gb,
            self.template_vmid,
            self.rental_type,
            self.reservation_months,
            login.words(UUID(identity).bytes) if isinstance(login, LoginRequest) else login.ssh_key_id,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
