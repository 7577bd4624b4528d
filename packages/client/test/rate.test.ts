import { expect, test } from "vitest";
import { RateMeter } from "../src/upload/rate.js";

test("measures the last seconds only", () => {
  const meter = new RateMeter();
  for (let second = 0; second <= 20; second++) meter.note(second * 100, second * 1000);
  expect(meter.rate(20_000)).toBeCloseTo(100);
  for (let second = 21; second <= 40; second++)
    meter.note(2000 + (second - 20) * 500, second * 1000);
  expect(meter.rate(40_000)).toBeCloseTo(500);
});

test("is zero before there is anything to measure, and when nothing moves", () => {
  const meter = new RateMeter();
  expect(meter.rate(0)).toBe(0);
  meter.note(0, 0);
  meter.note(1000, 100);
  expect(meter.rate(100)).toBe(0);
  meter.note(5000, 1000);
  expect(meter.rate(1000)).toBeCloseTo(5000);
  expect(meter.rate(60_000)).toBe(0);
});

test("is never negative after a part failed", () => {
  const meter = new RateMeter();
  meter.note(5000, 0);
  meter.note(6000, 1000);
  meter.note(1000, 2000);
  meter.note(2000, 3000);
  expect(meter.rate(3000)).toBeCloseTo(1000);
});
