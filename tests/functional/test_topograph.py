"""What NVIDIA topograph makes of the two routes: a Slurm `topology.conf` with blocks."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from testkit.handlers import arrangements as given
from testkit.handlers.sample_events import SAMPLE_ID, read, with_query
from testkit.sample_fleet import TRAYS_PER_RACK

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage


class Topograph:
    """Reads as its provider `nscale` does: pages until one is empty, names by id, blocks by NVLink domain."""

    def __init__(self, stage: Stage, page_size: int) -> None:
        self._stage = stage
        self._page_size = page_size

    def instances(self) -> list[dict[str, Any]]:
        """All pages together."""
        found: list[dict[str, Any]] = []
        while True:
            query = {"limit": [str(self._page_size)], "offset": [str(len(found))]}
            event = with_query(read("list_network_paths", "all"), **query)
            answer = self._stage.request("list_network_paths", event)
            assert answer.status == 200, answer
            if not answer.json["results"]:
                return found
            assert len(answer.json["results"]) <= self._page_size
            found += answer.json["results"]

    def names(self) -> dict[str, str]:
        """Names of nodes by ids of instances."""
        answer = self._stage.request_event("list_instance_names", "all")
        return {one["metadata"]["id"]: one["metadata"]["name"] for one in answer.json}

    def topology_conf(self, nodes: frozenset[str]) -> str:
        """The file for these nodes of a cluster."""
        names, blocks = self.names(), defaultdict(list)
        for instance in self.instances():
            if names.get(instance["instance_id"]) in nodes and "block_id" in instance:
                blocks[instance["block_id"]].append(names[instance["instance_id"]])
        lines = [
            f"BlockName=block{number} Nodes={','.join(found)}"
            for number, found in enumerate(blocks.values(), 1)
        ]
        return "\n".join([*lines, f"BlockSizes={min(map(len, blocks.values()))}"])


@pytest.mark.parametrize("page_size", [1, 5, 18, 36, 1000])
def test_pages_together_are_all_hosts_of_the_reservation(stage: Stage, page_size: int) -> None:
    given.provisioned(stage)
    found = Topograph(stage, page_size).instances()
    topology = stage.request_event("get_organization_topology", "all").json
    (overlay,) = (
        projection["overlays"]["reservations"][SAMPLE_ID]
        for region in topology
        for projection in region["projections"]
        if SAMPLE_ID in projection["overlays"]["reservations"]
    )
    units = [set(unit["infrastructureRefs"]) for unit in overlay["units"].values()]
    blocks: dict[str, set[str]] = defaultdict(set)
    for instance in found:
        assert instance["network_node_path"][0] == "uk-lon-1"
        assert instance["network_node_path"][-1] == instance["block_id"]
        blocks[instance["block_id"]].add(instance["instance_id"])
    mine = [hosts for hosts in blocks.values() if hosts in units]
    assert len(mine) == len(units)
    shown = {
        domain["id"]: pod["id"]
        for region in topology
        for projection in region["projections"]
        for pod in projection["topology"]
        for domain in pod["domains"]
    }
    assert {(i["network_node_path"][1], i["block_id"]) for i in found} <= {(p, d) for d, p in shown.items()}


def test_the_servers_of_a_placement_are_blocks_of_racks_by_their_hostnames(stage: Stage) -> None:
    given.placed(stage)
    servers = stage.request_event("list_placement_servers", "all").json
    names = frozenset(server["metadata"]["name"] for server in servers)
    racks: dict[str, list[str]] = defaultdict(list)
    for server in servers:
        racks[server["status"]["topologyPath"][0]].append(server["metadata"]["name"])
    *lines, sizes = Topograph(stage, 7).topology_conf(names).splitlines()
    assert [line.partition(" ")[0] for line in lines] == [
        f"BlockName=block{n + 1}" for n in range(len(racks))
    ]
    listed = {frozenset(line.partition("Nodes=")[2].split(",")) for line in lines}
    assert listed == {frozenset(found) for found in racks.values()}
    assert sizes == f"BlockSizes={min(map(len, racks.values()))}"
    assert all(len(found) <= TRAYS_PER_RACK for found in racks.values())
