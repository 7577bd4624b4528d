/**
 * What the page knows of the signed-in user: a name to show, and whether to offer administration.
 * It decides about navigation only; the server decides about every request.
 */
import type { Identity } from "../api/admin.ts";
import { claimsOf } from "./oidc.ts";
import type { SignIn } from "./session.ts";

export interface Principal {
  name: string;
  org: string | null;
  admin: boolean;
  /** When the token ends, if the server or the token says so. */
  expiresAt: Date | null;
  /** What this server has; null as long as that is not known. */
  surfaces: readonly string[] | null;
}

function endOf(signIn: SignIn): Date | null {
  if (signIn.kind !== "token" && signIn.kind !== "oidc") return null;
  const exp = claimsOf(signIn.token)?.exp;
  return typeof exp === "number" ? new Date(exp * 1000) : null;
}

/** Returns what is known of a sign-in. `me` is what the server says; before that, the typed name is all. */
export function principalOf(signIn: SignIn, me: Identity | undefined): Principal {
  const typed = signIn.kind === "dev" ? signIn : null;
  return {
    name: me?.actingFor ?? me?.id ?? typed?.user ?? "",
    org: me?.organization ?? (typed?.org || null),
    admin: me?.administrator ?? false,
    expiresAt: me?.expiresAt ? new Date(me.expiresAt) : endOf(signIn),
    surfaces: me?.surfaces ?? null,
  };
}
