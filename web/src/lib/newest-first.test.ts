import { expect, test } from "vitest";
import { insertNewest, mergeStart } from "./newest-first.ts";

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

test("a start that was read anew brings what came and leaves out what went", () => {
  const known = [item("d", 40), item("c", 30), item("b", 20), item("a", 10)];
  const start = [item("e", 50), item("d", 40), item("b", 20)];
  expect(ids(mergeStart(start, known))).toBe("edba");
  expect(mergeStart([], known)).toBe(known);
});
