/**
 * Who is signed in. Kept in this tab's session storage only, so that closing the tab signs out; a
 * token is never put into a URL, a log or local storage.
 */
export type SignIn =
  | { kind: "dev"; user: string; org: string; roles: string[] }
  | { kind: "token"; token: string };

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
  if (value?.kind === "token" && isText(value.token)) return { kind: "token", token: value.token };
  if (value?.kind !== "dev" || !isText(value.user) || !isText(value.org)) return null;
  const roles = Array.isArray(value.roles) ? value.roles.filter(isText) : [];
  return { kind: "dev", user: value.user, org: value.org, roles };
}

/** Returns the headers by which the server knows the caller. */
export function signInHeaders(signIn: SignIn | null): Record<string, string> {
  if (signIn === null) return {};
  if (signIn.kind === "token") return { Authorization: `Bearer ${signIn.token}` };
  const headers: Record<string, string> = { "X-User-Id": signIn.user };
  if (signIn.org) headers["X-Org-Id"] = signIn.org;
  if (signIn.roles.length > 0) headers["X-Roles"] = signIn.roles.join(",");
  return headers;
}

export class Session {
  #state: SessionState;
  #listeners = new Set<() => void>();
  #waiting: Array<(signedIn: boolean) => void> = [];

  constructor(private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">) {
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

  headers(): Record<string, string> {
    return signInHeaders(this.#state.signIn);
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
  renew(used: SignIn | null): Promise<boolean> {
    if (this.#state.signIn === null) return Promise.resolve(false);
    if (this.#state.signIn !== used) return Promise.resolve(true);
    this.#set({ ...this.#state, expired: true });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #set(state: SessionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
