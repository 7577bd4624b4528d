/**
 * What the page knows of the signed-in user: a name to show, and whether to offer administration.
 * It decides about navigation only; the server decides about every request.
 */
import type { SignIn } from "./session.ts";

export interface Principal {
  name: string;
  org: string | null;
  admin: boolean;
  /** When the token ends, if the sign-in says so. */
  expiresAt: Date | null;
}

function claimsOf(token: string): Record<string, unknown> {
  const payload = token.split(".")[1];
  if (!payload) return {};
  try {
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (c) =>
      c.charCodeAt(0),
    );
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" && claims !== null ? (claims as Record<string, unknown>) : {};
  } catch {
    return {}; // Not a JWT: a service token, about which nothing is known.
  }
}

function words(value: unknown): string[] {
  if (Array.isArray(value)) return value.filter((word) => typeof word === "string");
  return typeof value === "string" ? value.split(/[\s,]+/) : [];
}

export function principalOf(signIn: SignIn): Principal {
  if (signIn.kind === "dev") {
    const admin = signIn.roles.includes("admin");
    return { name: signIn.user, org: signIn.org || null, admin, expiresAt: null };
  }
  const claims = claimsOf(signIn.token);
  const { sub, org, exp } = claims;
  return {
    name: typeof sub === "string" || typeof sub === "number" ? String(sub) : "",
    org: typeof org === "string" ? org : null,
    admin: words(claims.roles).includes("admin"),
    expiresAt: typeof exp === "number" ? new Date(exp * 1000) : null,
  };
}
