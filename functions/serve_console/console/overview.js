// What each region offers, and what the organization may have.

import { get, path } from "./api.js";
import { el, link, table } from "./dom.js";
import { organization, person } from "./session.js";

function bar(value, most, about) {
  return el("span", { class: "bar" },
    el("progress", { value: String(value), max: String(Math.max(most, 1)), "aria-label": about }), ` ${value}`);
}

export const overviewView = {
  title: () => "Overview",
  async read() {
    const own = organization();
    const [units, offers, parameters, quotas] = await Promise.all([
      person().may("reservations:read") || person().isOperator ? get(path`/api/v2/organizations/${own}/reservation-units`) : [],
      get("/search"),
      person().may("capacityclaims:read") ? get("/v1alpha1/inference/capacityclaims/parameters") : { zoneInstanceTypes: {} },
      person().may("reservations:read") ? get("/api/v2/quotas", { organizationID: own }) : [],
    ]);
    return { units, offers, zones: parameters.zoneInstanceTypes, quotas };
  },
  draw({ units, offers, zones, quotas }) {
    return [
      table("Racks", ["Region", "Sold as", "Free", "Largest run", "All", "Do"], units.map((unit) => {
        const name = `${unit.accelerator} ${unit.unit}`;
        return [link(unit.regionId, "map", unit.regionId), name,
          bar(unit.availableUnitCount, unit.totalCount, `${name} free in ${unit.regionId}`),
          bar(unit.largestContiguousUnitCount, unit.totalCount, `largest run of ${name} in ${unit.regionId}`),
          String(unit.totalCount),
          person().may("reservations:create") ? el("a", {
            href: `#/reserve/${[unit.regionId, unit.accelerator, unit.unit].map(encodeURIComponent).join("/")}`,
            "aria-label": `Reserve ${name} in ${unit.regionId}`,
          }, "Reserve") : ""];
      })),
      table("Instances", ["Zone", "Types"], Object.entries(zones).map(([zone, { instanceIds }]) => [zone, instanceIds.join(", ")])),
      table("GPUs of nodes, for VMs", ["Node", "Type", "Free", "Where"], largest(offers).map((offer) => [
        offer.node, offer.gpu_type, bar(offer.gpu_count, 8, `GPUs free on ${offer.node}`), offer.location])),
      table("Quotas", ["Of", "Used", "Limit"], quotas.map((quota) => [quota.subject,
        bar(quota.used, quota.limit, `${quota.subject} used`), String(quota.limit)])),
    ];
  },
};

/** The largest offer of each node. */
function largest(offers) {
  const found = new Map();
  for (const offer of offers) {
    const key = `${offer.node} ${offer.gpu_type}`;
    if (!found.has(key) || found.get(key).gpu_count < offer.gpu_count) found.set(key, offer);
  }
  return [...found.values()];
}
