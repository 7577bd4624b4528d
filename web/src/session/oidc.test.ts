import { beforeEach, expect, test } from "vitest";
import { takeCallback } from "./callback.ts";
import {
  beginSignIn,
  finishSignIn,
  type OidcEnvironment,
  OidcError,
  type OidcReason,
  type OidcSignIn,
  PENDING,
  refreshSignIn,
} from "./oidc.ts";
import { parseSignIn, Session } from "./session.ts";

const ISSUER = "https://id.test/realm";
const SETTINGS = { issuer: ISSUER, clientId: "dashboard", scope: "openid profile" };
const NOW = 1_800_000_000_000;
const TOKEN_ENDPOINT = `${ISSUER}/token`;

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const jwt = (claims: object) => `${encode({ alg: "RS256" })}.${encode(claims)}.c2ln`;

interface Fake {
  env: OidcEnvironment;
  values: Map<string, string>;
  /** What the provider answers; tests change it. */
  discovery: Record<string, unknown>;
  tokens: (form: URLSearchParams) => { status?: number; body: unknown };
  forms: URLSearchParams[];
  now: number;
}

let fake: Fake;

function idClaims(nonce: string, more: object = {}) {
  const seconds = NOW / 1000;
  return {
    iss: ISSUER,
    aud: "dashboard",
    sub: "zoë",
    exp: seconds + 600,
    iat: seconds,
    nonce,
    ...more,
  };
}

const attempt = () => JSON.parse(fake.values.get(PENDING) ?? "{}");

beforeEach(() => {
  const values = new Map<string, string>();
  const storage = {
    getItem: (name: string) => values.get(name) ?? null,
    setItem: (name: string, value: string) => void values.set(name, value),
    removeItem: (name: string) => void values.delete(name),
  };
  const answer = (url: string, init?: RequestInit) => {
    if (url === `${ISSUER}/.well-known/openid-configuration`) return { body: fake.discovery };
    if (url !== TOKEN_ENDPOINT) throw new TypeError("fetch failed");
    const form = new URLSearchParams(init?.body as URLSearchParams);
    fake.forms.push(form);
    return fake.tokens(form);
  };
  fake = {
    values,
    now: NOW,
    forms: [],
    discovery: {
      issuer: ISSUER,
      authorization_endpoint: `${ISSUER}/authorize?tenant=1`,
      token_endpoint: TOKEN_ENDPOINT,
    },
    tokens: () => ({ body: {} }),
    env: {
      storage,
      origin: "https://tidegate.test",
      now: () => fake.now,
      fetch: async (input, init) => {
        expect(init?.credentials).toBe("omit");
        expect(init?.redirect).toBe("error");
        const { status = 200, body } = answer(String(input), init) as {
          status?: number;
          body: unknown;
        };
        return Response.json(body, { status });
      },
    },
  };
});

/** Goes to the provider and comes back with `query`, which has the right state unless it says another. */
async function signIn(query: Record<string, string> = { code: "c" }, more: object = {}) {
  const access = jwt({ sub: "zoë", aud: "tidegate" });
  await beginSignIn(SETTINGS, fake.env, "/files?folder=a");
  const { nonce, state } = attempt();
  fake.tokens = () => ({
    body: {
      access_token: access,
      token_type: "Bearer",
      id_token: jwt(idClaims(nonce)),
      refresh_token: "r1",
      expires_in: 300,
      ...more,
    },
  });
  return finishSignIn(new URLSearchParams({ state, ...query }), fake.env);
}

async function reasonOf(act: Promise<unknown>): Promise<OidcReason | "none"> {
  try {
    await act;
  } catch (failure) {
    if (failure instanceof OidcError) return failure.reason;
    throw failure;
  }
  return "none";
}

test("the user is sent to the provider with a challenge, and comes back with tokens", async () => {
  const url = new URL(await beginSignIn(SETTINGS, fake.env, "/spaces"));
  const { state, nonce, verifier } = attempt();
  const challenge = Buffer.from(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)),
  ).toString("base64url");
  expect(url.origin + url.pathname).toBe(`${ISSUER}/authorize`);
  expect(Object.fromEntries(url.searchParams)).toEqual({
    tenant: "1",
    response_type: "code",
    client_id: "dashboard",
    redirect_uri: "https://tidegate.test/sign-in",
    scope: "openid profile",
    state,
    nonce,
    code_challenge: challenge,
    code_challenge_method: "S256",
  });
  expect(new Set([state, nonce, verifier]).size).toBe(3);
  for (const secret of [state, nonce, verifier]) expect(secret).toMatch(/^[\w-]{43}$/);

  const { signIn: done, returnTo } = await signIn();
  expect(returnTo).toBe("/files?folder=a");
  expect(done).toMatchObject({ kind: "oidc", subject: "zoë", refreshToken: "r1" });
  expect(done.refreshAt).toBe(NOW + 240_000);
  expect(Object.fromEntries(fake.forms[0] ?? [])).toMatchObject({
    grant_type: "authorization_code",
    code: "c",
    redirect_uri: "https://tidegate.test/sign-in",
    client_id: "dashboard",
  });
  expect(fake.values.size).toBe(0);
  expect(parseSignIn(JSON.stringify(done))).toEqual(done);
});

test.each<[string, Record<string, string>, OidcReason]>([
  ["a wrong state", { state: "other", code: "c" }, "state"],
  ["a wrong state beside an error", { state: "other", error: "access_denied" }, "state"],
  ["no code", {}, "code"],
  ["an empty code", { code: "" }, "code"],
  ["the user's refusal", { error: "access_denied" }, "denied"],
  ["another error", { error: "server_error", error_description: "x" }, "refused"],
  ["another issuer", { code: "c", iss: "https://evil.test" }, "issuer"],
])("%s ends the sign-in before any token is asked for", async (_, query, reason) => {
  expect(await reasonOf(signIn(query))).toBe(reason);
  expect(fake.forms).toEqual([]);
  expect(fake.values.size).toBe(0);
});

test("an answer is accepted once, and only in the tab that asked", async () => {
  await signIn();
  expect(await reasonOf(finishSignIn(new URLSearchParams({ code: "c" }), fake.env))).toBe("state");
  fake.values.set(PENDING, "{");
  expect(await reasonOf(finishSignIn(new URLSearchParams({ code: "c" }), fake.env))).toBe("state");
  fake.values.set(PENDING, "{}");
  expect(await reasonOf(finishSignIn(new URLSearchParams(), fake.env))).toBe("state");
});

test("an issuer that names itself in its answers has to do so", async () => {
  fake.discovery.authorization_response_iss_parameter_supported = true;
  expect(await reasonOf(signIn())).toBe("issuer");
  expect(await reasonOf(signIn({ code: "c", iss: ISSUER }))).toBe("none");
});

test.each<[string, Record<string, unknown>, OidcReason]>([
  ["of another issuer", { issuer: "https://other.test" }, "issuer"],
  ["without an issuer", { issuer: undefined }, "issuer"],
  ["without endpoints", { token_endpoint: undefined }, "discovery"],
  ["with a plain endpoint", { authorization_endpoint: "http://id.test/a" }, "discovery"],
  ["with a script for an endpoint", { authorization_endpoint: "javascript:1" }, "discovery"],
  ["with tokens elsewhere", { token_endpoint: "https://other.test/t" }, "endpoint"],
  ["without S256", { code_challenge_methods_supported: ["plain"] }, "discovery"],
])("a configuration %s is refused", async (_, change, reason) => {
  Object.assign(fake.discovery, change);
  expect(await reasonOf(beginSignIn(SETTINGS, fake.env, "/"))).toBe(reason);
  expect(fake.values.size).toBe(0);
});

test("tokens may come from an origin that the server names, and from no other", async () => {
  fake.discovery.token_endpoint = "https://tokens.test/t";
  const allowed = { ...SETTINGS, origins: ["https://tokens.test"] };
  expect(await beginSignIn(allowed, fake.env, "/")).toContain(`${ISSUER}/authorize`);
  fake.discovery.token_endpoint = "https://tokens.test.evil.test/t";
  expect(await reasonOf(beginSignIn(allowed, fake.env, "/"))).toBe("endpoint");
});

test("a provider that is away, or answers no JSON, is said to be", async () => {
  const away = { ...fake.env, fetch: () => Promise.reject(new TypeError("fetch failed")) };
  expect(await reasonOf(beginSignIn(SETTINGS, away, "/"))).toBe("unreachable");
  const html = { ...fake.env, fetch: async () => new Response("<html>", { status: 502 }) };
  expect(await reasonOf(beginSignIn(SETTINGS, html, "/"))).toBe("discovery");
});

test.each<[string, object, OidcReason | "none"]>([
  ["of another issuer", { iss: "https://id.test" }, "issuer"],
  ["for somebody else", { aud: "other" }, "idToken"],
  ["for several without the authorized one", { aud: ["dashboard", "other"] }, "idToken"],
  ["for several", { aud: ["dashboard", "other"], azp: "dashboard" }, "none"],
  ["with another nonce", { nonce: "other" }, "nonce"],
  ["without a nonce", { nonce: undefined }, "nonce"],
  ["of nobody", { sub: "" }, "idToken"],
  ["without an end", { exp: undefined }, "idToken"],
  ["that ended a minute ago", { exp: NOW / 1000 - 60 }, "none"],
  ["that ended six minutes ago", { exp: NOW / 1000 - 360 }, "clock"],
  ["issued in four minutes", { iat: NOW / 1000 + 240 }, "none"],
  ["issued in an hour", { iat: NOW / 1000 + 3600 }, "clock"],
])("an id token %s", async (_, change, reason) => {
  await beginSignIn(SETTINGS, fake.env, "/");
  const { nonce, state } = attempt();
  fake.tokens = () => ({
    body: { access_token: "opaque", token_type: "bearer", id_token: jwt(idClaims(nonce, change)) },
  });
  const query = new URLSearchParams({ state, code: "c" });
  expect(await reasonOf(finishSignIn(query, fake.env))).toBe(reason);
});

test.each<[string, object, OidcReason]>([
  ["no id token", { id_token: undefined }, "idToken"],
  ["an id token that is no JWT", { id_token: "a.b" }, "idToken"],
  ["no access token", { access_token: undefined }, "token"],
  ["a token of another type", { token_type: "DPoP" }, "token"],
])("an answer with %s is refused", async (_, more, reason) => {
  expect(await reasonOf(signIn(undefined, more))).toBe(reason);
});

test("a refused code is said in the provider's words", async () => {
  await beginSignIn(SETTINGS, fake.env, "/");
  const { state } = attempt();
  fake.tokens = () => ({ status: 400, body: { error: "invalid_client", error_description: "no" } });
  const query = new URLSearchParams({ state, code: "c" });
  await expect(finishSignIn(query, fake.env)).rejects.toMatchObject({
    reason: "token",
    detail: "no",
  });
});

test("the id token is sent where the access token is opaque", async () => {
  const { signIn: done } = await signIn(undefined, { access_token: "op.aq.ue", expires_in: 5 });
  expect(done.token.split(".")).toHaveLength(3);
  expect(done.token).not.toBe("op.aq.ue");
  expect(done.refreshAt).toBe(NOW + 540_000);
});

test.each(["https://evil.test/", "//evil.test/", "/\\evil.test", "/sign-in?code=1", "spaces"])(
  "%s is not gone back to",
  async (returnTo) => {
    await beginSignIn(SETTINGS, fake.env, returnTo);
    expect(attempt().returnTo).toBe("/");
  },
);

test("a token is replaced before its end, once for all requests", async () => {
  const { signIn: first } = await signIn();
  const next = jwt({ sub: "zoë", n: 2 });
  fake.tokens = () => ({
    body: { access_token: next, token_type: "Bearer", refresh_token: "r2", expires_in: 300 },
  });
  const session = new Session(
    fake.env.storage,
    (signIn) => refreshSignIn(signIn, fake.env),
    () => fake.now,
  );
  session.signIn(first);
  const asked = fake.forms.length;
  expect(await session.current()).toBe(first);
  fake.now += 241_000;
  const [one, other] = await Promise.all([session.current(), session.current()]);
  expect(one).toMatchObject({ token: next, refreshToken: "r2", subject: "zoë" });
  expect(other).toBe(one);
  expect(fake.forms.length).toBe(asked + 1);
  expect(Object.fromEntries(fake.forms.at(-1) ?? [])).toEqual({
    grant_type: "refresh_token",
    refresh_token: "r1",
    client_id: "dashboard",
  });
  expect(fake.values.get("tidegate.sign-in")).toContain("r2");
  fake.now += 241_000;
  await session.current();
  expect(fake.forms.length).toBe(asked + 2);
});

test("a provider that is away is not asked with every request", async () => {
  const { signIn: first } = await signIn();
  fake.tokens = () => ({ status: 503, body: {} });
  const session = new Session(
    fake.env.storage,
    (signIn) => refreshSignIn(signIn, fake.env),
    () => fake.now,
  );
  session.signIn(first);
  const asked = fake.forms.length;
  fake.now += 241_000;
  for (let i = 0; i < 5; i += 1) expect(await session.current()).toBe(first);
  expect(fake.forms.length).toBe(asked + 1);
  fake.now += 30_000;
  await session.current();
  expect(fake.forms.length).toBe(asked + 2);
  expect(session.state.expired).toBe(false);
});

test("a refused token is replaced, but not in a loop", async () => {
  const { signIn: first } = await signIn();
  const session = new Session(
    fake.env.storage,
    (signIn) => refreshSignIn(signIn, fake.env),
    () => fake.now,
  );
  session.signIn(first);
  expect(await session.renew(first)).toBe(true);
  const second = session.state.signIn as OidcSignIn;
  const asked = fake.forms.length;
  void session.renew(second);
  await new Promise((resolve) => setTimeout(resolve));
  expect(session.state.expired).toBe(true);
  expect(fake.forms.length).toBe(asked);
});

test("a sign-in that the provider ended is asked for again", async () => {
  const { signIn: first } = await signIn();
  fake.tokens = () => ({ status: 400, body: { error: "invalid_grant" } });
  expect(await reasonOf(refreshSignIn(first, fake.env))).toBe("expired");
  const session = new Session(fake.env.storage, (signIn) => refreshSignIn(signIn, fake.env));
  session.signIn(first);
  const waiting = session.renew(first);
  await new Promise((resolve) => setTimeout(resolve));
  expect(session.state.expired).toBe(true);
  session.signOut();
  expect(await waiting).toBe(false);
});

test("a new token for another user is refused", async () => {
  const { signIn: first } = await signIn();
  fake.tokens = () => ({
    body: {
      access_token: jwt({}),
      token_type: "Bearer",
      id_token: jwt(idClaims("", { sub: "mallory" })),
    },
  });
  expect(await reasonOf(refreshSignIn(first, fake.env))).toBe("idToken");
});

test("code and state leave the address at once", () => {
  const replaced: unknown[] = [];
  const history = { replaceState: (...args: unknown[]) => void replaced.push(args[2]) };
  const at = (pathname: string, search: string) => takeCallback({ pathname, search }, history);
  const { answer } = at("/sign-in", "?code=c&state=s");
  expect(answer?.get("code")).toBe("c");
  expect(at("/sign-in", "?renew=x")).toEqual({ answer: null, renewal: "x" });
  expect(replaced).toEqual(["/sign-in", "/sign-in"]);
  expect(at("/sign-in", "").answer).toBeNull();
  expect(at("/spaces", "?code=c&state=s").answer).toBeNull();
  expect(replaced).toHaveLength(2);
});
