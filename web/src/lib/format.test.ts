import { expect, test } from "vitest";
import { formatAgo, formatBytes, formatDuration, formatNumber } from "./format.ts";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1 kB"],
  [1536, "1.54 kB"],
  [999_499, "999 kB"],
  [999_500, "1 MB"],
  [12_582_912, "12.6 MB"],
  [5e12, "5 TB"],
  [2 ** 53, "9.01 PB"],
])("%i bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes, "en")).toBe(text);
});

test("numbers are written as the language does", () => {
  expect(formatBytes(1536, "de")).toBe("1,54 kB");
  expect(formatNumber(1234567, "de")).toBe("1.234.567");
});

test.each([
  [-30_000, "now"],
  [-3 * 60_000, "3 minutes ago"],
  [-26 * 3_600_000, "yesterday"],
  [29.5 * 86_400_000, "in 29 days"],
])("%i ms from now is %s", (distance, text) => {
  expect(formatAgo(1e12 + distance, 1e12, "en")).toBe(text);
});

test.each([
  [0, "0 sec"],
  [59.6, "1 min"],
  [3_725, "1 hr 2 min"],
  [7_200, "2 hr"],
])("%f seconds last %s", (seconds, text) => {
  expect(formatDuration(seconds, "en")).toBe(text);
});
