import { TidegateError } from "@tidegate/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Fates, fateOf, type Item } from "./fates.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const REJECTED = { status: "REJECTED", reason: "the file is damaged" };

function watching(look: () => Promise<Item>) {
  const fates = new Fates();
  fates.watch("upload", { id: "image", status: "SCANNING", look });
  return fates;
}

test("a status says whether the server is still at it, has published it, or refused it", () => {
  expect(fateOf(REJECTED)).toEqual({ ...REJECTED, state: "refused" });
  expect(fateOf({ status: "SCAN_FAILED", reason: null }).state).toBe("refused");
  expect(fateOf({ status: "FAILED" }).state).toBe("refused");
  for (const status of ["UPLOADED", "SCANNING", "PROCESSING"]) {
    expect(fateOf({ status }).state, status).toBe("processing");
  }
  for (const status of ["READY", "COMPLETED"]) {
    expect(fateOf({ status }).state, status).toBe("published");
  }
});

test("an item is asked for until the server is done with it, and then no more", async () => {
  const answers: Item[] = [{ status: "PROCESSING" }, REJECTED];
  const look = vi.fn(async () => answers.shift() as Item);
  const fates = watching(look);
  expect(fates.of("upload")?.state).toBe("processing");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(fates.of("upload")).toEqual({ ...REJECTED, state: "refused" });
  expect(look).toHaveBeenCalledTimes(2);
});

test("what a page saw settles an item without a request, also after a second attempt", async () => {
  const look = vi.fn(async () => REJECTED);
  const fates = watching(look);
  fates.seen("another", { status: "READY" });
  expect(fates.of("upload")?.state).toBe("processing");
  fates.seen("image", REJECTED);
  expect(fates.of("upload")?.state).toBe("refused");
  fates.seen("image", { status: "READY" });
  expect(fates.of("upload")?.state).toBe("published");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(look).not.toHaveBeenCalled();
});

test("a failed look is tried again, later and later; a deleted item is followed no more", async () => {
  const away = new TidegateError("network", "NETWORK", "away");
  const look = vi.fn<() => Promise<Item>>().mockRejectedValue(away);
  const fates = watching(look);
  await vi.advanceTimersByTimeAsync(300_000);
  expect(fates.of("upload")?.state).toBe("processing");
  const before = look.mock.calls.length;
  expect(before).toBeGreaterThan(5);
  expect(before).toBeLessThan(25);
  look.mockRejectedValue(new TidegateError("gone", "NOT_FOUND", "gone", { status: 404 }));
  await vi.advanceTimersByTimeAsync(300_000);
  expect(fates.of("upload")?.state).toBe("published");
  expect(look.mock.calls.length).toBe(before + 1);
});

test("what was taken off the list is asked for no more, and many are asked for some at a time", async () => {
  const look = vi.fn(async () => ({ status: "PROCESSING" }));
  const fates = new Fates();
  for (let n = 0; n < 100; n++) fates.watch(`${n}`, { id: `${n}`, status: "SCANNING", look });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(look.mock.calls.length).toBeGreaterThan(0);
  expect(look.mock.calls.length).toBeLessThanOrEqual(32);
  for (let n = 0; n < 100; n++) fates.forget(`${n}`);
  const before = look.mock.calls.length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(look.mock.calls.length).toBe(before);
});
