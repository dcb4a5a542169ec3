// The console: who is signed in, which view is shown, and what goes with every view.

import { get } from "./api.js";
import { problem, say } from "./asking.js";
import { button, el, field, formOf, link, select, show } from "./dom.js";
import { heldView, maintenanceView, outOfSaleView, queuesView, searchView } from "./hardware.js";
import { claimView, holderView, holdersView, rentView } from "./holders.js";
import { live } from "./live.js";
import { mapView } from "./map.js";
import { begin, end } from "./oidc.js";
import { overviewView } from "./overview.js";
import { reserveView } from "./reserve.js";
import * as session from "./session.js";

const VIEWS = {
  overview: overviewView, map: mapView, holders: holdersView, holder: holderView, reserve: reserveView,
  claim: claimView, rent: rentView, search: searchView, held: heldView, sale: outOfSaleView,
  maintenance: maintenanceView, queues: queuesView,
};
const OF_ALL = [["overview", "Overview"], ["map", "Map"], ["holders", "Holders"], ["reserve", "Reserve"]];
const OF_OPERATORS = [["search", "All holders"], ["sale", "Out of sale"], ["queues", "Queues"]];

let configuration = {};
let running = null;
const main = document.getElementById("main");

function places() {
  const person = session.person();
  const isCustomer = person.may("reservations:read") || person.may("capacityclaims:read") || person.may("vms:read");
  return [...OF_ALL.filter(([name]) => isCustomer || ["overview", "map"].includes(name)), ...(person.isOperator ? OF_OPERATORS : [])];
}

function go(...parts) {
  location.hash = `#/${parts.map(encodeURIComponent).join("/")}`;
}

function address() {
  const [name, ...parts] = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  return name in VIEWS ? [name, parts] : ["overview", []];
}

/** Shows the view of the address. */
function route() {
  running?.end();
  running = null;
  const person = session.person();
  if (!person || person.isOver) {
    signedOut(person ? "Your token is over. Sign in again." : "");
    return;
  }
  const [name, parts] = address(), view = VIEWS[name], state = {};
  let found;
  const head = el("h1", { id: "title" }, view.title(...parts));
  const body = el("div", { id: "view", "data-view": [name, ...parts].join("/") }, el("p", {}, "Reading …"));
  document.title = `${head.textContent} – GPU capacity`;
  show(document.getElementById("nav"), places().map(([one, text]) => el("a", { href: `#/${one}`, "aria-current": one === name ? "page" : null }, text)));
  top(person);
  main.replaceChildren(head, body);
  const redraw = () => {
    if (found !== undefined && body.isConnected) show(body, view.draw(found, state, tools, parts));
  };
  const tools = { redraw, go, again: () => running?.again() };
  running = live(() => view.read(parts, state), (read) => {
    found = read;
    redraw();
  }, (error) => {
    if (error.status === 401) signedOut(error.message);
    else show(body, problem(error));
  });
}

function top(person) {
  const out = () => {
    session.signOut();
    location.hash = "";
    route();
  };
  show(document.getElementById("who"),
    el("span", { class: "quiet" }, person.name),
    person.organizations.length > 1 && el("label", { class: "field" }, el("span", {}, "Organization"), select("organization", person.organizations, session.organization(), {
      onchange: (event) => {
        session.chooseOrganization(event.target.value);
        route();
      },
    })),
    button("Sign out", out));
}

function signedOut(message) {
  running?.end();
  const enter = (event) => {
    event.preventDefault();
    session.signIn(formOf(event.target).token);
    if (session.person()) route();
    else signedOut("This is no token that can be read.");
  };
  show(document.getElementById("nav"));
  show(document.getElementById("who"));
  document.title = "Sign in – GPU capacity";
  show(main, el("h1", { id: "title" }, "Sign in"),
    message && el("p", { role: "alert", class: "problem" }, message),
    configuration.issuer && el("p", {}, button("Sign in with your account", () => begin(configuration).catch((error) => signedOut(error.message)), { class: "strong" })),
    el("form", { class: "filters", onsubmit: enter },
      field("Token", el("textarea", { name: "token", rows: "4", required: true, autocomplete: "off", spellcheck: "false" })),
      el("button", { class: configuration.issuer ? null : "strong" }, "Sign in with the token")),
    el("p", { class: "quiet" }, "The token stays in this tab. It is gone when you close it or sign out."));
}

async function start() {
  session.takeFromAddress();
  let message = "";
  try {
    configuration = await get("/console/config.json");
    session.configure(configuration);
    await end(configuration);
  } catch (error) {
    message = error.message;
  }
  if (message) signedOut(message);
  else route();
  window.addEventListener("hashchange", () => {
    // A link with a token may be followed in a tab that is open.
    session.takeFromAddress();
    say("");
    route();
    main.focus();
  });
}

start();
