import { TidegateError } from "@tidegate/client";
import { expect, test } from "vitest";
import { isActive, totalsOf } from "./totals.ts";

const at = (sent: number, rate = 0) => ({ sent, total: 100, rate, eta: undefined });

test("totals are of all that was not cancelled", () => {
  const totals = totalsOf([
    { state: "done", progress: at(0) },
    { state: "uploading", progress: at(40, 10) },
    { state: "uploading", progress: at(10, 5) },
    { state: "failed", progress: at(20, 9) },
    { state: "paused", progress: at(5) },
    { state: "aborted", progress: at(50) },
  ]);
  expect(totals).toEqual({
    files: 5,
    done: 1,
    processing: 0,
    failed: 1,
    paused: 1,
    resumable: 2,
    sent: 175,
    bytes: 500,
    rate: 15,
  });
  expect(isActive(totals)).toBe(true);
});

test("nothing is active once all is done, failed or paused", () => {
  expect(isActive(totalsOf([{ state: "done", progress: at(1) }]))).toBe(false);
  expect(isActive(totalsOf([{ state: "paused", progress: at(1) }]))).toBe(false);
  expect(isActive(totalsOf([{ state: "queued", progress: at(0) }]))).toBe(true);
});

test("what the server rejects is not done, and what it still looks at is no reason to wait", () => {
  const totals = totalsOf([
    { state: "done", progress: at(100), fate: "published" },
    { state: "done", progress: at(100), fate: "refused" },
    { state: "done", progress: at(100), fate: "processing" },
    { state: "done", progress: at(100) },
  ]);
  expect(totals).toMatchObject({ files: 4, done: 2, processing: 1, failed: 1, sent: 400 });
  expect(isActive(totals)).toBe(false);
});

test("what is refused for good cannot be continued", () => {
  const refused = new TidegateError("type", "TYPE_NOT_ACCEPTED", "refused");
  const failed = { state: "failed", progress: at(0) } as const;
  expect(totalsOf([{ ...failed, error: refused }])).toMatchObject({ failed: 1, resumable: 0 });
  const away = new TidegateError("network", "NETWORK", "away");
  expect(totalsOf([{ ...failed, error: away }])).toMatchObject({ failed: 1, resumable: 1 });
});
