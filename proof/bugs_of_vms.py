"""Bugs to plant in VMs: their slices, preemption, restarts, ends, and the servers under them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.dynamodb.writes import Check, Put
from gpu_capacity.placement import slices
from gpu_capacity.providers.simulated import vms as simulated_vms
from gpu_capacity.vms import gpus as vm_gpus
from gpu_capacity.vms import lifecycle as vm_lifecycle
from gpu_capacity.vms import preemption as vm_preemption
from gpu_capacity.vms import schedule as vm_schedule
from gpu_capacity.vms import store as vm_store
from gpu_capacity.vms.record import RentalType, Vm, VmStatus
from proof.planting import Bug, under, without

if TYPE_CHECKING:
    from proof.planting import Patches


def _set_gpus_without_comparing(patches: Patches) -> None:
    patches.wrap(vm_gpus, "change_gpus", under(without("d")))


def _write_vms_over_revisions(patches: Patches) -> None:
    patches.wrap(vm_store.VmStore, "_put", under(lambda _: ""))


def _start_on_occupied_gpus(patches: Patches) -> None:
    """The preempted VM's GPUs get another server while its own server is still there."""

    def wrapper(commit: Any) -> Any:
        def committed(self: Any, *actions: Any) -> Any:
            return commit(
                self,
                *(
                    replace(a, condition=None, values={})
                    if isinstance(a, Put) and a.label.startswith("gpu:")
                    else a
                    for a in actions
                ),
            )

        return committed

    patches.wrap(simulated_vms.SimulatedVms, "_commit", wrapper)


def _leave_victims_records(patches: Patches) -> None:
    """The interrupted VMs are written after their preemptor, in another transaction."""

    def wrapper(evict: Any) -> Any:
        def evicted(services: Any, vm: Any, count: int) -> Any:
            class Store:
                def __getattr__(self, name: str) -> Any:
                    return getattr(services.vms, name)

                def update(self, changes: Any, pod: Any = None) -> Any:
                    outcome = services.vms.update(changes[:1], pod)
                    if not isinstance(outcome, Refused):
                        services.vms.update(changes[1:])
                    return outcome

            return evict(replace(services, vms=Store()), vm, count)

        return evicted

    patches.wrap(vm_lifecycle, "evict", wrapper)


def _forget_marks(patches: Patches) -> None:
    patches.wrap_everywhere(vm_preemption.notices_withdrawn, lambda _taken: lambda _services, _vm: [])


def _keep_gpus_at_the_end(patches: Patches) -> None:
    def settle(services: Any, vm: Any, settled: Any) -> bool:
        after = vm_gpus.without_notice(replace(settled, gpus=vm.gpus))
        return not isinstance(services.vms.update([(vm, after)]), Refused)

    patches.replace(vm_lifecycle, "_settle", settle)


def _release_under_a_server(patches: Patches) -> None:
    patches.replace(vm_lifecycle, "_has_left", lambda _services, _vm: True)
    patches.wrap(
        vm_lifecycle,
        "sweep_vm_server",
        lambda sweep: lambda services, *more: {**sweep(services, *more), "outcome": "gone"},
    )


def _end_terms_under_servers(patches: Patches) -> None:
    """The end of a term releases the GPUs of a running VM, too."""

    def end(services: Any, vm: Any) -> Any:
        if vm.rental_type.value != "reserved" or not vm.gpus:
            return False
        after = replace(vm, rental_type=RentalType.ON_DEMAND, reservation_id=None)
        freed = vm_gpus.release(services, vm)
        changes = [(vm, vm_gpus.without_gpus(after)), *freed.others]
        return not isinstance(services.vms.update(changes, freed.pod), Refused) or None

    patches.replace(vm_schedule, "_end_term", end)


def _restart_beside_a_server(patches: Patches) -> None:
    """Interrupted VMs are started again while their last server is still there."""

    def wrapper(restart: Any) -> Any:
        def restarted(services: Any, vm: Any) -> Any:
            return restart(services, replace(vm, unsettled_since=None))

        return restarted

    patches.wrap(vm_schedule, "_restart", wrapper)


def _start_what_is_destroyed(patches: Patches) -> None:
    """The start of a server ignores the status, and the provider ignores the fence."""

    def wrapper(commit: Any) -> Any:
        return lambda self, *actions: commit(
            self, *(a for a in actions if not (isinstance(a, Check) and a.label == "fence"))
        )

    patches.wrap(simulated_vms.SimulatedVms, "_commit", wrapper)
    patches.replace(vm_lifecycle, "_is_starting", lambda _vm: True)


def _take_any_gpus(patches: Patches) -> None:
    patches.replace(
        vm_preemption, "slice_mask", lambda start, size: slices.slice_mask(start, size) << 1 & 0xFF
    )


def _interrupt_anybody(patches: Patches) -> None:
    patches.replace(
        Vm,
        "is_preemptible",
        property(lambda vm: vm.status is VmStatus.RUNNING and vm.preempted_by is None),
    )


def _pass_nothing_on(patches: Patches) -> None:
    """GPUs that a VM releases before its notice ends do not go to the preemptor, which stops waiting."""
    patches.replace(
        vm_gpus, "preemptor_with", lambda heir, left: replace(heir, waits_for=(), wants=0) if left else heir
    )


BUGS: Final = (
    Bug(
        "set-gpus-without-comparing",
        "the GPUs of a node are set without a condition",
        _set_gpus_without_comparing,
    ),
    Bug(
        "write-vms-over-revisions", "a VM's record is written without a condition", _write_vms_over_revisions
    ),
    Bug(
        "start-on-occupied-gpus",
        "a preempted VM's GPUs are used before its server is gone",
        _start_on_occupied_gpus,
        story="preemption",
    ),
    Bug(
        "leave-victims-records",
        "interrupted VMs are not written in the transaction that takes their GPUs",
        _leave_victims_records,
        story="preemption",
    ),
    Bug("forget-marks", "notices are not withdrawn when the preemptor is destroyed", _forget_marks),
    Bug("keep-gpus-at-the-end", "a VM that ends keeps its GPUs", _keep_gpus_at_the_end),
    Bug("release-under-a-vm", "a VM's GPUs are released while its server is there", _release_under_a_server),
    Bug(
        "end-terms-under-servers",
        "the end of a term releases the GPUs of a running server",
        _end_terms_under_servers,
    ),
    Bug(
        "restart-beside-a-server",
        "an interrupted VM is started again while its last server is there",
        _restart_beside_a_server,
        story="stubborn guest",
    ),
    Bug(
        "start-what-is-destroyed", "a server is started for a VM that is destroyed", _start_what_is_destroyed
    ),
    Bug("take-any-gpus", "a slice is placed on other GPUs than the free ones", _take_any_gpus),
    Bug("interrupt-anybody", "VMs of any rental type are preempted", _interrupt_anybody),
    Bug(
        "pass-nothing-on",
        "GPUs that are released before a notice ends do not go to the preemptor",
        _pass_nothing_on,
        orders="preempt x guest leaves",
    ),
)
