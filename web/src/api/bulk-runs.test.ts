import { TidegateError } from "@tidegate/client";
import { expect, test, vi } from "vitest";
import {
  type BulkIo,
  BulkRuns,
  type BulkWork,
  doneSince,
  FEW,
  type JobProgress,
  partsOf,
} from "./bulk-runs.ts";

const ids = (count: number) => Array.from({ length: count }, (_, n) => `id-${n}`);
const failed = (...names: string[]) =>
  names.map((id) => ({ id, code: "NOT_FOUND", message: `no ${id}` }));
const job = (done: number, over: Partial<JobProgress> = {}): JobProgress => ({
  state: "running",
  done,
  failedTotal: over.failed?.length ?? 0,
  failed: [],
  ...over,
});

function io(responses: Array<JobProgress | Error>) {
  const waits: number[] = [];
  const sent: string[][] = [];
  const parts: BulkIo = {
    start: vi.fn(async (_target, _action, list) => {
      sent.push(list);
      return `job-${sent.length}`;
    }),
    read: vi.fn(async () => {
      const next = responses.shift();
      if (next === undefined) throw new Error("asked too often");
      if (next instanceof Error) throw next;
      return next;
    }),
    wait: async (milliseconds) => {
      waits.push(milliseconds);
    },
  };
  return { parts, waits, sent };
}

const work = (over: Partial<BulkWork> = {}): BulkWork => ({
  place: "space s",
  target: { kind: "space", owner: "s" },
  action: "delete",
  ids: ids(20),
  names: new Map([["id-3", "harbour.png"]]),
  one: async () => undefined,
  ...over,
});

test("few objects are done by a request each, and one that fails keeps no others", async () => {
  const { parts } = io([]);
  const runs = new BulkRuns(parts);
  const outcome = await runs.perform(
    work({
      ids: ids(FEW),
      one: async (id) => {
        if (id === "id-3") throw new TidegateError("conflict", "INVALID_STATE", "busy");
      },
    }),
  );
  expect(parts.start).not.toHaveBeenCalled();
  expect(outcome.done.sort()).toEqual(["id-0", "id-1", "id-2", "id-4"]);
  expect(runs.snapshot()).toMatchObject([
    { over: true, failedTotal: 1, failures: [{ name: "harbour.png", code: "INVALID_STATE" }] },
  ]);
  runs.dismiss(runs.snapshot()[0]?.id ?? 0);
  expect(runs.snapshot()).toEqual([]);
});

test("more are one job, asked about with growing pauses", async () => {
  const { parts, waits, sent } = io([job(0), job(5), job(9), job(9), job(20, { state: "done" })]);
  const runs = new BulkRuns(parts);
  const told: string[][] = [];
  const seen: number[] = [];
  runs.subscribe(() => seen.push(runs.snapshot()[0]?.done ?? -1));
  const outcome = await runs.perform(work({ onDone: (done) => told.push(done) }));
  expect(sent).toEqual([ids(20)]);
  expect(waits).toEqual([250, 500, 1000, 2000, 2000]);
  expect(told.map((list) => list.length)).toEqual([5, 4, 11]);
  expect(outcome).toMatchObject({ done: ids(20), failedTotal: 0, unsure: false });
  expect(seen).toEqual([0, 0, 0, 5, 9, 9, 20, -1]);
});

test("more than a job takes are sent in several, one after the other", async () => {
  const done = { state: "done" };
  const { parts, sent } = io([
    job(10_000, { ...done, failed: failed("id-3") }),
    job(10_000, done),
    job(1, { ...done, failed: failed("id-20000") }),
  ]);
  const runs = new BulkRuns(parts);
  const unsent: number[] = [];
  runs.subscribe(() => unsent.push(runs.snapshot()[0]?.unsent ?? 0));
  const outcome = await runs.perform(work({ ids: ids(20_001) }));
  expect(sent.map((list) => list.length)).toEqual([10_000, 10_000, 1]);
  expect(outcome.done).toHaveLength(19_999);
  expect(unsent.slice(0, 2)).toEqual([0, 2]);
  expect(runs.snapshot()).toMatchObject([
    { done: 20_001, failedTotal: 2, failures: [{ name: "harbour.png" }, { name: "id-20000" }] },
  ]);
});

test("what a job does not tell stays unsure, also after the next job", async () => {
  const done = { state: "done" };
  const { parts } = io([
    job(10_000, { ...done, failed: failed("id-3"), failedTotal: 7 }),
    job(1, done),
  ]);
  const outcome = await new BulkRuns(parts).perform(work({ ids: ids(10_001) }));
  expect(outcome).toMatchObject({ done: ["id-0", "id-1", "id-2", "id-10000"], unsure: true });
  expect(outcome.failedTotal).toBe(7);
});

test("a response that does not come is asked for again, a refusal ends it", async () => {
  const away = new TidegateError("network", "NETWORK", "no response");
  const gone = new TidegateError("gone", "NOT_FOUND", "no such bulk action", { status: 404 });
  const { parts } = io([away, job(4), away, gone]);
  const outcome = await new BulkRuns(parts).perform(work());
  expect(outcome.stopped).toBe(gone);
  expect(outcome.done).toEqual(ids(4));
  expect(outcome.unsure).toBe(true);
});

test("a job waits for its turn where the user has as many as they may have", async () => {
  const { parts, waits } = io([job(20, { state: "done" })]);
  const busy = new TidegateError("server", "RATE_LIMITED", "too many", { status: 429 });
  vi.mocked(parts.start).mockRejectedValueOnce(busy).mockRejectedValueOnce(busy);
  const outcome = await new BulkRuns(parts).perform(work());
  expect(outcome.done).toHaveLength(20);
  expect(waits).toEqual([2000, 2000, 250]);
});

test("a job that is refused leaves everything as it was", async () => {
  const { parts } = io([]);
  const refused = new TidegateError("auth", "FORBIDDEN", "no", { status: 403 });
  vi.mocked(parts.start).mockRejectedValueOnce(refused);
  const runs = new BulkRuns(parts);
  const outcome = await runs.perform(work());
  expect(outcome).toMatchObject({ done: [], stopped: refused, unsure: false });
  expect(runs.snapshot()).toEqual([]);
});

test("who is not signed in has no job", async () => {
  const { parts } = io([]);
  const outcome = await new BulkRuns(parts).perform(work({ target: null, ids: ids(50) }));
  expect(parts.start).not.toHaveBeenCalled();
  expect(outcome.done).toHaveLength(50);
});

test("after a sign-out nothing is asked and nothing is told", async () => {
  const { parts } = io([job(3), job(9)]);
  const runs = new BulkRuns(parts);
  const told: string[][] = [];
  const outcome = await runs.perform(
    work({
      onDone: (done) => {
        told.push(done);
        runs.clear();
      },
    }),
  );
  expect(outcome.aborted).toBe(true);
  expect(runs.snapshot()).toEqual([]);
  expect(told).toEqual([ids(3)]);
  expect(parts.read).toHaveBeenCalledTimes(1);
});

test("what is done is known up to the last failure that a job names", () => {
  const list = ids(10);
  expect(doneSince(list, 0, job(4, { failed: failed("id-1") }))).toEqual({
    done: ["id-0", "id-2", "id-3"],
    end: 4,
  });
  const more = job(10, { failed: failed("id-1", "id-5"), failedTotal: 4 });
  expect(doneSince(list, 4, more)).toEqual({ done: ["id-4"], end: 6 });
  expect(doneSince(list, 8, more)).toEqual({ done: [], end: 8 });
});

test("parts are as large as a job may be", () => {
  expect(partsOf([], 2)).toEqual([]);
  expect(partsOf(ids(5), 2).map((part) => part.length)).toEqual([2, 2, 1]);
});
