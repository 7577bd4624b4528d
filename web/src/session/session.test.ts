import { expect, test } from "vitest";
import type { Identity } from "../api/admin.ts";
import { principalOf } from "./principal.ts";
import { parseSignIn, Session, type SignIn, signInHeaders } from "./session.ts";

const ANN: SignIn = { kind: "dev", user: "ann", org: "lab", roles: ["admin"] };

function storage(start: Record<string, string> = {}) {
  const values = new Map(Object.entries(start));
  return {
    getItem: (name: string) => values.get(name) ?? null,
    setItem: (name: string, value: string) => void values.set(name, value),
    removeItem: (name: string) => void values.delete(name),
    values,
  };
}

test("a sign-in lasts as long as the tab", () => {
  const kept = storage();
  new Session(kept).signIn(ANN);
  const again = new Session(kept);
  expect(again.state.signIn).toEqual(ANN);
  again.signOut();
  expect(kept.values.size).toBe(0);
});

test.each([
  null,
  "",
  "{",
  '"text"',
  '{"kind":"token"}',
  '{"kind":"oidc","token":"t"}',
  '{"kind":"dev","user":1,"org":""}',
])("%s is no sign-in", (text) => {
  expect(parseSignIn(text)).toBeNull();
});

test("requests name the caller", () => {
  expect(signInHeaders(ANN)).toEqual({
    "X-User-Id": "ann",
    "X-Org-Id": "lab",
    "X-Roles": "admin",
  });
  expect(signInHeaders({ kind: "token", token: "t" })).toEqual({ Authorization: "Bearer t" });
  expect(signInHeaders(null)).toEqual({});
});

test("a refused request waits for the next sign-in", async () => {
  const session = new Session(storage());
  session.signIn(ANN);
  const waiting = [session.renew(ANN), session.renew(ANN)];
  expect(session.state.expired).toBe(true);
  session.signIn({ ...ANN, roles: [] });
  expect(await Promise.all(waiting)).toEqual([true, true]);
  expect(session.state.expired).toBe(false);
});

test("a request that was refused under an older sign-in is sent again at once", async () => {
  const session = new Session(storage());
  session.signIn({ ...ANN });
  expect(await session.renew(ANN)).toBe(true);
  expect(session.state.expired).toBe(false);
});

test("signing out lets waiting requests fail", async () => {
  const session = new Session(storage());
  session.signIn(ANN);
  const waiting = session.renew(ANN);
  session.signOut();
  expect(await waiting).toBe(false);
});

const ME: Identity = {
  kind: "user",
  id: "zoë",
  organization: "lab",
  roles: ["admin"],
  administrator: true,
  surfaces: ["space"],
};

test("the server says who is signed in, and the token only when it ends", () => {
  const payload = Buffer.from(JSON.stringify({ sub: "x", exp: 1_800_000_000 }));
  const token = `e30.${payload.toString("base64url")}.x`;
  const known = { name: "zoë", org: "lab", admin: true, surfaces: ["space"] };
  const end = new Date(1_800_000_000_000);
  expect(principalOf({ kind: "token", token }, ME)).toEqual({ ...known, expiresAt: end });
  const said = { ...ME, expiresAt: "2026-01-01T00:00:00Z" };
  expect(principalOf({ kind: "token", token }, said).expiresAt).toEqual(new Date(said.expiresAt));
});

test("nobody is an administrator before the server says so", () => {
  expect(principalOf(ANN, undefined)).toMatchObject({ name: "ann", org: "lab", admin: false });
});

test.each(["", "no.jwt", "a.!!!.c", "service-token"])("nothing is known of %j", (token) => {
  const principal = principalOf({ kind: "token", token }, undefined);
  expect(principal).toEqual({ name: "", org: null, admin: false, expiresAt: null, surfaces: null });
});
