"""Examples of the VM API: bodies of requests and responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tools.openapi.description import Json

ID: Final = "cafe0d44-0d44-4b50-8888-8dd25736052a"
VM: Final[Json] = {
    "id": ID,
    "vmid": 7364192115955136,
    "user_id": 8755086047644397,
    "node": "vm01",
    "instance_label": "vm01-cafe0d44",
    "gpu_type": "5090",
    "gpu_count": 2,
    "storage_gb": 100,
    "ram_gb": 384,
    "cpu_cores": 48,
    "ip_address": None,
    "status": "creating",
    "created_at": "2026-04-28T10:45:45Z",
    "started_at": None,
    "stopped_at": None,
    "rental_type": "on_demand",
    "reservation_id": None,
    "auto_restart": None,
    "hourly_rate": 1.394,
    "gpu_hourly_rate": 0.69,
    "storage_hourly_rate": 0.014,
    "cpu_model": "AMD EPYC 9654",
    "pcie_gen": "5.0",
    "reserved_until": None,
    "interruption_at": None,
    "interruption_reason": None,
    "failure_reason": None,
}
REQUEST: Final[Json] = {
    "node": "vm01",
    "gpu_type": "5090",
    "gpu_count": 2,
    "storage_gb": 100,
    "template_vmid": 101,
}
PUBLIC_KEY: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4 me"
KEY: Final[Json] = {
    "id": "beef7c1a-5b2e-4d19-9a70-3f1c2d4e5b6a",
    "label": "laptop",
    "key_type": "ssh-ed25519",
    "fingerprint": "SHA256:lbmsoA0yIEcEiVDRnMWuzm+nV+3ZEEpVIURqFoeSspg",
    "created_at": "2026-04-28T10:45:45Z",
}
API_KEY: Final[Json] = {
    "id": "8f8e738d20348604",  # pragma: allowlist secret
    "name": "dashboards",
    "scopes": ["read_only"],
    "created_at": "2026-04-28T10:45:45Z",
    "last_four": "OW2o",
}
NEW_API_KEY: Final[Json] = {
    "api_key": "nv_…",  # pragma: allowlist secret
    "created_at": "2026-04-28T10:45:45Z",
    "message": "Keep this key: it is not shown again. Its id is 8f8e738d20348604.",
}
