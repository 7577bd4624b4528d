import { expect, test } from "vitest";
import { itemAt, pageStarts } from "./paged-list.ts";

const pages = [["a", "b"], [], ["c"], ["d", "e", "f"]].map((items) => ({ items, next: null }));

test("items are found by position across pages of any size", () => {
  const starts = pageStarts(pages);
  expect(starts).toEqual([0, 2, 2, 3, 6]);
  const found = [0, 1, 2, 3, 4, 5, 6].map((position) => itemAt(pages, starts, position));
  expect(found).toEqual(["a", "b", "c", "d", "e", "f", undefined]);
});

test("nothing is in a list that has no page", () => {
  expect(itemAt([], pageStarts([]), 0)).toBeUndefined();
});
