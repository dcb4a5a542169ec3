"""Checks what this service promises: `python -m proof`, or `make prove`. `docs/proof.md` tells what it found.

turns.py          runs actors one at a time; who goes on is drawn from the seed
faults.py         what may go wrong, when it does, and how often it did
wire.py           DynamoDB as one execution environment sees it: a point of the schedule at every call
fleet.py          the hardware, and the documents that tell of it, poisonous ones included
cloud.py          the service around its tables: environments, executions, events, schedules
ledger.py         after every write, who owns what, and whether that may be
tenants.py        what all clients share; `reservations.py`, `claims.py` and `vms.py` are those of one API
vm_rules.py       what has to hold of VMs after every write
vm_provider.py    the provider of VMs' servers, with trouble
pods.py, linear.py, visible.py   is there an order in which clients could have seen all this?
simulation.py     one seed, from an empty world to a clean slate
lost_records.py   records that are lost, and an audit that repairs what is left of them
scene.py          a stage for one order of calls, and those who act on it
interleavings.py  all orders of the calls of two or three operations
vm_stage.py       the nodes for interleavings, and what is done there
story.py          a run that tells a story, with faults at chosen side effects
crashes.py        every side effect as the last one, and every two of them
bugs.py           planted bugs, each of which has to be found
replay.py         one of these again, by the words in which a violation names it
campaign.py       many of these, over processes, added up
sections.py       what was added up, as sections of docs/proof.md; `tools.reporting` keeps and writes them
"""
