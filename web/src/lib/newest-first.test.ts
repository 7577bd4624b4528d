import { expect, test } from "vitest";
import { insertNewest, isWithin } from "./newest-first.ts";

const item = (id: string, minute: number) => ({
  id,
  createdAt: `2026-11-30T10:${String(minute).padStart(2, "0")}:00Z`,
});
const ids = (items: Array<{ id: string }>) => items.map(({ id }) => id).join("");

test("an item is put where its time is", () => {
  const list = [item("d", 40), item("b", 20), item("a", 10)];
  expect(ids(insertNewest(list, item("c", 30)))).toBe("dcba");
  expect(ids(insertNewest(list, item("e", 50)))).toBe("edba");
  expect(ids(insertNewest(list, item("0", 5)))).toBe("dba0");
  expect(ids(insertNewest([], item("a", 1)))).toBe("a");
});

test("an item belongs where it is between others, or at an end of the list", () => {
  const part = [item("c", 30), item("b", 20)];
  expect(isWithin(part, item("x", 25), false, false)).toBe(true);
  expect(isWithin(part, item("x", 40), false, true)).toBe(false);
  expect(isWithin(part, item("x", 40), true, false)).toBe(true);
  expect(isWithin(part, item("x", 10), true, false)).toBe(false);
  expect(isWithin(part, item("x", 10), false, true)).toBe(true);
  expect(isWithin([], item("x", 10), true, true)).toBe(true);
  expect(isWithin([], item("x", 10), true, false)).toBe(false);
});
