// Builds nodes and brings what is shown up to date. Data becomes text and attributes, never markup.

const LISTENER = /^on/;

/** A node. Properties that begin with "on" are listeners; null and false leave an attribute out. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (LISTENER.test(name)) listen(node, name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...flat(children));
  return node;
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Listeners stand beside the node, so that a node that stays can get those of its successor. */
function listen(node, type, listener) {
  node.listeners ??= {};
  if (!(type in node.listeners)) node.addEventListener(type, (event) => node.listeners[type]?.(event));
  node.listeners[type] = listener;
}

/** Makes the children of a node what is given. Focus, what was typed, and opened details stay. */
export function show(parent, ...children) {
  const holder = document.createElement("div");
  holder.append(...flat(children));
  morphChildren(parent, [...holder.childNodes]);
}

function alike(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);
}

function keyOf(node) {
  return node.dataset?.key;
}

function morphChildren(parent, wanted) {
  let place = parent.firstChild;
  for (const fresh of wanted) {
    let old = place;
    if (keyOf(fresh) !== undefined) while (old && !alike(old, fresh)) old = old.nextSibling;
    if (old && alike(old, fresh)) {
      if (old !== place) parent.insertBefore(old, place);
      else place = place.nextSibling;
      morph(old, fresh);
    } else parent.insertBefore(fresh, place);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function morph(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const type of Object.keys(old.listeners ?? {})) if (!fresh.listeners?.[type]) delete old.listeners[type];
  for (const [type, listener] of Object.entries(fresh.listeners ?? {})) listen(old, type, listener);
  morphChildren(old, [...fresh.childNodes]);
}

/** A table. Rows are arrays of cells; the first cell of each is its header. */
export function table(caption, heads, rows, empty = "None.") {
  if (!rows.length) return el("p", { class: "quiet" }, `${caption}: ${empty.toLowerCase()}`);
  return el("div", { class: "wide", role: "region", "aria-label": caption, tabindex: "0" },
    el("table", {},
      el("caption", {}, caption),
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell, at) =>
        el(at ? "td" : "th", at ? { "data-head": heads[at] } : { scope: "row" }, cell)))))));
}

/** Names with values, as a list of definitions. Empty values are left out. */
export function facts(pairs) {
  const told = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return el("dl", {}, told.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

export function link(text, ...parts) {
  return el("a", { href: `#/${parts.map(encodeURIComponent).join("/")}` }, text);
}

/** A field with its label. */
export function field(label, control) {
  return el("label", { class: "field" }, el("span", {}, label), control);
}

export function select(name, options, chosen, properties = {}) {
  return el("select", { name, ...properties }, options.map((option) => {
    const [value, text] = Array.isArray(option) ? option : [option, option];
    return el("option", { value, selected: value === chosen }, text);
  }));
}

export function button(text, onclick, properties = {}) {
  return el("button", { type: "button", onclick, ...properties }, text);
}

/** A status: a word, and a sign for those who do not see its colour. */
export function status(word) {
  const kind = KINDS.find(([, words]) => words.includes(String(word).toLowerCase()))?.[0] ?? "busy";
  return el("span", { class: `status ${kind}` }, el("span", { "aria-hidden": "true" }, SIGNS[kind]), ` ${word}`);
}

const SIGNS = { good: "✓", bad: "!", busy: "…", off: "–" };
const KINDS = [
  ["good", ["provisioned", "healthy", "running", "status_ready", "ended", "open", "clean"]],
  ["bad", ["error", "failed", "degraded", "interrupted", "status_error", "status_failed", "offline", "stalled"]],
  ["off", ["stopped", "destroyed", "cancelled", "unknown"]],
];

/** A time for people, with the exact one in the tooltip. */
export function when(time) {
  if (!time) return null;
  return el("time", { datetime: time, title: time }, new Date(time).toLocaleString());
}

export function formOf(form) {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));
}
