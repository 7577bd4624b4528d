import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { refreshNow, refreshSoon } from "./refresh-soon.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("many changes are one request a key, and a later change is another", () => {
  const invalidateQueries = vi.fn(() => Promise.resolve());
  const refresh = refreshSoon({ invalidateQueries });
  for (let i = 0; i < 100; i += 1) refresh(["files"]);
  refresh(["disks"]);
  expect(invalidateQueries).not.toHaveBeenCalled();
  vi.runAllTimers();
  expect(invalidateQueries.mock.calls).toEqual([
    [{ queryKey: ["files"] }],
    [{ queryKey: ["disks"] }],
  ]);
  refresh(["files"]);
  vi.runAllTimers();
  expect(invalidateQueries).toHaveBeenCalledTimes(3);
});

test("the first change is read at once, and what follows it in one request", () => {
  const invalidateQueries = vi.fn(() => Promise.resolve());
  const refresh = refreshNow({ invalidateQueries });
  for (let i = 0; i < 100; i += 1) refresh(["space"]);
  expect(invalidateQueries).toHaveBeenCalledTimes(1);
  vi.runAllTimers();
  expect(invalidateQueries).toHaveBeenCalledTimes(2);
  refresh(["space"]);
  expect(invalidateQueries).toHaveBeenCalledTimes(3);
});
