// Calls the APIs of this origin.

import { organization, token } from "./session.js";

const BASE = new URL(".", document.baseURI);
const PAGE = 100;
const PAGES_MAX = 10;

/** An answer that is no success, with what it said and what helps. */
export class Refusal extends Error {
  constructor(status, body, trace) {
    super(messageOf(body) || `The service answered ${status}.`);
    this.status = status;
    this.body = body;
    this.trace = trace;
  }

  get help() {
    if (this.body?.capacity?.canEverFit === false) return "It never fits. Ask for fewer, or look at another region.";
    return HELP[this.status] ?? (this.status >= 500 ? "Try again. If it stays, give the trace id to support." : "");
  }
}

const HELP = {
  0: "Check the connection. The console tries again by itself.",
  401: "Sign in again: the token is missing, over or not accepted.",
  403: "Your token lacks the permission, or the organization's quota is used up. Ask who manages it.",
  404: "It may have been deleted meanwhile, or belong to another organization.",
  409: "It has changed meanwhile. Look at it again before you decide.",
  429: "Too many requests, or the quota is used up. Wait a minute.",
  507: "Ask for fewer, look at another region, or wait until somebody gives capacity back.",
};

function messageOf(body) {
  if (typeof body?.detail === "string") return body.detail;
  if (Array.isArray(body?.detail)) return body.detail.map((one) => `${one.loc?.at(-1)}: ${one.msg}`).join("; ");
  return body?.error_description ?? body?.message ?? "";
}

async function sent(method, path, { query = {}, body, headers = {} } = {}) {
  const address = new URL(path.replace(/^\//, ""), BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") address.searchParams.append(name, value);
  }
  const all = { Accept: "application/json", ...headers };
  if (token()) all.Authorization = `Bearer ${token()}`;
  if (path.startsWith("/v1alpha1/") || path.startsWith("/vms")) all["X-Organization-Id"] = organization() ?? "";
  if (body !== undefined) all["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(address, { method, headers: all, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refusal(0, { message: "The service cannot be reached." });
  }
  const text = await answer.text();
  let read = null;
  try {
    read = text ? JSON.parse(text) : null;
  } catch {
    read = { message: text.slice(0, 200) };
  }
  if (!answer.ok) throw new Refusal(answer.status, read, answer.headers.get("X-Trace-Id"));
  return { read, link: answer.headers.get("Link") };
}

export async function get(path, query) {
  return (await sent("GET", path, { query })).read;
}

/** All pages of a list, up to a thousand entries. `of` takes the entries out of an answer. */
export async function list(path, query = {}, of = (read) => read) {
  const found = [];
  let cursor;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { read, link } = await sent("GET", path, { query: { ...query, limit: PAGE, cursor } });
    found.push(...(of(read) ?? []));
    const next = /<([^>]*)>;\s*rel="?next/.exec(link ?? "")?.[1];
    cursor = next && new URL(next, BASE).searchParams.get("cursor");
    if (!cursor) break;
  }
  return found;
}

/** A write. What creates gets a key, so that a repeat after a lost answer makes nothing twice. */
export async function send(method, path, body, query) {
  const headers = method === "POST" && !query?.dryRun ? { "Idempotency-Key": crypto.randomUUID() } : {};
  return (await sent(method, path, { body, query, headers })).read;
}

export const path = (strings, ...values) =>
  strings.reduce((whole, part, at) => whole + part + (at < values.length ? encodeURIComponent(values[at]) : ""), "");
