import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CHUNK, ListWindow, MOST_PARTS, type PositionedPage, REST } from "./list-window.ts";
import { changeItems, findIn, itemIn, missingChunks, type Segments, withPart } from "./segments.ts";

const letters = (start: number, text: string) => ({ start, items: [...text] });
const list = (total: number, ...parts: Array<{ start: number; items: string[] }>) =>
  ({ total, parts, version: 0 }) satisfies Segments<string>;

test("items are found by position in parts anywhere", () => {
  const some = list(100, letters(0, "ab"), letters(10, "cde"), letters(98, "yz"));
  const at = (position: number) => itemIn(some, position);
  expect([0, 1, 2, 9, 10, 12, 13, 97, 98, 99, 100, -1].map(at)).toEqual([
    "a",
    "b",
    undefined,
    undefined,
    "c",
    "e",
    undefined,
    undefined,
    "y",
    "z",
    undefined,
    undefined,
  ]);
  expect(findIn(some, (item) => item === "d")).toBe(11);
  expect(findIn(some, (item) => item === "?")).toBe(-1);
});

test("what is missing is asked for in chunks that fit between the parts", () => {
  const some = list(95, letters(0, "0123456789"), letters(25, "abcde"));
  expect(missingChunks(some, 0, 9, 10)).toEqual([]);
  expect(missingChunks(some, 5, 12, 10)).toEqual([{ offset: 10, limit: 10 }]);
  expect(missingChunks(some, 18, 31, 10)).toEqual([
    { offset: 10, limit: 10 },
    { offset: 20, limit: 5 },
    { offset: 30, limit: 10 },
  ]);
  expect(missingChunks(some, 94, 1000, 10)).toEqual([{ offset: 90, limit: 5 }]);
  expect(missingChunks(some, -5, 3, 10)).toEqual([]);
  expect(missingChunks(list(0, letters(0, "")), 0, 10, 10)).toEqual([]);
  expect(missingChunks(some, 200, 300, 10)).toEqual([]);
});

test("a part gives way to what is there, and the list ends where the server says", () => {
  const some = list(20, letters(0, "abc"), letters(8, "xyz"));
  const { parts } = withPart(some, letters(2, "CDEFGHXY"), 10);
  expect(parts).toEqual([letters(0, "abc"), letters(3, "DEFGH"), letters(8, "xy")]);
});

test("what comes and goes moves what lies behind it", () => {
  const some = list(100, letters(0, "abc"), letters(50, "def"), letters(98, "yz"));
  const without = changeItems(some, (items) => items.filter((item) => !"be".includes(item)));
  expect(without).toEqual({
    total: 98,
    parts: [letters(0, "ac"), letters(49, "df"), letters(96, "yz")],
    version: 1,
  });
  const ends: boolean[][] = [];
  const more = changeItems(some, (items, isFirst, isLast) => {
    ends.push([isFirst, isLast]);
    return isFirst ? ["_", ...items] : items;
  });
  expect(ends).toEqual([
    [true, false],
    [false, false],
    [false, true],
  ]);
  expect(more.total).toBe(101);
  expect(itemIn(more, 51)).toBe("d");
  expect(changeItems(some, (items) => items)).toBe(some);
  const replaced = changeItems(some, (items) => items.map((item) => item.toUpperCase()));
  expect(replaced.version).toBe(0);
});

test("a part that becomes empty is left out, except at the beginning", () => {
  const some = list(3, letters(0, "a"), letters(2, "c"));
  expect(changeItems(some, () => [])).toEqual({ total: 1, parts: [letters(0, "")], version: 1 });
});

/** A server with a list of numbers, and what is kept of it. */
class Server {
  asked: Array<[offset: number, limit: number]> = [];
  aborted = 0;
  failures: unknown[] = [];
  fails = false;
  kept: Segments<number> | undefined;
  readonly window = new ListWindow<number>({
    fetchAt: (offset, limit, signal) => this.fetchAt(offset, limit, signal),
    read: () => this.kept,
    write: (segments) => {
      this.kept = segments;
    },
    onFailure: (failure) => this.failures.push(failure),
  });

  constructor(public size: number) {}

  async fetchAt(offset: number, limit: number, signal: AbortSignal) {
    this.asked.push([offset, limit]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    if (signal.aborted) {
      this.aborted += 1;
      throw signal.reason;
    }
    if (this.fails) throw new Error("away");
    const length = Math.max(0, Math.min(limit, this.size - offset));
    const items = Array.from({ length }, (_, index) => offset + index);
    return { items, next: null, total: this.size } satisfies PositionedPage<number>;
  }

  async open(): Promise<void> {
    const read = this.window.refresh(new AbortController().signal);
    await vi.advanceTimersByTimeAsync(1_000);
    this.kept = await read;
  }

  async see(first: number, last: number, milliseconds = 1_000): Promise<void> {
    this.window.need(first, last);
    await vi.advanceTimersByTimeAsync(milliseconds);
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("the end of a million items is as near as their beginning", async () => {
  const server = new Server(1_000_003);
  await server.open();
  expect(server.kept?.total).toBe(1_000_003);
  await server.see(1_000_003 - 40, 1_000_002);
  expect(server.asked).toEqual([
    [0, CHUNK],
    [999_800, CHUNK],
    [1_000_000, 3],
  ]);
  expect(server.kept && itemIn(server.kept, 1_000_002)).toBe(1_000_002);
  expect(server.kept && itemIn(server.kept, 500_000)).toBeUndefined();
});

test("positions that are only passed are not asked for", async () => {
  const server = new Server(1_000_000);
  await server.open();
  for (let first = 1_000; first < 900_000; first += 5_000) {
    await server.see(first, first + 30, REST / 3);
  }
  await server.see(900_100, 900_130);
  expect(server.asked).toEqual([
    [0, CHUNK],
    [900_000, CHUNK],
  ]);
});

test("a request for what is not seen any more is given up", async () => {
  const server = new Server(1_000_000);
  await server.open();
  await server.see(500_100, 500_130, REST + 50);
  await server.see(10, 20, REST / 2);
  await server.see(700_100, 700_130);
  expect(server.asked.map(([offset]) => offset)).toEqual([0, 500_000, 700_000]);
  expect(server.aborted).toBe(1);
  expect(server.failures.filter(Boolean)).toEqual([]);
});

test("at most so many parts are kept, those nearest to what is seen", async () => {
  const server = new Server(1_000_000);
  await server.open();
  for (let part = 1; part <= MOST_PARTS + 10; part += 1) {
    await server.see(part * CHUNK + 80, part * CHUNK + 120);
  }
  expect(server.kept?.parts).toHaveLength(MOST_PARTS);
  expect(server.kept?.parts.at(-1)?.start).toBe((MOST_PARTS + 10) * CHUNK);
  const before = server.asked.length;
  await server.see(0, 20);
  expect(server.asked.slice(before)).toEqual([[0, CHUNK]]);
});

test("what failed is asked for again when something else is seen, and not in a loop", async () => {
  const server = new Server(10_000);
  await server.open();
  server.fails = true;
  await server.see(5_080, 5_100, 10_000);
  expect(server.asked).toHaveLength(2);
  expect(server.failures.at(-1)).toBeInstanceOf(Error);
  server.fails = false;
  await server.see(5_081, 5_101);
  expect(server.failures.at(-1)).toBeNull();
  expect(server.kept && itemIn(server.kept, 5_090)).toBe(5_090);
});

test("what comes after positions have moved is asked for again", async () => {
  const server = new Server(10_000);
  await server.open();
  await server.see(5_080, 5_100, REST + 50);
  if (server.kept) server.kept = changeItems(server.kept, (items) => items.slice(1));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(server.asked.map(([offset]) => offset)).toEqual([0, 5_000, 5_000]);
});

test("reading anew keeps what is seen, also of a list that has become shorter", async () => {
  const server = new Server(10_000);
  await server.open();
  await server.see(9_960, 9_999);
  await server.open();
  expect(server.kept?.parts.map(({ start }) => start)).toEqual([9_800]);
  server.size = 450;
  await server.open();
  expect(server.kept).toMatchObject({ total: 450, parts: [{ start: 400 }] });
  server.size = 0;
  await server.open();
  expect(server.kept).toMatchObject({ total: 0, parts: [{ start: 0, items: [] }] });
});

test("what came into view while the list was read anew is loaded after it", async () => {
  const server = new Server(10_000);
  await server.open();
  const read = server.window.refresh(new AbortController().signal);
  server.window.need(0, 20);
  server.window.need(7_080, 7_100);
  await vi.advanceTimersByTimeAsync(1_000);
  server.kept = await read;
  expect(itemIn(server.kept, 7_090)).toBeUndefined();
  server.window.lookAgain();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(itemIn(server.kept, 7_090)).toBe(7_090);
});

test("a list that ends before the server said it does is not asked for for ever", async () => {
  const server = new Server(1_000);
  await server.open();
  server.size = 500;
  vi.spyOn(server, "fetchAt").mockImplementation(async (offset) => {
    server.asked.push([offset, CHUNK]);
    return { items: [], next: null, total: 1_000 };
  });
  await server.see(700, 740, 10_000);
  expect(server.asked).toHaveLength(2);
  expect(server.kept?.total).toBe(600);
});
