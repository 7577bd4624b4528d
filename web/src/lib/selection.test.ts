import { expect, test } from "vitest";
import { extend, NOTHING, retain, toggle } from "./selection.ts";

const idAt = (position: number) => (position >= 0 && position < 10 ? `id${position}` : undefined);
const ids = (selection: { ids: ReadonlySet<string> }) => [...selection.ids].sort();

test("toggling chooses and unchooses", () => {
  const one = toggle(NOTHING, 3, idAt);
  expect(ids(one)).toEqual(["id3"]);
  expect(ids(toggle(one, 3, idAt))).toEqual([]);
});

test("a range goes from the anchor in both directions and keeps what was chosen", () => {
  const anchored = toggle(NOTHING, 5, idAt);
  const forward = extend(anchored, 7, idAt);
  expect(ids(forward)).toEqual(["id5", "id6", "id7"]);
  expect(ids(extend(forward, 4, idAt))).toEqual(["id4", "id5", "id6", "id7"]);
});

test("what is not loaded is left out", () => {
  expect(ids(extend(toggle(NOTHING, 8, idAt), 12, idAt))).toEqual(["id8", "id9"]);
  expect(toggle(NOTHING, 11, idAt)).toBe(NOTHING);
});

test("what is gone is no longer chosen", () => {
  const chosen = extend(toggle(NOTHING, 0, idAt), 2, idAt);
  expect(ids(retain(chosen, (id) => id !== "id1"))).toEqual(["id0", "id2"]);
  expect(retain(chosen, () => true)).toBe(chosen);
});
