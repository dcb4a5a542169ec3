"""Checks what this service promises: `python -m proof`, or `make prove`. `docs/proof.md` has the results.

turns.py          runs actors one at a time; the seed decides which one runs next
faults.py         the kinds of faults, when they strike, and how often they did
profiles.py       the kind of run that a seed is
worlds.py         the tables that a run begins with
wire.py           DynamoDB as one execution environment sees it: every call is a scheduling point
fleet.py          the hardware, and the fleet documents that describe it, valid and invalid
cloud.py          the service around its tables: environments, executions, events, schedules
ledger.py         checks the invariants of ownership after every write
effects.py        what single writes changed in ownership and hardware
tenants.py        what all clients share
reservations.py, placements.py, claims.py, vms.py   the clients of each API
placement_rules.py  the invariants of placements and their servers after every write
host_provider.py  the provider of hosts and of servers on them, with faults
vm_rules.py       the invariants of VMs after every write
vm_provider.py    the provider of VMs' servers, with faults
pods.py, linear.py, visible.py   are the answers that clients got linearizable?
before_faults.py  what customers have before the faults of a run begin
simulation.py     one seed, from empty tables until nothing is left
outcome.py        the result of a seed
lost_records.py   loses records, and lets an audit repair the rest
scene.py          a stage for one order of calls, and its actors
interleavings.py  all orders of the calls of two or three operations
vm_stage.py       the stage for interleavings of VM operations
story.py          a run of one story, with faults at chosen side effects
crashes.py        a crash at every side effect, and at every two of them
bugs.py           planted bugs; the proof has to find each of them
replay.py         replays a schedule or a crash from the text in a violation
campaign.py       many runs over several processes, and their sums
sections.py       the sums as sections of docs/proof.md; `tools.reporting` stores and writes them
"""
