/**
 * Signing in at an OpenID provider: the authorization code flow with PKCE (RFC 6749, RFC 7636, OpenID
 * Connect Core 1.0) for a client without a secret. It asks the issuer alone, follows no redirect, and
 * keeps what belongs to one attempt in this tab's session storage until the attempt is over.
 */

export interface OidcSettings {
  issuer: string;
  clientId: string;
  scope: string;
  /** Further origins that the page may ask; a server that does not say has none. */
  origins?: string[];
}

export interface OidcSignIn {
  kind: "oidc";
  /** What is sent as the bearer: the access token if it is a JWT, else the id token. */
  token: string;
  /** The user's id at the issuer. */
  subject: string;
  issuer: string;
  clientId: string;
  tokenEndpoint: string;
  refreshToken: string | null;
  /** When `token` is to be replaced, in milliseconds by this computer's clock. */
  refreshAt: number | null;
}

export interface OidcEnvironment {
  fetch: typeof fetch;
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  /** Origin of this page; the issuer sends the user back to `/sign-in` there. */
  origin: string;
  now: () => number;
}

export type OidcReason =
  | "insecure"
  | "unreachable"
  | "discovery"
  | "issuer"
  | "endpoint"
  | "denied"
  | "refused"
  | "state"
  | "code"
  | "token"
  | "idToken"
  | "nonce"
  | "clock"
  | "expired";

/** Why a sign-in did not come about. The page says `reason` in its language, and `detail` as it is. */
export class OidcError extends Error {
  constructor(
    readonly reason: OidcReason,
    readonly detail = "",
  ) {
    super(detail ? `${reason}: ${detail}` : reason);
    this.name = "OidcError";
  }
}

type Json = Record<string, unknown>;

interface Provider {
  authorizationEndpoint: string;
  tokenEndpoint: string;
  /** The issuer names itself in what it sends back (RFC 9207). */
  namesItself: boolean;
}

/** What is kept while the user is at the issuer. */
interface Attempt extends OidcSettings {
  state: string;
  nonce: string;
  verifier: string;
  tokenEndpoint: string;
  namesItself: boolean;
  returnTo: string;
  renewal: string | null;
}

export const PENDING = "tidegate.oidc";
export const REDIRECT_PATH = "/sign-in";
/** Seconds by which this computer's clock and the issuer's may differ. */
const SKEW = 300;
/** Seconds before its end at which a token is replaced. */
const MARGIN = 60;
const TIMEOUT = 15_000;
const LONGEST_DETAIL = 200;

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function challengeOf(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return base64url(new Uint8Array(digest));
}

/** Returns the object that a part of a JWT holds, or null if the text is none. The signature is the server's concern. */
function jwtPart(token: string, index: 0 | 1): Json | null {
  const parts = token.split(".");
  if (parts.length !== 3) return null;
  try {
    const text = atob((parts[index] ?? "").replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null ? (value as Json) : null;
  } catch {
    return null; // Opaque tokens may have dots as well.
  }
}

/** Returns the claims of a JWT without checking its signature, or null if the text is no JWT. */
export function claimsOf(token: string): Json | null {
  return jwtPart(token, 1);
}

const isJwt = (token: string) => isText(jwtPart(token, 0)?.alg) && claimsOf(token) !== null;

async function ask(env: OidcEnvironment, url: string, init: RequestInit = {}) {
  let response: Response;
  try {
    response = await env.fetch(url, {
      ...init,
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(TIMEOUT),
    });
  } catch {
    throw new OidcError("unreachable", new URL(url).host);
  }
  const body: unknown = await response.json().catch(() => null);
  return { ok: response.ok, status: response.status, body: (body ?? {}) as Json };
}

/** Whether an address may be told codes and tokens: by HTTPS, or on this computer. */
function isSafe(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  const loopback = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  return protocol === "https:" || (protocol === "http:" && loopback);
}

/** Reads what the issuer says of itself (OpenID Connect Discovery 1.0, section 4). */
export async function discover(settings: OidcSettings, env: OidcEnvironment): Promise<Provider> {
  const { issuer } = settings;
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const { ok, status, body } = await ask(env, url);
  if (!ok) throw new OidcError("discovery", String(status));
  if (body.issuer !== issuer) throw new OidcError("issuer", detailOf(body.issuer));
  const { authorization_endpoint: authorization, token_endpoint: token } = body;
  if (!isText(authorization) || !isSafe(authorization)) {
    throw new OidcError("discovery", "authorization_endpoint");
  }
  if (!isText(token) || !isSafe(token)) throw new OidcError("discovery", "token_endpoint");
  // The policy of the page lets it ask these origins and no other one.
  const asked = [new URL(issuer).origin, ...(settings.origins ?? [])];
  if (!asked.includes(new URL(token).origin)) throw new OidcError("endpoint", token);
  const methods = body.code_challenge_methods_supported;
  if (Array.isArray(methods) && !methods.includes("S256")) {
    throw new OidcError("discovery", "code_challenge_methods_supported");
  }
  return {
    authorizationEndpoint: authorization,
    tokenEndpoint: token,
    namesItself: body.authorization_response_iss_parameter_supported === true,
  };
}

/** A stranger's text, cut to a length that fits into a message. */
function detailOf(value: unknown): string {
  return typeof value === "string" ? value.slice(0, LONGEST_DETAIL) : "";
}

/** Whether a text is an address on this origin that a sign-in may lead back to. */
function isOwnPath(path: string): boolean {
  return /^\/(?![/\\])/.test(path) && !path.startsWith(REDIRECT_PATH);
}

/**
 * Begins a sign-in and returns the address at the issuer to go to. `returnTo` is the page that is shown
 * after it. `renewal` names the tab that waits for the sign-in, if it is not for this one.
 */
export async function beginSignIn(
  settings: OidcSettings,
  env: OidcEnvironment,
  returnTo: string,
  renewal: string | null = null,
): Promise<string> {
  if (globalThis.crypto?.subtle === undefined) throw new OidcError("insecure");
  const provider = await discover(settings, env);
  const [state, nonce, verifier] = [random(), random(), random()];
  const attempt: Attempt = {
    ...settings,
    state,
    nonce,
    verifier,
    tokenEndpoint: provider.tokenEndpoint,
    namesItself: provider.namesItself,
    returnTo: isOwnPath(returnTo) ? returnTo : "/",
    renewal,
  };
  const url = new URL(provider.authorizationEndpoint);
  const query = {
    response_type: "code",
    client_id: settings.clientId,
    redirect_uri: env.origin + REDIRECT_PATH,
    scope: settings.scope,
    state,
    nonce,
    code_challenge: await challengeOf(verifier),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  env.storage.setItem(PENDING, JSON.stringify(attempt));
  return url.href;
}

/** Returns the attempt that is under way, and forgets it: no answer is accepted twice. */
function takeAttempt(storage: OidcEnvironment["storage"]): Attempt | null {
  const text = storage.getItem(PENDING);
  storage.removeItem(PENDING);
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as Attempt | null;
    return value !== null && isText(value.state) && isText(value.verifier) ? value : null;
  } catch {
    return null; // Another program's text: the same as none.
  }
}

function checkAnswer(query: URLSearchParams, attempt: Attempt): string {
  if (query.get("state") !== attempt.state) throw new OidcError("state");
  const issuer = query.get("iss");
  if (issuer === null ? attempt.namesItself : issuer !== attempt.issuer) {
    throw new OidcError("issuer", detailOf(issuer));
  }
  const error = query.get("error");
  const said = detailOf(query.get("error_description") ?? error);
  if (error === "access_denied") throw new OidcError("denied");
  if (error !== null) throw new OidcError("refused", said);
  const code = query.get("code");
  if (!code) throw new OidcError("code");
  return code;
}

interface Tokens {
  access: string;
  id: string | null;
  refresh: string | null;
  /** Seconds that the access token lives. */
  lifetime: number | null;
}

async function askForTokens(
  env: OidcEnvironment,
  endpoint: string,
  form: Record<string, string>,
): Promise<Tokens> {
  const { ok, status, body } = await ask(env, endpoint, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new URLSearchParams(form),
  });
  if (!ok) {
    const said = detailOf(body.error_description ?? body.error) || String(status);
    throw new OidcError(body.error === "invalid_grant" ? "expired" : "token", said);
  }
  const { access_token: access, token_type: type } = body;
  if (!isText(access) || !isText(type) || type.toLowerCase() !== "bearer") {
    throw new OidcError("token", "token_type");
  }
  return {
    access,
    id: isText(body.id_token) ? body.id_token : null,
    refresh: isText(body.refresh_token) ? body.refresh_token : null,
    lifetime: typeof body.expires_in === "number" ? body.expires_in : null,
  };
}

type Expected = Pick<OidcSettings, "issuer" | "clientId"> & {
  nonce?: string;
  subject?: string;
  now: number;
};

/**
 * Checks the claims of an id token that came from the issuer itself (OpenID Connect Core 1.0, section
 * 3.1.3.7), and returns the user's id. Such a token needs no check of its signature here.
 */
export function checkIdToken(token: string, expected: Expected): string {
  const claims = claimsOf(token);
  if (claims === null) throw new OidcError("idToken", "JWT");
  const { iss, aud, azp, exp, iat, nonce, sub } = claims;
  if (iss !== expected.issuer) throw new OidcError("issuer", detailOf(iss));
  const audience = Array.isArray(aud) ? aud : [aud];
  const authorized = azp === undefined ? audience.length === 1 : azp === expected.clientId;
  if (!audience.includes(expected.clientId) || !authorized) throw new OidcError("idToken", "aud");
  if (!isText(sub)) throw new OidcError("idToken", "sub");
  if (expected.subject !== undefined && sub !== expected.subject) {
    throw new OidcError("idToken", "sub");
  }
  if (typeof exp !== "number") throw new OidcError("idToken", "exp");
  const seconds = expected.now / 1000;
  const early = typeof iat === "number" && iat > seconds + SKEW;
  if (exp < seconds - SKEW || early) throw new OidcError("clock");
  if (expected.nonce !== undefined && nonce !== expected.nonce) throw new OidcError("nonce");
  return sub;
}

/** Seconds between the two times in a JWT, which say its lifetime whatever any clock shows. */
function lifetimeOf(token: string): number | null {
  const { exp, iat } = claimsOf(token) ?? {};
  return typeof exp === "number" && typeof iat === "number" ? exp - iat : null;
}

/** Chooses what is sent to the server, and says when it is to be replaced. */
function bearerOf(tokens: Tokens, now: number): Pick<OidcSignIn, "token" | "refreshAt"> {
  const { access, id, lifetime } = tokens;
  const token = isJwt(access) ? access : id;
  if (token === null) throw new OidcError("token", "JWT");
  const seconds = token === access ? (lifetime ?? lifetimeOf(token)) : lifetimeOf(token);
  if (seconds === null || seconds <= 0) return { token, refreshAt: null };
  return { token, refreshAt: now + Math.max(seconds - MARGIN, seconds / 2) * 1000 };
}

export interface Finished {
  signIn: OidcSignIn;
  returnTo: string;
  renewal: string | null;
}

/** Finishes a sign-in with what the issuer put into the address of `/sign-in`. */
export async function finishSignIn(
  query: URLSearchParams,
  env: OidcEnvironment,
): Promise<Finished> {
  const attempt = takeAttempt(env.storage);
  if (attempt === null) throw new OidcError("state");
  const code = checkAnswer(query, attempt);
  const { issuer, clientId, tokenEndpoint, nonce, renewal } = attempt;
  const tokens = await askForTokens(env, tokenEndpoint, {
    grant_type: "authorization_code",
    code,
    redirect_uri: env.origin + REDIRECT_PATH,
    client_id: clientId,
    code_verifier: attempt.verifier,
  });
  // Without an id token there is no nonce: nothing ties the tokens to this attempt.
  if (tokens.id === null) throw new OidcError("idToken", "id_token");
  const now = env.now();
  const subject = checkIdToken(tokens.id, { issuer, clientId, nonce, now });
  const signIn: OidcSignIn = {
    kind: "oidc",
    ...bearerOf(tokens, now),
    subject,
    issuer,
    clientId,
    tokenEndpoint,
    refreshToken: tokens.refresh,
  };
  const returnTo = isOwnPath(attempt.returnTo) ? attempt.returnTo : "/";
  return { signIn, returnTo, renewal };
}

/** Returns the sign-in with a new token. Fails with `expired` if the issuer ended the sign-in. */
export async function refreshSignIn(
  signIn: OidcSignIn,
  env: Pick<OidcEnvironment, "fetch" | "now">,
): Promise<OidcSignIn> {
  const { issuer, clientId, subject, refreshToken, tokenEndpoint } = signIn;
  if (refreshToken === null) throw new OidcError("expired");
  const tokens = await askForTokens(env as OidcEnvironment, tokenEndpoint, {
    grant_type: "refresh_token",
    refresh_token: refreshToken,
    client_id: clientId,
  });
  const now = env.now();
  if (tokens.id !== null) checkIdToken(tokens.id, { issuer, clientId, subject, now });
  return { ...signIn, ...bearerOf(tokens, now), refreshToken: tokens.refresh ?? refreshToken };
}
