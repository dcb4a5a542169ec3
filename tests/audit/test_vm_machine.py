"""Requests, workflow steps, schedules and faults in any order: whenever all is still, an audit is clean."""

from __future__ import annotations

from hypothesis.stateful import invariant

from gpu_capacity.dynamodb.audit_store import AuditDatabase, AuditStore
from gpu_capacity.services.audit_upkeep import findings_of
from testkit.searching import examples
from tests.audit.scene import TABLES
from tests.vms.core.test_vm_machine import Vms


class AuditedVms(Vms):
    @invariant()
    def an_audit_suspects_nothing(self) -> None:
        world = self.scene.world
        self.looking = True
        facts = AuditStore(AuditDatabase(world.db), TABLES, world.pause).read_all()
        self.looking = False
        assert findings_of(facts) == []


TestAuditedVms = AuditedVms.TestCase
TestAuditedVms.settings = examples(10, stateful_step_count=30)
