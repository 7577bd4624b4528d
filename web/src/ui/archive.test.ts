import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import type { Known } from "../lib/archived.ts";
import { Archive, ArchiveBadge, type Thaw } from "./Archive.tsx";

const at = "2026-11-30T10:00:00Z";
const thaw: Thaw = async () => ({ state: "THAWING" });
const noteOf = (archive: Known, thaw?: Thaw) =>
  renderToStaticMarkup(createElement(Archive, { archive, thaw }));
const badgeOf = (archive: Known) => renderToStaticMarkup(createElement(ArchiveBadge, { archive }));

test.each([
  [{ state: "ARCHIVED" }, "Archived", "warn"],
  [{ state: "THAWING", requestedAt: at }, "Thawing", "busy"],
  [{ state: "THAWED", until: at }, "Thawed", "plain"],
])("%o has a badge and a note", (archive, name, tone) => {
  expect(badgeOf(archive)).toContain(`badge ${tone}`);
  expect(badgeOf(archive)).toContain(`${name}</span>`);
  expect(noteOf(archive)).toContain(name);
});

test("only an archived object has a button, and only for those who may thaw it", () => {
  expect(noteOf({ state: "ARCHIVED" }, thaw)).toContain("<button");
  expect(noteOf({ state: "ARCHIVED" })).not.toContain("<button");
  expect(noteOf({ state: "THAWING" }, thaw)).not.toContain("<button");
  expect(noteOf({ state: "THAWED" }, thaw)).not.toContain("<button");
});

test.each([null, undefined, { state: "READABLE" }])("%o shows nothing", (archive) => {
  expect(badgeOf(archive) + noteOf(archive, thaw)).toBe("");
});
