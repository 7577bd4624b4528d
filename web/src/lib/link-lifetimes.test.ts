import { TidegateError } from "@tidegate/client";
import { expect, test } from "vitest";
import { LIFETIMES, lifetimes, refusalOf } from "./link-lifetimes.ts";

const refused = (message: string, code = "BAD_REQUEST") =>
  new TidegateError("invalid", code, message, { status: 400 });

test("a lifetime that is too long is refused with the longest there is", () => {
  const space = refused("ttlSeconds must be from 1 to 900 (GRANT_TTL_SECONDS)");
  expect(refusalOf(space)).toBe("The server allows links for 15 min at most.");
  const files = refused("ttl must be from 1 to 604800 seconds");
  expect(refusalOf(files)).toBe("The server allows links for 168 hr at most.");
});

test("other refusals are said as everywhere", () => {
  expect(refusalOf(refused("variant must be one of original"))).toBe(
    "variant must be one of original",
  );
  expect(refusalOf(refused("no", "NOT_FOUND"))).toBe(
    "There is no such thing, or you may not see it.",
  );
  expect(refusalOf(new Error("ttl must be from 1 to 5"))).toBe("ttl must be from 1 to 5");
});

test("every lifetime has a name", () => {
  expect(lifetimes().map(({ id }) => id)).toEqual([...LIFETIMES]);
  expect(lifetimes().map(({ name }) => name)).toEqual(["15 minutes", "1 hour", "1 day", "7 days"]);
});
