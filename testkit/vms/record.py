"""A VM record that tests vary, and the key of another one."""

from __future__ import annotations

from gpu_capacity.vms.record import AuthMethod, RentalType, Vm, VmStatus
from testkit.vms.scene import GPU5090, POD, REGION
from testkit.world import ORGANIZATION

OTHER = (ORGANIZATION, "e0d457bf-39a1-490a-8d72-97f0009aee43")
VM = Vm(
    id="d0d457bf-39a1-490a-8d72-97f0009aee43",
    organization_id=ORGANIZATION,
    subject="user-1",
    node="vm01",
    region_id=REGION,
    flavor_id=GPU5090.id,
    pod_id=POD,
    position=0,
    host_id="host-vm01",
    gpu_type="5090",
    gpu_count=2,
    storage_gb=100,
    ram_gb=1,
    cpu_cores=1,
    cpu_model="EPYC",
    pcie_gen="5.0",
    template_vmid=1,
    rental_type=RentalType.ON_DEMAND,
    auth_method=AuthMethod.SSH_KEY,
    status=VmStatus.RUNNING,
    created_at=1,
    instance_label="x",
    gpus=0b1100,
    runs=1,
)
