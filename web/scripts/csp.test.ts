import { expect, test } from "vitest";
// @ts-expect-error -- a script of the build, without types
import { contentSecurityPolicy, fillOrigins } from "./csp.mjs";

test("the page may ask the issuer's origin, and nobody else's if there is no issuer", async () => {
  const policy: string = await contentSecurityPolicy();
  const origins = { edge: "https://edge.test", store: "https://store.test" };
  const rule = (filled: string) =>
    filled.split("; ").find((part) => part.startsWith("connect-src"));
  expect(rule(fillOrigins(policy, origins))).toBe(
    "connect-src 'self' https://edge.test https://store.test",
  );
  expect(rule(fillOrigins(policy, { ...origins, issuer: "https://id.test" }))).toBe(
    "connect-src 'self' https://edge.test https://store.test https://id.test",
  );
  expect(fillOrigins(policy, {})).not.toContain("{");
});
