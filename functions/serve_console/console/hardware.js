// What operators do with hardware: cordons, quarantines, maintenances.

import { get, list, path, send } from "./api.js";
import { ask, attempt } from "./asking.js";
import { button, el, facts, link, select, status, table, when } from "./dom.js";

const HOUR = 3_600_000;

function reason(label = "Reason") {
  return [label, el("input", { name: "reason", required: true, maxlength: "255" })];
}

function targetOf(pod, rack, host) {
  return host ? { hostId: host.id } : rack ? { podId: pod.id, domainId: rack.id } : { podId: pod.id };
}

function called({ podId, domainId, hostId }) {
  return hostId ?? domainId ?? podId ?? "the whole region";
}

/** Buttons for a rack or a host. */
export function hardwareActions(region, pod, rack, { again }, host) {
  const target = targetOf(pod, rack, host), name = called(target);
  const act = async (done, work) => {
    await attempt(done, work);
    again();
  };
  const cordon = async () => {
    const given = await ask(`Cordon ${name}?`, "Cordon", {
      detail: "Nothing new is placed there. Whoever holds it keeps it.", fields: [reason()],
    });
    if (given) await act(`${name} is cordoned.`, () => send("POST", path`/operator/v1/regions/${region}/cordons`, { target, ...given }));
  };
  const lift = () => act(`The cordon of ${name} is lifted.`, () => send(
    "DELETE", path`/operator/v1/regions/${region}/cordons`, undefined,
    { podID: target.podId, domainID: target.domainId, hostID: target.hostId }));
  const quarantine = async () => {
    const given = await ask(`Quarantine ${name}?`, "Quarantine", {
      detail: "It counts as failed: its holders read degraded until it is lifted.", fields: [reason("What failed")],
    });
    if (given) {
      await act(`${name} is in quarantine.`, () => send("POST", path`/operator/v1/regions/${region}/quarantines`, { hostId: host.id, ...given }));
    }
  };
  const release = () => act(`The quarantine of ${name} is lifted.`, () =>
    send("DELETE", path`/operator/v1/regions/${region}/quarantines/${host.id}`));
  const { states } = host ?? rack, isCordoned = states.includes("cordoned"), isQuarantined = states.includes("quarantined");
  return el("div", { class: "buttons" },
    // Cordoned may be a host of it, or what it is a part of: it can have a cordon of its own as well.
    button("Cordon", cordon, { "aria-label": `Cordon ${name}` }),
    isCordoned && button("Uncordon", lift, { "aria-label": `Uncordon ${name}` }),
    host && (isQuarantined ? button("Lift quarantine", release, { "aria-label": `Lift the quarantine of ${name}` })
      : button("Quarantine", quarantine, { "aria-label": `Quarantine ${name}` })),
    !host && button("Maintenance", () => planMaintenance(region, target, again), { "aria-label": `Plan a maintenance of ${name}` }));
}

/** Shows whom a maintenance would meet, then plans it. */
async function planMaintenance(region, target, again) {
  const start = new Date(Date.now() + HOUR), end = new Date(Date.now() + 3 * HOUR);
  const local = (time) => new Date(time - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  const given = await ask(`Plan a maintenance of ${called(target)}`, "Show the impact", {
    fields: [reason(),
      ["From", el("input", { name: "from", type: "datetime-local", value: local(start), required: true })],
      ["Until", el("input", { name: "until", type: "datetime-local", value: local(end), required: true })]],
  });
  if (!given) return;
  const body = {
    regionId: region, targets: [target], reason: given.reason,
    startTime: utc(given.from), endTime: utc(given.until),
  };
  const dry = await attempt("This is the impact.", () => send("POST", "/operator/v1/maintenances", body, { dryRun: true }));
  if (!dry) return;
  const { hostCount, freeHostCount, holders } = dry.impact;
  const told = holders.map((one) => `${one.kind} ${one.id} (${one.hosts.length} hosts)`).join(", ");
  const sure = await ask("Plan this maintenance?", "Plan it", {
    detail: `Impact: ${hostCount} hosts, ${freeHostCount} of them free. ${told ? `Holders that read of it: ${told}.` : "Nobody holds any of them."}`,
  });
  if (sure) await attempt("The maintenance is planned.", () => send("POST", "/operator/v1/maintenances", body));
  again();
}

function utc(local) {
  return new Date(local).toISOString().replace(/\.\d+Z$/, "Z");
}

export const outOfSaleView = {
  title: () => "Out of sale",
  async read() {
    const regions = await get("/operator/v1/regions");
    const [cordons, maintenances] = await Promise.all([
      Promise.all(regions.map(async ({ regionId }) =>
        (await get(path`/operator/v1/regions/${regionId}/cordons`)).map((one) => ({ ...one, regionId })))),
      get("/operator/v1/maintenances"),
    ]);
    return { cordons: cordons.flat(), maintenances };
  },
  draw({ cordons, maintenances }, _state, { again }) {
    const lift = async (one) => {
      const { podId, domainId, hostId } = one.target, root = path`/operator/v1/regions/${one.regionId}`;
      await attempt("It is lifted.", () => (one.cause === "quarantine"
        ? send("DELETE", root + path`/quarantines/${hostId}`)
        : send("DELETE", `${root}/cordons`, undefined, { podID: podId, domainID: domainId, hostID: hostId })));
      again();
    };
    const cancel = async (one) => {
      if (!await ask("Cancel this maintenance?", "Cancel it", { detail: one.reason })) return;
      await attempt("It is cancelled.", () => send("DELETE", path`/operator/v1/maintenances/${one.id}`));
      again();
    };
    return [
      el("p", {}, "To take hardware out of sale, choose a rack on the ", link("map", "map"), "."),
      table("Cordons and quarantines", ["Target", "Region", "Cause", "Reason", "Since", "By", "Do"], cordons.map((one) => [
        called(one.target), one.regionId, one.cause ?? "cordon", [one.reason, one.evidence].filter(Boolean).join(": "),
        when(one.since), one.by ?? one.source,
        one.source === "operator" && one.cause !== "maintenance"
          ? button("Lift", () => lift(one), { "aria-label": `Lift the ${one.cause ?? "cordon"} of ${called(one.target)}` }) : ""])),
      table("Maintenances", ["Targets", "Region", "Status", "Window", "Reason", "Impact", "Do"], maintenances.map((one) => [
        link(one.targets.map(called).join(", "), "maintenance", one.id), one.regionId, status(one.status),
        [when(one.startTime), " – ", when(one.endTime)], one.reason,
        one.impact ? `${one.impact.hostCount} hosts, ${one.impact.holders.length} holders` : "",
        ["planned", "open"].includes(one.status) ? button("Cancel", () => cancel(one), { "aria-label": `Cancel ${one.reason}` }) : ""])),
    ];
  },
};

export const maintenanceView = {
  title: () => "Maintenance",
  read: ([id]) => get(path`/operator/v1/maintenances/${id}`),
  draw(one) {
    return [
      facts([["Status", status(one.status)], ["Region", one.regionId], ["Targets", one.targets.map(called).join(", ")],
        ["From", when(one.startTime)], ["Until", when(one.endTime)], ["Reason", one.reason], ["By", one.by]]),
      one.impact && table("Holders that it meets", ["Holder", "Organization", "Status", "Hosts", "Until", "Allowed"],
        one.impact.holders.map((holder) => [link(`${holder.kind} ${holder.id}`, "held", holder.organizationId, holder.kind, holder.id),
          holder.organizationId, status(holder.status), String(holder.hosts.length), when(holder.until), when(holder.allowedTime)])),
      table("Hosts that it has", ["Host", "Pod", "Since", "State"], (one.hosts ?? []).map((host) => [host.hostId, host.podId, when(host.since),
        host.returningSince ? "coming back" : host.inMaintenanceSince ? "in maintenance" : host.serverStopped ? "server stopped" : "held"])),
    ];
  },
};

export const queuesView = {
  title: () => "Queues",
  async read() {
    const [queues, unsettled] = await Promise.all([get("/operator/v1/queues"), list("/operator/v1/unsettled")]);
    return { queues, unsettled };
  },
  draw({ queues, unsettled }) {
    const waiting = queues.filter((queue) => queue.waiting.length);
    return [
      waiting.length ? waiting.map((queue) => table(`${queue.instanceType} in ${queue.regionId}`, ["Place", "Claim", "Organization", "Asked for", "Still waits for", "Since"],
        queue.waiting.map((one) => [String(one.place), link(one.name ?? one.id, "held", one.organizationId, "capacityClaim", one.id),
          one.organizationId, String(one.instanceCount), String(one.pendingInstanceCount), when(one.creationTime)])))
        : el("p", { class: "quiet" }, "Nobody waits."),
      table("Work that is left", ["Holder", "Organization", "Status", "Waits for", "Since"], unsettled.map((one) => [
        link(`${one.kind} ${one.name ?? one.id}`, "held", one.organizationId, one.kind, one.id), one.organizationId,
        status(one.status), one.waitsFor, when(one.unsettledSince)])),
    ];
  },
};

export const searchView = {
  title: () => "Holders of all organizations",
  async read(_parts, state) {
    const regions = (await get("/operator/v1/regions")).map((region) => region.regionId);
    return { regions, holders: await list("/operator/v1/holders", state.asked ?? {}) };
  },
  draw({ regions, holders }, state, { again }) {
    const change = (event) => {
      state.asked = { ...state.asked, [event.target.name]: event.target.value.trim() };
      again();
    };
    return [
      el("form", { class: "filters", onsubmit: (event) => event.preventDefault() },
        el("label", { class: "field" }, el("span", {}, "Region"), select("regionID", [["", "all"], ...regions], "", { onchange: change })),
        el("label", { class: "field" }, el("span", {}, "Kind"),
          select("kind", [["", "all"], "reservation", "placement", "capacityClaim", "vm"], "", { onchange: change })),
        el("label", { class: "field" }, el("span", {}, "Organization"), el("input", { name: "organizationID", onchange: change })),
        el("label", { class: "field" }, el("span", {}, "Host (with its region)"), el("input", { name: "hostID", onchange: change }))),
      table("Holders", ["Holder", "Kind", "Organization", "Status", "Regions", "Created"], holders.map((one) => [
        link(one.name || one.id, "held", one.organizationId, one.kind, one.id), one.kind, one.organizationId,
        status(one.status), one.regionIds.join(", "), when(one.creationTime)])),
    ];
  },
};

export const heldView = {
  title: ([, kind]) => `A holder: ${kind}`,
  read: ([organizationId, kind, id]) => get(path`/operator/v1/organizations/${organizationId}/holders/${kind}/${id}`),
  draw(one, _state, { again }) {
    const remove = async () => {
      const given = await ask(`Delete ${one.kind} ${one.name || one.id} of ${one.organizationId}?`, "Delete it", {
        detail: "Its owner reads the reason. What depends on it goes as well.", fields: [reason()],
      });
      if (!given) return;
      await attempt("It is being deleted.", () => send("POST",
        path`/operator/v1/organizations/${one.organizationId}/holders/${one.kind}/${one.id}/force-delete`, given));
      again();
    };
    return [
      facts([["Status", status(one.status)], ["Name", one.name], ["Id", one.id], ["Organization", one.organizationId], ["Project", one.projectId],
        ["Regions", one.regionIds.join(", ")], ["Created", when(one.creationTime)], ["By", one.createdBy],
        ["Unsettled since", when(one.unsettledSince)], ["Failure", one.failure], ["Removal", one.removal]]),
      el("p", { class: "buttons" }, button("Delete", remove, { class: "danger" })),
      table("Hardware", ["Domain", "Pod", "Region", "Hosts", "GPUs"], (one.parts ?? []).map((part) => [part.domainId ?? String(part.position), part.podId, part.regionId,
        (part.hostIds ?? []).join(", "), part.gpus === undefined ? "" : String(part.gpus)])),
    ];
  },
};
