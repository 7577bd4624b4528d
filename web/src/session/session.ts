/**
 * Who is signed in. Kept in this tab's session storage only, so that closing the tab signs out; a
 * token is never put into a URL, a log or local storage.
 */
import type { OidcSignIn } from "./oidc.ts";

export type SignIn =
  | { kind: "dev"; user: string; org: string; roles: string[] }
  | { kind: "token"; token: string }
  | OidcSignIn
  /** For a server that asks nobody who they are. */
  | { kind: "none" };

export interface SessionState {
  signIn: SignIn | null;
  /** The server refused the sign-in; requests wait until there is another one. */
  expired: boolean;
}

const STORED = "tidegate.sign-in";

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Returns the sign-in that a text of the session storage holds, or null if it holds none. */
export function parseSignIn(text: string | null): SignIn | null {
  if (text === null) return null;
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text);
  } catch {
    return null; // Another program's text: the same as none.
  }
  if (value?.kind === "none") return { kind: "none" };
  if (value?.kind === "token" && isText(value.token)) return { kind: "token", token: value.token };
  if (value?.kind === "oidc") return parseOidc(value);
  if (value?.kind !== "dev" || !isText(value.user) || !isText(value.org)) return null;
  const roles = Array.isArray(value.roles) ? value.roles.filter(isText) : [];
  return { kind: "dev", user: value.user, org: value.org, roles };
}

function parseOidc(value: Record<string, unknown>): OidcSignIn | null {
  const { token, subject, issuer, clientId, tokenEndpoint, refreshToken, refreshAt } = value;
  if (!isText(token) || !isText(subject) || !isText(issuer)) return null;
  if (!isText(clientId) || !isText(tokenEndpoint)) return null;
  return {
    kind: "oidc",
    token,
    subject,
    issuer,
    clientId,
    tokenEndpoint,
    refreshToken: isText(refreshToken) ? refreshToken : null,
    refreshAt: typeof refreshAt === "number" ? refreshAt : null,
  };
}

/** Returns a text that is the same as long as the same user is signed in, whatever token they have. */
export function identityOf(signIn: SignIn | null): string {
  if (signIn?.kind !== "oidc") return JSON.stringify(signIn);
  return JSON.stringify([signIn.issuer, signIn.subject]);
}

/** Returns the headers by which the server knows the caller. */
export function signInHeaders(signIn: SignIn | null): Record<string, string> {
  if (signIn === null || signIn.kind === "none") return {};
  if (signIn.kind !== "dev") return { Authorization: `Bearer ${signIn.token}` };
  const headers: Record<string, string> = { "X-User-Id": signIn.user };
  if (signIn.org) headers["X-Org-Id"] = signIn.org;
  if (signIn.roles.length > 0) headers["X-Roles"] = signIn.roles.join(",");
  return headers;
}

/** Replaces the token of a sign-in. */
type Refresh = (signIn: OidcSignIn) => Promise<OidcSignIn>;

/** After a new token failed to come or was refused, the issuer is left alone for so many milliseconds. */
const REFRESH_PAUSE = 30_000;

export class Session {
  #state: SessionState;
  #listeners = new Set<() => void>();
  #waiting: Array<(signedIn: boolean) => void> = [];
  #refreshing: Promise<boolean> | null = null;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
    private readonly refresh?: Refresh,
    private readonly now: () => number = Date.now,
  ) {
    this.#state = { signIn: parseSignIn(storage.getItem(STORED)), expired: false };
  }

  get state(): SessionState {
    return this.#state;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): SessionState => this.#state;

  /** Returns the sign-in for a request, with a new token if the one there is ends soon. */
  async current(): Promise<SignIn | null> {
    const { signIn } = this.#state;
    if (signIn?.kind === "oidc" && signIn.refreshAt !== null && this.now() >= signIn.refreshAt) {
      await this.#renewToken(signIn, this.#failedAt);
    }
    return this.#state.signIn;
  }

  /** Signs in, and lets requests go on that waited for it. */
  signIn(signIn: SignIn): void {
    this.storage.setItem(STORED, JSON.stringify(signIn));
    this.#set({ signIn, expired: false });
    for (const go of this.#waiting.splice(0)) go(true);
  }

  signOut(): void {
    this.storage.removeItem(STORED);
    this.#set({ signIn: null, expired: false });
    for (const go of this.#waiting.splice(0)) go(false);
  }

  /** Says that the server refused `used`. Resolves to whether there is a newer sign-in to try. */
  async renew(used: SignIn | null): Promise<boolean> {
    if (used?.kind === "oidc" && this.#state.signIn === used) {
      await this.#renewToken(used, this.#refreshedAt);
    }
    if (this.#state.signIn === null) return false;
    if (this.#state.signIn !== used) return true;
    this.#set({ ...this.#state, expired: true });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /**
   * Gets a new token, once for all requests that need one, and resolves to whether there is one. Does
   * nothing within a pause after `lastTry`.
   */
  #renewToken(signIn: OidcSignIn, lastTry: number): Promise<boolean> {
    if (this.#refreshing) return this.#refreshing;
    const early = this.now() - lastTry < REFRESH_PAUSE;
    if (!this.refresh || signIn.refreshToken === null || early) return Promise.resolve(false);
    this.#refreshedAt = this.now();
    const renewed = this.refresh(signIn).then(
      (next) => {
        // Somebody signed out, or in as another user, meanwhile.
        if (this.#state.signIn !== signIn) return false;
        this.signIn(next);
        return true;
      },
      // The old token is used to its end; when the server refuses it, the user is asked.
      () => {
        this.#failedAt = this.now();
        return false;
      },
    );
    this.#refreshing = renewed.finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  #set(state: SessionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
