"""Durations and rates that operators configure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Durations in seconds and rates, from the settings.

    A rate of 0 means no limit. With 0 ``repeat_seconds`` repeated requests without a key are not recognized.
    """

    provisioning_seconds_max: int = 1500
    teardown_seconds_max: int = 900
    reconcile_grace_seconds: int = 60
    maintenance_notice_seconds: int = 86_400
    vm_notice_seconds: int = 120
    vm_start_seconds_max: int = 900
    destroyed_vm_seconds: int = 30 * 86_400
    vm_reads_per_minute: int = 120
    vm_writes_per_minute: int = 30
    reads_per_minute: int = 0
    writes_per_minute: int = 0
    repeat_seconds: int = 0

    @property
    def holding_seconds_max(self) -> int:
        """How long a provider may take to hold a host: so that there is time to hold others instead."""
        return max(1, self.provisioning_seconds_max // 5)
