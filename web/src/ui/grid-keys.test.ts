import { expect, test } from "vitest";
import { moveTo } from "./grid-keys.ts";

const shape = { count: 23, columns: 5, perPage: 10 };
const press = (key: string, from: number, grid = shape) =>
  moveTo({ key, ctrlKey: false, metaKey: false, altKey: false }, from, grid);

test.each([
  ["ArrowRight", 0, 1],
  ["ArrowRight", 22, 22],
  ["ArrowLeft", 0, 0],
  ["ArrowDown", 3, 8],
  ["ArrowDown", 19, 22],
  ["ArrowDown", 21, 21],
  ["ArrowUp", 7, 2],
  ["ArrowUp", 2, 2],
  ["PageDown", 3, 13],
  ["PageUp", 3, 0],
  ["Home", 17, 0],
  ["End", 0, 22],
])("%s at %i leads to %i", (key, from, to) => {
  expect(press(key, from)).toBe(to);
});

test("a list of one column has no left and right", () => {
  expect(press("ArrowRight", 3, { count: 9, columns: 1, perPage: 4 })).toBeNull();
});

test("other keys and empty lists move nothing", () => {
  expect(press("x", 3)).toBeNull();
  expect(press("End", 0, { count: 0, columns: 5, perPage: 10 })).toBeNull();
});
