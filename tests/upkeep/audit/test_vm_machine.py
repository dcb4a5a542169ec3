"""Requests, workflow steps, schedules and faults in any order: once everything has settled, an audit is
clean.
"""

from __future__ import annotations

import pytest
from hypothesis.stateful import invariant

from gpu_capacity.upkeep.audit.run import audit_holders
from testkit.searching import examples
from tests.upkeep.audit.scene import auditor_of
from tests.vms.test_vm_machine import Vms

pytestmark = pytest.mark.slow


class AuditedVms(Vms):
    @invariant()
    def an_audit_suspects_nothing(self) -> None:
        world = self.scene.world
        self.looking = True
        report = audit_holders(auditor_of(world))
        self.looking = False
        assert (report.reported, report.unjudged) == ((), ())


TestAuditedVms = AuditedVms.TestCase
TestAuditedVms.settings = examples(10, stateful_step_count=30)
