// The servers of a placement.

import { get, path, send } from "./api.js";
import { ask, attempt } from "./asking.js";
import { button, el, select, status, table } from "./dom.js";
import { person } from "./session.js";

const FAULTS = ["gpu", "memory", "network", "nvlink", "storage", "power", "thermal", "unreachable", "other"];

export function serversOf(placement) {
  return get(path`/api/v2/placements/${placement}/servers`);
}

export function serversTable(placement, servers, { again }) {
  const act = (server, verb, done, body) => async () => {
    await attempt(done, () => send("POST", path`/api/v2/placements/${placement}/servers/${server.metadata.id}/` + verb, body));
    again();
  };
  const report = async (server) => {
    const given = await ask(`Report a fault of ${server.metadata.name}`, "Report it", {
      detail: "If the host is seen to fail, the server moves to another host of the reservation.",
      fields: [["What fails", select("reason", FAULTS)], ["What you saw", el("input", { name: "text", maxlength: "255" })]],
    });
    if (given) await act(server, "report-fault", "The fault is reported.", given.text ? given : { reason: given.reason })();
  };
  const buttons = (server) => {
    const { name } = server.metadata, { powerState } = server.status;
    return el("span", { class: "buttons" },
      button("Start", act(server, "start", `${name} starts.`), { disabled: powerState !== "Stopped", "aria-label": `Start ${name}` }),
      button("Stop", act(server, "stop", `${name} stops.`), { disabled: powerState !== "Running", "aria-label": `Stop ${name}` }),
      button("Reboot", act(server, "reboot", `${name} reboots.`), { disabled: powerState !== "Running", "aria-label": `Reboot ${name}` }),
      button("Report a fault", () => report(server), { "aria-label": `Report a fault of ${name}` }));
  };
  const may = person().may("placements:operate");
  return table("Servers", ["Server", "Power", "Host", "Address", "Ready", ...(may ? ["Do"] : [])], servers.map((server) => [
    server.metadata.name, status(server.status.powerState), server.status.infrastructureRef, server.status.privateIP ?? "",
    server.status.hostReadinessReason ?? server.status.hostReadiness, ...(may ? [buttons(server)] : [])]));
}
