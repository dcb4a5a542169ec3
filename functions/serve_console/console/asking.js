// Asks before what cannot be taken back, and says what happened.

import { button, el, field, formOf, show } from "./dom.js";

/** Asks in a dialog. Returns what the form has, or null if the answer is no. */
export function ask(question, verb, { detail, fields = [] } = {}) {
  const dialog = document.getElementById("ask");
  return new Promise((answered) => {
    const close = (answer) => {
      dialog.close();
      answered(answer);
    };
    const form = el("form", {
      onsubmit: (event) => {
        event.preventDefault();
        close(formOf(event.target));
      },
    },
    el("h2", { id: "question" }, question), detail && el("p", {}, detail),
    fields.map(([label, control]) => field(label, control)),
    el("p", { class: "buttons" }, button("Leave it", () => close(null)), el("button", { class: "strong" }, verb)));
    dialog.replaceChildren(form);
    dialog.oncancel = () => answered(null);
    dialog.showModal();
  });
}

/** Says something to everybody, also to those who listen. */
export function say(text) {
  show(document.getElementById("said"), text);
}

/** Shows an error: the API's own message, and what helps. */
export function problem(error) {
  return el("div", { class: "problem", role: "alert" },
    el("p", {}, el("strong", {}, error.message)),
    error.help && el("p", {}, error.help),
    error.trace && el("p", { class: "quiet" }, "Trace id ", el("code", {}, error.trace)));
}

/** Runs what a button does: says that it is done, or what went wrong. */
export async function attempt(done, work) {
  try {
    const result = await work();
    say(done);
    return result ?? true;
  } catch (error) {
    say(`${error.message} ${error.help ?? ""}`.trim());
    return null;
  }
}
