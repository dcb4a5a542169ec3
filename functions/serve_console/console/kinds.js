// The kinds of holders that customers have: where they are read, and how one is shown in a line.

import { get, list, path } from "./api.js";
import { when } from "./dom.js";

const CLAIMS = "/v1alpha1/inference/capacityclaims";

function scoped(one) {
  const { metadata } = one;
  return {
    id: metadata.id, name: metadata.name, status: metadata.provisioningStatus, health: metadata.healthStatus,
    message: [metadata.provisioningStatusDetail?.message, metadata.healthStatusDetail?.message].filter(Boolean).join("; "),
    created: metadata.creationTime, maintenances: one.status.maintenances ?? [],
  };
}

export const KINDS = {
  reservation: {
    plural: "Reservations", reads: "reservations:read", writes: "reservations:delete",
    root: "/api/v2/reservations", list: (query) => list("/api/v2/reservations", query),
    line: (one) => ({ ...scoped(one), where: one.spec.regionId,
      what: `${one.spec.count} × ${one.spec.accelerator} ${one.spec.unit}` }),
    more: (one) => [["Racks claimed", String(one.status.claimedUnitCount)], ["Flavor", one.status.machineFlavorId],
      ["Topology hash", one.status.topologyHash], ["Project", one.metadata.projectId], ["By", one.metadata.createdBy]],
  },
  placement: {
    plural: "Placements", reads: "placements:read", writes: "placements:delete",
    root: "/api/v2/placements", list: (query) => list("/api/v2/placements", query),
    line: (one) => ({ ...scoped(one), where: one.status.regionId,
      what: `${one.status.readyHostCount} of ${one.spec.count} servers ready` }),
    more: (one) => [["Image", one.spec.serverSpec.imageId], ["Policy", one.spec.constraints?.policy],
      ["Network", one.status.networkId], ["In flight", String(one.status.inFlightCount)], ["Stalled", String(one.status.stalledCount)]],
  },
  capacityClaim: {
    plural: "Capacity claims", reads: "capacityclaims:read", writes: "capacityclaims:write", root: CLAIMS,
    list: () => list(CLAIMS, {}, (read) => read.capacityClaims),
    of: (read) => read.capacityClaim,
    line: ({ spec, status }) => ({
      id: spec.id, name: spec.name || spec.id, status: status.status.replace("STATUS_", "").toLowerCase(), health: "",
      where: spec.resources.zones.join(", "),
      what: `${status.allocatedInstances} of ${spec.resources.instanceCount} × ${spec.resources.instanceId}`,
      message: status.pendingInstances ? `${status.pendingInstances} instances wait for capacity` : "",
      created: status.createdAt, maintenances: status.maintenances ?? [],
    }),
    more: ({ status }) => [["Waiting", String(status.pendingInstances)],
      ...status.conditions.map((one) => [[one.type, one.zone].filter(Boolean).join(" in "), [one.message, " ", when(one.lastUpdateTime)]])],
  },
  vm: {
    plural: "VMs", reads: "vms:read", writes: "vms:write", root: "/vms", list: () => get("/vms"),
    line: (one) => ({
      id: one.id, name: one.instance_label || one.id.slice(0, 8), status: one.status, health: "", where: one.node,
      what: `${one.gpu_count} × ${one.gpu_type}`, message: one.rental_type, created: one.created_at,
      maintenances: (one.maintenances ?? []).map((m) => ({ ...m, startTime: m.starts_at, endTime: m.ends_at, forcedTime: m.forced_at })),
    }),
    more: (one) => [["Address", one.ip_address], ["Storage (GB)", String(one.storage_gb)], ["Hourly rate", one.hourly_rate === null ? "" : String(one.hourly_rate)],
      ["Started", when(one.started_at)], ["Stopped", when(one.stopped_at)]],
  },
};

/** One holder and its events, newest first. */
export async function one(kind, id) {
  const { root, of = (read) => read } = KINDS[kind];
  const [holder, events] = await Promise.all([get(root + path`/${id}`), get(root + path`/${id}/events`, { limit: 50 })]);
  return { holder: of(holder), events: events.events ?? events };
}
