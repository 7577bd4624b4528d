import { expect, test } from "vitest";
import { dayOf, isoDay, lastDays, sumByDay } from "./days.ts";

test("days are in UTC, and today is one of them", () => {
  const now = Date.parse("2026-03-01T23:30:00-05:00");
  expect(isoDay(now)).toBe("2026-03-02");
  expect(lastDays(30, now)).toEqual({ since: "2026-02-01", until: "2026-03-02" });
  expect(lastDays(1, now)).toEqual({ since: "2026-03-02", until: "2026-03-02" });
});

test("kinds of one day are added, and days without any are 0", () => {
  const values = [
    { day: "2026-02-27", value: 2 },
    { day: "2026-03-01", value: 3 },
    { day: "2026-02-27", value: 5 },
    { day: "2026-02-26", value: 100 },
    { day: "2026-03-02", value: 100 },
    { day: "nonsense", value: 100 },
  ];
  const [days, sums] = sumByDay(values, "2026-02-27", "2026-03-01");
  expect(sums).toEqual([7, 0, 3]);
  expect(days.map((day) => isoDay(dayOf(day).getTime()))).toEqual([
    "2026-02-27",
    "2026-02-28",
    "2026-03-01",
  ]);
});

test("a period that ends before it begins has no days", () => {
  expect(sumByDay([], "2026-03-02", "2026-03-01")).toEqual([[], []]);
});
