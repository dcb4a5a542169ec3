"""Bugs to plant in the audit and its repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.upkeep.audit import rules as audit_rules
from gpu_capacity.upkeep.audit import servers as audit_servers
from gpu_capacity.upkeep.audit.providers import Providers
from proof.planting import Bug

if TYPE_CHECKING:
    from proof.planting import Patches


def _free_without_asking(patches: Patches) -> None:
    patches.replace(Providers, "why_not_free", lambda _self, _part: None)
    patches.replace(audit_rules, "_holders_of", lambda _facts, _tag: [])


def _take_a_lost_record_for_an_end(patches: Patches) -> None:
    patches.replace(audit_servers, "_is_witnessed", lambda _facts, _record: True)


BUGS: Final = (
    Bug("audit-frees-unasked", "an audit frees a domain without asking its provider", _free_without_asking),
    Bug(
        "audit-takes-lost-for-over",
        "an audit deletes servers whose record was lost",
        _take_a_lost_record_for_an_end,
    ),
)
