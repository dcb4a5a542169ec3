// The map of a region.

import { get, path } from "./api.js";
import { button, el, link, select, table } from "./dom.js";
import { CELLS, letterOf, ofCustomers, ofOperators } from "./plan.js";
import { organization, person } from "./session.js";
import { hardwareActions } from "./hardware.js";

/** Names of the regions that the caller can look at. */
export async function regions() {
  if (person().isOperator) return (await get("/operator/v1/regions")).map((region) => region.regionId);
  const units = await get(path`/api/v2/organizations/${organization()}/reservation-units`);
  return [...new Set(units.map((unit) => unit.regionId))].sort();
}

/** A region as answered: of operators everything, of others what their organization sees. */
export async function read(region) {
  if (person().isOperator) return { map: await get(path`/operator/v1/regions/${region}/map`) };
  return { topology: await get(path`/api/v2/organizations/${organization()}/topology`, { regionID: region }) };
}

export function planOf(found, region) {
  return found.map ? ofOperators(found.map) : ofCustomers(found.topology, region);
}

export const mapView = {
  title: (region) => (region ? `Map of ${region}` : "Map"),
  async read([region], state) {
    const names = await regions();
    const shown = region ?? names[0];
    if (!shown) return { names };
    const query = { hosts: true, podID: state.pod };
    const [seen, detailed] = await Promise.all([
      read(shown), state.pod && person().isOperator ? get(path`/operator/v1/regions/${shown}/map`, query) : null]);
    return { names, region: shown, detailed, ...seen };
  },
  draw(found, state, { redraw, go, again }) {
    if (!found.region) return el("p", {}, "There is no region that you can see.");
    const plan = planOf(found, found.region);
    const choose = (pod, rack) => {
      state.chosen = state.chosen === rack.id ? null : rack.id;
      state.pod = state.chosen && pod.id;
      redraw();
      again();
    };
    return [
      el("p", {}, el("label", { class: "field" }, el("span", {}, "Region"),
        select("region", found.names, found.region, { onchange: (event) => go("map", event.target.value) }))),
      el("div", { class: "split" },
        el("div", {}, drawn(plan, { chosen: state.chosen, choose })),
        el("div", { class: "beside", role: "region", tabindex: "0", "aria-label": "The chosen rack, and the signs" }, panel(plan, found, state, { again }), legend(plan))),
    ];
  },
};

/** A plan as tables. `landing` has the racks on which something would land. */
export function drawn(plan, { chosen, choose, landing = [] } = {}) {
  return plan.groups.map((group) => el("div", { class: "wide", role: "region", tabindex: "0", "aria-label": `Pods of ${group.name}` },
    el("table", { class: "map", "data-key": group.name },
      el("caption", {}, group.name),
      el("tbody", {}, group.pods.map((pod) => el("tr", { "data-key": pod.id },
        el("th", { scope: "row" }, pod.name),
        pod.racks.map((rack) => el("td", { "data-key": rack.id },
          cell(plan, rack, { chosen, choose: choose && (() => choose(pod, rack)), lands: landing.includes(rack.id) })))))))));
}

function cell(plan, rack, { chosen, choose, lands }) {
  const named = rack.holder && ["held", "partly"].includes(rack.cell);
  const sign = lands ? "★" : named ? letterOf(plan, rack.holder) : CELLS[rack.cell][0];
  const about = named ? `${rack.cell === "partly" ? "in part " : ""}${plan.holders.get(rack.holder).text}` : CELLS[rack.cell][1];
  const text = `${rack.name}: ${lands ? "would be yours" : about}${rack.states.length > 1 ? ` (${rack.states.join(", ")})` : ""}`;
  const kind = `cell ${lands ? "lands" : named && rack.cell === "held" ? "mine" : rack.cell}`;
  if (!choose) return el("span", { class: kind, role: "img", "aria-label": text, title: text }, sign);
  return button(sign, choose, {
    class: kind, "aria-label": text, title: text, "aria-expanded": String(chosen === rack.id), "data-rack": rack.id,
  });
}

function panel(plan, { region, detailed }, state, tools) {
  for (const { pods } of plan.groups) {
    for (const pod of pods) {
      const rack = pod.racks.find((one) => one.id === state.chosen);
      if (!rack) continue;
      const known = detailed ? ofOperators(detailed).groups.flatMap((group) => group.pods.flatMap((one) => one.racks)) : [];
      const hosts = rack.hosts ?? known.find((one) => one.id === rack.id)?.hosts;
      return el("section", { "aria-labelledby": "rack", class: "panel" },
        el("h2", { id: "rack" }, `Rack ${rack.name}`),
        el("p", {}, `${rack.free} of ${rack.count} hosts are free. `, rack.states.length ? `It is ${rack.states.join(", ")}.` : ""),
        rack.holders.length > 0 && el("ul", {}, rack.holders.map((id) => el("li", {},
          plan.holders.has(id) ? link(plan.holders.get(id).text, ...plan.holders.get(id).parts) : id))),
        person().isOperator && hardwareActions(region, pod, rack, tools),
        hosts ? table("Hosts", ["Host", "State", "Holders", ...(person().isOperator ? ["Do"] : [])],
          hosts.map((host) => [host.name, host.state, host.holders,
            ...(person().isOperator ? [hardwareActions(region, pod, rack, tools, host)] : [])]))
          : el("p", {}, "Reading its hosts …"));
    }
  }
  return null;
}

function legend(plan) {
  const racks = plan.groups.flatMap((group) => group.pods.flatMap((pod) => pod.racks));
  const holders = [...plan.holders].map(([key, { text, parts }]) => {
    const count = racks.filter((rack) => rack.holder === key).length;
    return count && el("li", {}, el("span", { class: "cell mine", "aria-hidden": "true" }, letterOf(plan, key)), " ",
      link(text, ...parts), `: ${count}`);
  });
  const cells = Object.entries(CELLS).map(([name, [sign, meaning]]) => {
    const count = racks.filter((rack) => rack.cell === name && !(rack.holder && ["held", "partly"].includes(name))).length;
    return count > 0 && el("li", {}, el("span", { class: `cell ${name}`, "aria-hidden": "true" }, sign), ` ${meaning}: ${count}`);
  });
  return el("section", { "aria-labelledby": "legend" }, el("h2", { id: "legend" }, "What the signs mean"),
    el("ul", { class: "legend" }, holders.filter(Boolean), cells));
}
