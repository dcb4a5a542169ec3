// Reserve racks: a dry run follows what is typed and shows on the map where it would land, or says why not.

import { get, path, send } from "./api.js";
import { attempt, problem } from "./asking.js";
import { el, field, formOf, select } from "./dom.js";
import { drawn, read } from "./map.js";
import { landing, ofCustomers } from "./plan.js";
import { organization, person } from "./session.js";

const PAUSE = 300;

function bodyOf(form) {
  const { name, projectId, offer, count } = formOf(form);
  const [regionId, accelerator, unit] = JSON.parse(offer);
  return {
    metadata: { name },
    spec: { organizationId: organization(), projectId, regionId, accelerator, unit, count: Number(count) },
  };
}

export const reserveView = {
  title: () => "Reserve racks",
  read: async () => ({ units: await get(path`/api/v2/organizations/${organization()}/reservation-units`) }),
  draw({ units }, state, { redraw, go }, wanted) {
    if (!units.length) return el("p", {}, "There is nothing that your organization can reserve.");
    const offers = units.map((unit) => [JSON.stringify([unit.regionId, unit.accelerator, unit.unit]),
      `${unit.accelerator} ${unit.unit} in ${unit.regionId}: ${unit.availableUnitCount} free`]);
    const chosen = offers.find(([key]) => key === JSON.stringify(wanted))?.[0];
    const projects = person().projects;
    const form = () => document.getElementById("reserve");
    const later = () => {
      clearTimeout(state.timer);
      state.timer = setTimeout(() => tryOut(form(), state, redraw), PAUSE);
    };
    if (!state.begun) {
      state.begun = true;
      later();
    }
    const reserve = async (event) => {
      event.preventDefault();
      const made = await attempt("The racks are reserved.", () => send("POST", "/api/v2/reservations", bodyOf(event.target)));
      if (made) go("holder", "reservation", made.metadata.id);
    };
    return [
      el("form", { id: "reserve", class: "filters", onsubmit: reserve, oninput: later, onchange: later },
        field("Racks of", select("offer", offers, chosen)),
        field("How many", el("input", { name: "count", type: "number", min: "1", max: "1000", value: "1", required: true })),
        field("Name", el("input", { name: "name", required: true, value: "training" })),
        field("Project", projects.includes("*") || !projects.length ? el("input", { name: "projectId", required: true }) : select("projectId", projects)),
        el("button", { class: "strong", disabled: Boolean(state.refusal) }, "Reserve")),
      outcome(state),
    ];
  },
};

function outcome({ refusal, found }) {
  if (refusal) return [problem(refusal), figures(refusal.body?.capacity), found && drawn(found.plan)];
  if (!found) return el("p", { role: "status" }, "Trying it out …");
  const racks = found.plan.groups.flatMap((group) => group.pods.flatMap((pod) => pod.racks.map((rack) => ({ ...rack, pod: pod.name }))))
    .filter((rack) => found.lands?.includes(rack.id));
  return [
    el("p", { role: "status", id: "lands" }, racks.length
      ? `It would land on ${racks.map((rack) => rack.name).join(", ")} of ${racks[0].pod}. Nothing is reserved yet.`
      : "It fits. Nothing is reserved yet."),
    drawn(found.plan, { landing: found.lands ?? [] }),
  ];
}

function figures(capacity) {
  if (!capacity) return null;
  const { requestedUnitCount: asked, availableUnitCount: free, largestContiguousUnitCount: run, excluded = {} } = capacity;
  return el("p", {}, `Asked for: ${asked}. Free: ${free}. Largest run: ${run}. `,
    `Out of the question: ${excluded.claimed ?? 0} claimed, ${excluded.cordoned ?? 0} cordoned, ${excluded.incomplete ?? 0} incomplete.`);
}

/** One dry run; a later one makes its answer void. */
async function tryOut(form, state, redraw) {
  if (!form?.checkValidity()) return;
  const body = bodyOf(form), turn = (state.turn = (state.turn ?? 0) + 1);
  const [tried, seen] = await Promise.allSettled([
    send("POST", "/api/v2/reservations", body, { dryRun: true }), read(body.spec.regionId),
  ]);
  if (turn !== state.turn) return;
  state.refusal = tried.status === "rejected" ? tried.reason : null;
  state.found = null;
  const topology = seen.status === "fulfilled" ? seen.value.topology : undefined;
  if (topology) {
    const hash = tried.value?.status.topologyHash;
    const lands = hash ? await landing(topology, body.spec, hash) : null;
    if (turn !== state.turn) return;
    const own = topology.map((region) => ({ ...region, projections: region.projections.filter(({ reservationUnit: sold }) =>
      sold.accelerator === body.spec.accelerator && sold.unit === body.spec.unit) }));
    state.found = { plan: ofCustomers(own, body.spec.regionId), lands };
  } else if (!state.refusal) state.found = { plan: { groups: [], holders: new Map() } };
  redraw();
}
