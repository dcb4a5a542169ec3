// Who is signed in. The token is kept in this tab only, and what it says is read here, never trusted.

const TOKEN = "token";
const SECONDS = 1000;
let configuration = {};

export function configure(read) {
  configuration = read;
}

/** Takes a token out of the fragment of the address, where nothing sends it to a server. */
export function takeFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (!given.has(TOKEN)) return;
  history.replaceState(null, "", location.pathname + location.search);
  signIn(given.get(TOKEN));
}

export function signIn(token) {
  sessionStorage.setItem(TOKEN, token.trim().replace(/^Bearer\s+/i, ""));
}

export function signOut() {
  sessionStorage.clear();
}

export function token() {
  return sessionStorage.getItem(TOKEN);
}

/** The payload of a JWT; null of anything else. */
export function payload(jwt) {
  try {
    const part = jwt.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const octets = Uint8Array.from(atob(part), (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(octets));
    return typeof claims === "object" ? claims : null;
  } catch {
    return null;
  }
}

function words(value) {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === "string" ? value.split(" ").filter(Boolean) : [];
}

/** What the token says of its holder; null without one that can be read. */
export function person() {
  const claims = token() && payload(token());
  if (!claims) return null;
  const names = configuration.claims ?? {};
  const permissions = new Set(words(claims[names.permissions ?? "permissions"]));
  return {
    name: String(claims[names.name ?? "email"] ?? claims.sub ?? "somebody"),
    organizations: words(claims[names.organizations ?? "organizations"]),
    projects: words(claims[names.projects ?? "projects"]),
    isOperator: permissions.has("operator"),
    may: (permission) => permissions.has(permission),
    isOver: typeof claims.exp === "number" && claims.exp * SECONDS < Date.now(),
  };
}

/** The organization that the person looks at. */
export function organization() {
  const known = person()?.organizations ?? [];
  const chosen = sessionStorage.getItem("organization");
  return known.includes(chosen) ? chosen : known[0];
}

export function chooseOrganization(id) {
  sessionStorage.setItem("organization", id);
}
