import { expect, test } from "vitest";
import { renewalDelay, ServerClock } from "../src/clock.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A grant of 15 minutes that is renewed after a quarter of them. */
function grantAt(serverNow: number): [number, number] {
  return [serverNow + 3 * MINUTE, serverNow + 14 * MINUTE];
}

test("a known clock of the server decides, however wrong this computer's is", () => {
  const clock = new ServerClock();
  const serverNow = Date.now() - HOUR;
  clock.observe(new Headers({ date: new Date(serverNow).toUTCString() }));
  const delay = renewalDelay(clock, ...grantAt(serverNow));
  expect(Math.abs(delay - 3 * MINUTE)).toBeLessThan(2000);
});

test.each([-HOUR, 0, HOUR])(
  "without it, a grant is renewed before it ends: wrong by %i ms",
  (wrong) => {
    const [refreshAfter, expiresAt] = grantAt(Date.now() - wrong);
    const delay = renewalDelay(new ServerClock(), refreshAfter, expiresAt);
    expect(delay).toBeGreaterThan(MINUTE);
    expect(delay).toBeLessThanOrEqual(11 * MINUTE);
  },
);

test("a grant of no time is not asked for without end", () => {
  const now = Date.now();
  expect(renewalDelay(new ServerClock(), now, now)).toBe(1000);
  expect(renewalDelay(new ServerClock(), now + 5, now - 5)).toBe(1000);
});

test("a Date that can't be read is ignored", () => {
  const clock = new ServerClock();
  clock.observe(new Headers({ date: "yesterday" }));
  clock.observe(new Headers());
  expect(clock.known).toBe(false);
});
