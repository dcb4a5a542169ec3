// Everything that the organization has: the list, and one with its history and what can be done with it.

import { get, path, send } from "./api.js";
import { ask, attempt } from "./asking.js";
import { button, el, facts, field, formOf, link, select, status, table, when } from "./dom.js";
import { KINDS, one } from "./kinds.js";
import { organization, person } from "./session.js";
import { serversOf, serversTable } from "./servers.js";

export const holdersView = {
  title: () => "Holders",
  async read() {
    const organizationID = organization();
    const readable = Object.entries(KINDS).filter(([, kind]) => person().may(kind.reads));
    return Object.fromEntries(await Promise.all(readable.map(async ([name, kind]) => [
      name, (await kind.list(["reservation", "placement"].includes(name) ? { organizationID } : {})).map(kind.line)])));
  },
  draw(found) {
    return [
      el("p", {}, link("Reserve racks", "reserve"), " · ", link("Claim instances", "claim"), " · ", link("Rent a VM", "rent")),
      Object.entries(found).map(([name, lines]) => table(KINDS[name].plural, ["Name", "What", "Where", "Status", "Health", "Says", "Created"],
        lines.map((line) => [link(line.name, "holder", name, line.id), line.what, line.where, status(line.status),
          line.health ? status(line.health) : "", line.message, when(line.created)]))),
    ];
  },
};

export const holderView = {
  title: (kind) => KINDS[kind]?.plural.replace(/s$/, "") ?? "Holder",
  async read([kind, id]) {
    const found = await one(kind, id);
    return { ...found, servers: kind === "placement" ? await serversOf(id) : [] };
  },
  draw({ holder, events, servers }, state, tools, [kind, id]) {
    const { line, more } = KINDS[kind];
    const shown = line(holder);
    return [
      facts([["Name", shown.name], ["Id", shown.id], ["What", shown.what], ["Where", shown.where],
        ["Status", status(shown.status)], ["Health", shown.health && status(shown.health)], ["Says", shown.message],
        ["Created", when(shown.created)], ...more(holder)]),
      actions(kind, holder, shown, tools),
      notices(kind, id, shown, tools),
      kind === "placement" && serversTable(id, servers, tools),
      kind === "reservation" && person().may("placements:create") && placing(holder, tools),
      table("Events", ["Time", "Event", "Status", "Message"], events.map((event) => [
        when(event.time), event.event, event.status, [event.message, event.effective_at ?? event.effectiveAt ? ` (at ${event.effective_at ?? event.effectiveAt})` : ""]])),
    ];
  },
};

function actions(kind, holder, shown, { go, again }) {
  const root = KINDS[kind].root + path`/${shown.id}`;
  if (!person().may(KINDS[kind].writes)) return null;
  const remove = async () => {
    const detail = kind === "reservation" ? "Its placements and their servers go as well. What is on their disks is lost." : "What is on its disks is lost.";
    if (!await ask(`Delete ${shown.name}?`, "Delete it", { detail })) return;
    if (await attempt(`${shown.name} is being deleted.`, () => send("DELETE", root))) go("holders");
  };
  const act = (verb, done) => async () => {
    await attempt(done, () => send("POST", `${root}/${verb}`));
    again();
  };
  return el("p", { class: "buttons" },
    kind === "vm" && button("Start", act("start", "It starts."), { disabled: !["stopped", "interrupted"].includes(holder.status) }),
    kind === "vm" && button("Stop", act("stop", "It stops."), { disabled: holder.status !== "running" }),
    button("Delete", remove, { class: "danger" }));
}

function notices(kind, id, shown, { again }) {
  const allow = async (notice) => {
    if (!await ask("Allow this maintenance to begin earlier?", "Allow it", { detail: "Your servers on its hosts are stopped, and started again when it is over." })) return;
    await attempt("The maintenance is allowed.", () => send("POST", path`/api/v2/reservations/${id}/maintenances/${notice.id}/allow`));
    again();
  };
  return shown.maintenances.length > 0 && table("Maintenances", ["Reason", "Status", "From", "Until", "Forced from", "Do"], shown.maintenances.map((notice) => [
    notice.reason, status(notice.status), when(notice.startTime), when(notice.endTime), when(notice.forcedTime),
    notice.allowedTime ? "allowed" : kind === "reservation" ? button("Allow", () => allow(notice)) : ""]));
}

/** The form that puts servers on a reservation. */
function placing(reservation, { go }) {
  if (reservation.metadata.provisioningStatus !== "provisioned") {
    return el("p", { class: "quiet" }, "Servers can be placed here when it is provisioned.");
  }
  const place = async (event) => {
    event.preventDefault();
    const { name, networkId, count, policy, imageId } = formOf(event.target);
    const made = await attempt("The servers boot.", () => send("POST", "/api/v2/placements", {
      metadata: { name },
      spec: { reservationId: reservation.metadata.id, networkId, count: Number(count), constraints: { policy }, serverSpec: { imageId } },
    }));
    if (made) go("holder", "placement", made.metadata.id);
  };
  return el("details", { "data-key": "placing" }, el("summary", {}, "Place servers here"),
    el("form", { class: "filters", onsubmit: place },
      field("Name", el("input", { name: "name", required: true, value: "workers" })),
      field("Servers", el("input", { name: "count", type: "number", min: "1", value: "4", required: true })),
      field("Network", el("input", { name: "networkId", required: true, value: "training" })),
      field("Image", el("input", { name: "imageId", required: true, value: "ubuntu-24.04" })),
      field("Policy", select("policy", ["pack", "spread"], "spread")),
      el("button", { class: "strong" }, "Place servers")));
}

export const claimView = {
  title: () => "Claim instances",
  read: () => get("/v1alpha1/inference/capacityclaims/parameters"),
  draw({ zoneInstanceTypes }, _state, { go }) {
    const types = [...new Set(Object.values(zoneInstanceTypes).flatMap((zone) => zone.instanceIds))].sort();
    const claim = async (event) => {
      event.preventDefault();
      const { name, instanceId, instanceCount, zone } = formOf(event.target);
      const made = await attempt("The claim is made.", () => send("POST", "/v1alpha1/inference/capacityclaims", {
        name, resources: { instanceId, instanceCount: Number(instanceCount), zones: zone ? [zone] : Object.keys(zoneInstanceTypes).filter((one) => zoneInstanceTypes[one].instanceIds.includes(instanceId)), capacityType: "CAPACITY_TYPE_CUSTOMER" },
      }));
      if (made) go("holder", "capacityClaim", made.capacityClaim.spec.id);
    };
    return el("form", { class: "filters", onsubmit: claim },
      field("Name", el("input", { name: "name", required: true })),
      field("Instance type", select("instanceId", types)),
      field("Instances", el("input", { name: "instanceCount", type: "number", min: "1", value: "1", required: true })),
      field("Zone", select("zone", [["", "every one, in this order"], ...Object.keys(zoneInstanceTypes)])),
      el("button", { class: "strong" }, "Claim"));
  },
};

export const rentView = {
  title: () => "Rent a VM",
  async read() {
    const [offers, templates, keys] = await Promise.all([get("/search"), get("/templates"), get("/ssh-keys")]);
    return { offers, templates, keys };
  },
  draw({ offers, templates, keys }, _state, { go }) {
    if (!offers.length) return el("p", {}, "No node has free GPUs now.");
    if (!keys.length) return el("p", {}, "Add an SSH key to your account first, with the command line or the API.");
    const nodes = [...new Set(offers.map((offer) => `${offer.node} ${offer.gpu_type}`))];
    const rent = async (event) => {
      event.preventDefault();
      const { offer, ...given } = formOf(event.target);
      const [node, ...type] = offer.split(" ");
      const made = await attempt("The VM is being made.", () => send("POST", "/vms", {
        node, gpu_type: type.join(" "), gpu_count: Number(given.gpu_count), storage_gb: Number(given.storage_gb),
        template_vmid: Number(given.template_vmid), rental_type: given.rental_type, auth_method: "ssh_key", ssh_key_id: given.ssh_key_id,
      }));
      if (made) go("holder", "vm", made.id);
    };
    return [
      el("form", { class: "filters", onsubmit: rent },
        field("Node", select("offer", nodes)),
        field("GPUs", select("gpu_count", ["1", "2", "4", "8"])),
        field("Storage (GB)", el("input", { name: "storage_gb", type: "number", min: "1", value: "100", required: true })),
        field("Template", select("template_vmid", templates.map((one) => [String(one.id), one.name]))),
        field("SSH key", select("ssh_key_id", keys.map((key) => [key.id, key.label]))),
        field("Rental", select("rental_type", ["on_demand", "interruptible"])),
        el("button", { class: "strong" }, "Rent it")),
      table("What nodes have free", ["Node", "GPUs", "Type", "A GPU and hour", "Interruptible", "Where"], offers.map((offer) => [
        offer.node, String(offer.gpu_count), offer.gpu_type, String(offer.gpu_price_hourly), String(offer.interruptible_rate ?? ""), offer.location])),
    ];
  },
};
