"""Descriptions of the parts for docs/benchmarks.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ABOUT: Final[Mapping[str, str]] = {
    "cost": """\
Units and round trips of one reservation of N racks, as the tests' in-memory DynamoDB reports them (the
contract suite compares it with others), in a pod of 72 racks without a rival. *Failures counted in* has
20 claimants over 80 pods who all want N racks at once; lost races are billed to the claims that stood.
The servers of placements take 300 s for an image.""",
    "contention": """\
Claimants reserve without a pause, by `create_reservation` itself, over in-memory tables in virtual time
with published DynamoDB latencies; pods have 72 racks, sizes are 1, 2 and 4. Brackets have the least and
the greatest of the seeds. The plot and the data compare with one transaction over pod and record.""",
    "quality": """\
Poisson arrivals on 20 pods of 18 domains; three mixes of sizes. The bound is a linear program that knows
the whole trace and needs neither contiguity nor pods; a point is a hundredth of it. *Any units in one
pod* gives up contiguity. The data compares with best, first and worst fit, buddy and random.""",
    "slices": """\
GPU-hours that slices of nodes accept on a public trace of 6,203 tasks (openb), beside the fragmentation
gradient that was published with it.""",
    "decision-time": """\
Processor time of a choice, by pods × domains of a region, at the worst load and size, beside a best fit
that looks at one unit after the other.""",
    "cold-start": """\
Processor time of imports in fresh interpreters, and of the first request on top of them.""",
    "warm-path": """\
Requests to the database in a warm environment. The data has the processor time of our code and its
libraries.""",
    "fleet-sync": """\
The sync of 10,000 racks of 18 hosts, against tables in memory.""",
    "peers": """\
The beginning of a trace of mixed sizes on 20 pods of 18, sent to Slurm's controller (advance
reservations) and to OpenStack Placement (one resource provider for each pod). Neither promises
contiguity.""",
    "healing": """\
Hosts fail while 1,000 orders of 8 racks (144 hosts) are provisioned one after the other. Then hosts lose
the servers of full orders, five a minute, over 1,152 hosts of the simulated provider in memory; the
watch runs every minute. Slurm gets as many faults under reservations that replace nodes which go down.""",
    "scale": """\
10,000 racks, 1,000,000 holders and 1,000 reservations a second for one region and flavor, computed from
the parts above, beside published limits and prices. The data names every limit and what lifts it.""",
}
"""By name of the part."""
