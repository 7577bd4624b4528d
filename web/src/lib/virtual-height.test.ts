import { expect, test } from "vitest";
import { elementHeight, LARGEST, newMapping, scrolled, scrollTopFor } from "./virtual-height.ts";

const VIEWPORT = 800;

test("a list below the cap is laid out as it is", () => {
  const mapping = newMapping(50_000, VIEWPORT);
  expect(elementHeight(50_000)).toBe(50_000);
  expect(scrolled(mapping, 12_345)).toBe(12_345);
  expect(scrollTopFor(mapping, 49_200)).toBe(49_200);
  expect(mapping.shift).toBe(0);
});

test("no element is higher than browsers allow", () => {
  expect(elementHeight(250_000_000)).toBe(LARGEST);
  expect(LARGEST).toBeLessThan(2 ** 24);
});

test("both ends of a long list are at the ends of its element", () => {
  const listHeight = 1_000_000 * 230;
  const mapping = newMapping(listHeight, VIEWPORT);
  expect(scrolled(mapping, LARGEST - VIEWPORT)).toBe(listHeight - VIEWPORT);
  expect(scrolled(mapping, 0)).toBe(0);
});

test("small steps move a long list by as many pixels, wherever it is", () => {
  const mapping = newMapping(230_000_000, VIEWPORT);
  const start = scrolled(mapping, 4_000_000);
  expect(start).toBeCloseTo((4_000_000 / (LARGEST - VIEWPORT)) * (230_000_000 - VIEWPORT), 0);
  expect(scrolled(mapping, 4_000_100)).toBe(start + 100);
  expect(scrolled(mapping, 3_999_950)).toBe(start - 50);
});

test.each([0, 1, 799, 123_456, 115_000_000, 229_999_199, 229_999_200])(
  "position %i can be scrolled to and is what is then shown",
  (position) => {
    const mapping = newMapping(230_000_000, VIEWPORT);
    const scrollTop = scrollTopFor(mapping, position);
    expect(scrollTop).toBeLessThanOrEqual(LARGEST - VIEWPORT);
    expect(scrolled(mapping, scrollTop)).toBeCloseTo(position, 0);
  },
);

test("positions beyond the ends lead to the ends", () => {
  const mapping = newMapping(230_000_000, VIEWPORT);
  expect(scrolled(mapping, scrollTopFor(mapping, 1e12))).toBe(230_000_000 - VIEWPORT);
  expect(scrolled(mapping, scrollTopFor(mapping, -5))).toBe(0);
});
