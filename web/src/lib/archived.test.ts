import { TidegateError } from "@tidegate/client";
import { expect, test } from "vitest";
import { messageOf } from "../ui/errors.ts";
import { archiveOf, archiveText, canThaw, isUnreadable, rereadAfter } from "./archived.ts";

const at = "2026-11-30T10:00:00Z";

test.each([
  [{ state: "ARCHIVED" }, true, true, /^Archived\./],
  [{ state: "THAWING", requestedAt: at }, true, false, /^Thawing since .*2026/],
  [{ state: "THAWING" }, true, false, /^Thawing\./],
  [{ state: "THAWED", until: at }, false, false, /until .*2026/],
  [{ state: "THAWED" }, false, false, /can be read/],
])("%o is said", (archive, unreadable, thawable, text) => {
  expect(isUnreadable(archive)).toBe(unreadable);
  expect(canThaw(archive)).toBe(thawable);
  expect(archiveText(archive)).toMatch(text);
  expect(rereadAfter(archive)).toBe(archive.state === "THAWING" && 60_000);
});

test.each([undefined, null, { state: "READABLE" }, { state: "OF_TOMORROW" }])(
  "nothing is said of %o",
  (archive) => {
    const said = [isUnreadable(archive), canThaw(archive), archiveText(archive)];
    expect(said).toEqual([false, false, undefined]);
  },
);

test("a refusal has the state that the server gave, or that of an archived object", () => {
  const thawing = { state: "THAWING", requestedAt: at };
  const refusal = (code: string, archive?: typeof thawing) =>
    new TidegateError("conflict", code, "why", { status: 409, archive });
  expect(archiveOf(refusal("ARCHIVED", thawing))).toEqual(thawing);
  expect(archiveOf(refusal("ARCHIVED"))).toEqual({ state: "ARCHIVED" });
  expect(archiveOf(refusal("InvalidObjectState"))).toEqual({ state: "ARCHIVED" });
  expect(archiveOf(refusal("INVALID_STATE"))).toBeUndefined();
  expect(archiveOf(new Error("ARCHIVED"))).toBeUndefined();
  expect(messageOf(refusal("ARCHIVED", thawing))).toMatch(/^Thawing since .*2026/);
  expect(messageOf(refusal("ARCHIVED"))).toMatch(/^It is archived/);
  expect(messageOf(refusal("InvalidObjectState"))).toMatch(/^It is archived/);
});
