// What a region looks like: pods as rows, racks as cells, and who has them as far as the caller may know.

export const CELLS = {
  free: ["·", "held by nobody"],
  mine: ["", "held by a holder of the list"],
  held: ["■", "held by somebody else"],
  partly: ["▪", "held in part"],
  cordoned: ["⊘", "cordoned"],
  maintained: ["⚒", "in maintenance"],
  quarantined: ["!", "quarantined"],
  broken: ["–", "incomplete or out of service"],
};

const BY_STATE = [
  ["quarantined", "quarantined"], ["inMaintenance", "maintained"], ["outOfService", "broken"],
  ["incomplete", "broken"], ["held", "held"], ["partlyHeld", "partly"], ["cordoned", "cordoned"],
];

function cellOf(states) {
  return BY_STATE.find(([state]) => states.includes(state))?.[1] ?? "free";
}

/** The operators' map of a region. */
export function ofOperators(region) {
  const plan = { groups: [], holders: new Map() };
  for (const pod of region.pods) {
    const whole = [...region.states, ...pod.states];
    const racks = pod.domains.map((domain) => {
      const holders = domain.holders.filter((holder) => holder.kind !== "placement");
      const cell = cellOf([...whole, ...domain.states]);
      for (const { kind, id, organizationId } of holders) {
        plan.holders.set(id, { text: `${kind} ${id.slice(0, 8)} of ${organizationId.slice(0, 8)}`, parts: ["held", organizationId, kind, id] });
      }
      return {
        id: domain.id, name: domain.name, cell, states: domain.states, free: domain.freeHostCount,
        count: domain.hostCount, holder: holders.length === 1 ? holders[0].id : null,
        holders: holders.map((holder) => holder.id),
        hosts: domain.hosts?.map((host) => ({
          id: host.id, name: host.name, states: host.states, state: [host.state.replaceAll("_", " "), ...host.states].join(", "),
          holders: host.holders.map((holder) => `${holder.kind} ${holder.id}`).join(", "),
        })),
      };
    });
    put(plan, pod.flavorId, { id: pod.id, name: pod.id, states: whole, racks });
  }
  return plan;
}

/** What an organization sees of a region: its own holders by name, others only as held. */
export function ofCustomers(regions, regionId) {
  const plan = { groups: [], holders: new Map() };
  for (const region of regions.filter((one) => one.regionId === regionId)) {
    for (const projection of region.projections) {
      const own = projection.overlays.reservations;
      for (const [key, { metadata }] of Object.entries(own)) {
        plan.holders.set(key, { text: `reservation ${metadata.name}`, parts: ["holder", "reservation", metadata.id] });
      }
      const sold = projection.reservationUnit;
      for (const pod of projection.topology) {
        put(plan, `${sold.accelerator} ${sold.unit}`, {
          id: pod.id, name: pod.name ?? pod.id.slice(0, 8), states: [], projection,
          racks: pod.domains.map((domain) => rackOf(domain, own, projection.overlays.placements)),
        });
      }
    }
  }
  return plan;
}

function rackOf(domain, own, placements) {
  const mine = new Set(domain.hosts.map((host) => host.reservationRef).filter((key) => key in own));
  const taken = domain.hosts.filter((host) => host.reserved).length;
  const cell = mine.size === 1 ? "held" : taken === 0 ? "free" : taken === domain.hosts.length ? "held" : "partly";
  return {
    id: domain.id, name: domain.name ?? domain.id.slice(0, 8), cell, states: [],
    free: domain.hosts.length - taken, count: domain.hosts.length,
    holder: mine.size === 1 ? [...mine][0] : null, holders: [...mine],
    hosts: domain.hosts.map((host) => ({
      id: host.infrastructureRef, name: host.infrastructureRef,
      state: host.server?.status.powerState ?? (host.reserved ? "reserved" : "free"),
      holders: host.placementRef ? `placement ${placements[host.placementRef]?.metadata.name ?? ""}` : "",
    })),
  };
}

function put(plan, name, pod) {
  let group = plan.groups.find((one) => one.name === name);
  if (!group) plan.groups.push((group = { name, pods: [] }));
  group.pods.push(pod);
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** The sign of a holder on the map; those that are too many share one. */
export function letterOf(plan, holder) {
  return LETTERS[[...plan.holders.keys()].indexOf(holder)] ?? "*";
}

/** The racks that a hash of a topology belongs to: of all runs of free racks, the one that has it. Null if none. */
export async function landing(regions, { regionId, accelerator, unit, count }, hash) {
  for (const region of regions.filter((one) => one.regionId === regionId)) {
    for (const projection of region.projections) {
      const sold = projection.reservationUnit;
      if (sold.accelerator !== accelerator || sold.unit !== unit) continue;
      for (const pod of projection.topology) {
        for (let first = 0; first + count <= pod.domains.length; first += 1) {
          const run = pod.domains.slice(first, first + count);
          if (await hashOf(regionId, sold, pod, run) === hash) return run.map((domain) => domain.id);
        }
      }
    }
  }
  return null;
}

/** As docs/errors.md has it: SHA-256 over canonical JSON. */
async function hashOf(regionId, { accelerator, unit }, pod, run) {
  const units = run.map((domain) => ({
    domainId: domain.id, hostIds: domain.hosts.map((host) => host.infrastructureRef).sort(), podId: pod.id,
  }));
  const text = JSON.stringify({ accelerator, regionId, unit, units });
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256:${[...new Uint8Array(digest)].map((octet) => octet.toString(16).padStart(2, "0")).join("")}`;
}
