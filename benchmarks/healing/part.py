"""Part "healing": hosts fail while orders are provisioned; then under the servers of full orders.

The latter also under reservations of Slurm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.healing import faults, provisioning, slurm
from benchmarks.report import Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.healing.slurm import Replaced
    from benchmarks.options import Options

FAULTS, ORDERS = 1000, 16
DECISION_SECONDS_MAX: Final = 10
SHOWN_SECONDS_MAX: Final = 120
SCRIPT: Final = "benchmarks/peers/slurm.sh"


def measure(options: Options) -> Section:
    """Let hosts fail under the service, and the same number under Slurm, if that is set up."""
    section = Section("Healing")
    provisioning.add_figures(section, options)
    number, orders = options.sized((FAULTS, ORDERS), (10, 4))
    healing = faults.run(number, orders)
    hosts = orders * faults.RACKS * faults.HOSTS
    section.text(
        f"{healing.faults} faults, {faults.FAULTS_A_MINUTE} a minute, over {orders} orders of "
        f"{faults.RACKS} racks of {faults.HOSTS} hosts ({hosts} hosts, all but {faults.SPARE} spare of each "
        f"rack with a server); a host is repaired after {faults.REPAIR_MINUTES} minutes. The provider loses "
        "the server; the watch runs every minute, and five workflows run one after the other."
    )
    slowest = max(healing.decided)
    section.figure(
        "from noticed to decided, slowest",
        f"{slowest:.2f} s",
        f"at most {DECISION_SECONDS_MAX} s",
        met=slowest <= DECISION_SECONDS_MAX,
    )
    shown = healing.shown
    section.figure(
        "from fault to decided, median · slowest",
        f"{_at(shown, 0.5):.0f} s · {shown[-1]:.0f} s",
        f"visible within {SHOWN_SECONDS_MAX} s",
        met=shown[-1] <= SHOWN_SECONDS_MAX,
    )
    section.figure(
        "servers that have another host",
        f"{healing.replaced} of {healing.faults}",
        "all, where there is room",
        met=healing.replaced == healing.faults,
    )
    section.figure("in the same domain", _share(healing.in_domain, healing.faults), "Slurm: see below")
    section.figure(
        "outside the reservation",
        str(healing.outside),
        "never",
        met=healing.outside == 0,
    )
    section.figure(
        "orders whole in the end",
        f"{healing.saved} of {healing.orders}",
        "all, without the customer doing anything",
        met=healing.saved == healing.orders,
    )
    section.values |= {"decided_seconds_max": slowest, "in_domain": healing.in_domain / healing.faults}
    _compare(section, options, number, orders)
    return section


_BESIDE = ("in the same rack", "outside the racks of the reservation")


def _compare(section: Section, options: Options, number: int, orders: int) -> None:
    folder = options.peers / "slurm"
    if not (folder / "version").is_file():
        section.text(f"Slurm is not set up here (`sh {SCRIPT}`), so there is nothing beside it.")
        return
    version = (folder / "version").read_text().strip()
    replaced = slurm.run(folder, number, orders)
    section.text(
        f"{version}: reservations of as many nodes with `REPLACE_DOWN`, and `topology/tree` with a switch "
        "for each rack, as `topology/block` came with 23.11. It keeps no spare node in each rack, and takes "
        "any."
    )
    for name, shown in _figures(replaced).items():
        section.figure(f"Slurm: {name}", shown, detail=name not in _BESIDE)


def _figures(replaced: Replaced) -> dict[str, str]:
    seconds = sorted(replaced.seconds)
    found = replaced.in_rack + replaced.in_order + replaced.outside
    return {
        "from fault to replaced, median · slowest": f"{_at(seconds, 0.5):.0f} s · {_at(seconds, 1):.0f} s",
        "nodes replaced": f"{found} of {replaced.faults}",
        "in the same rack": _share(replaced.in_rack, replaced.faults),
        "outside the racks of the reservation": _share(replaced.outside, replaced.faults),
    }


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"


def _at(values: Sequence[float], share: float) -> float:
    """The value that this share of the sorted values does not exceed; 0 if there are none."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0
