// Sign in by OpenID Connect: authorization code with PKCE, state and nonce.

import { payload, signIn } from "./session.js";

const LEFT = "oidc";

function random() {
  return encoded(crypto.getRandomValues(new Uint8Array(32)));
}

function encoded(octets) {
  return btoa(String.fromCharCode(...octets)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

function here() {
  return location.origin + location.pathname;
}

async function discovered(issuer) {
  const answer = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  if (!answer.ok) throw new Error("The issuer did not say where to sign in.");
  const found = await answer.json();
  if (found.issuer !== issuer) throw new Error("The issuer calls itself by another name.");
  return found;
}

/** Leaves for the issuer. */
export async function begin({ issuer, clientId, scope, audience }) {
  const found = await discovered(issuer);
  const left = { state: random(), nonce: random(), verifier: random() };
  sessionStorage.setItem(LEFT, JSON.stringify(left));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(left.verifier));
  const address = new URL(found.authorization_endpoint);
  const asked = {
    response_type: "code", client_id: clientId, redirect_uri: here(), scope, audience,
    state: left.state, nonce: left.nonce,
    code_challenge: encoded(new Uint8Array(digest)), code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  location.assign(address);
}

/** Signs in if the issuer has sent the browser back. The code leaves the address at once. */
export async function end({ issuer, clientId }) {
  const given = new URLSearchParams(location.search);
  if (!issuer || !given.has("state")) return;
  const left = JSON.parse(sessionStorage.getItem(LEFT) ?? "{}");
  sessionStorage.removeItem(LEFT);
  history.replaceState(null, "", location.pathname);
  if (given.get("state") !== left.state) throw new Error("This sign-in was not begun in this tab. Begin again.");
  if (!given.has("code")) {
    throw new Error(`The issuer said no: ${given.get("error_description") ?? given.get("error") ?? "no code"}`);
  }
  const found = await discovered(issuer);
  const answer = await fetch(found.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code", code: given.get("code"), redirect_uri: here(),
      client_id: clientId, code_verifier: left.verifier,
    }),
  });
  const tokens = await answer.json();
  if (!answer.ok) throw new Error(`The issuer gave no token: ${tokens.error_description ?? tokens.error}`);
  const identity = payload(tokens.id_token ?? "");
  const audiences = [identity?.aud].flat();
  if (identity?.nonce !== left.nonce || identity.iss !== issuer || !audiences.includes(clientId)) {
    throw new Error("The issuer's answer belongs to another sign-in. Begin again.");
  }
  signIn(tokens.access_token);
}
