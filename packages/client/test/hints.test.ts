import { beforeEach, describe, expect, test, vi } from "vitest";
import { browserHints, formatRanges, memoryHints, parseRanges } from "../src/upload/hints.js";

const HINT = {
  handle: { uploadId: "u" },
  name: "a.bin",
  size: 5,
  lastModified: 1,
  target: "disks",
  begun: Date.now(),
};

/** A `Storage` in memory that may be full. */
function fakeStorage(limit = Number.POSITIVE_INFINITY): Storage {
  const items = new Map<string, string>();
  return {
    get length() {
      return items.size;
    },
    key: (index: number) => [...items.keys()][index] ?? null,
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => {
      if (value.length > limit) throw new DOMException("", "QuotaExceededError");
      items.set(key, value);
    },
    removeItem: (key: string) => void items.delete(key),
    clear: () => items.clear(),
  };
}

beforeEach(() => void vi.stubGlobal("localStorage", fakeStorage()));

describe("browserHints", () => {
  test("keeps hints between visits", () => {
    browserHints().set("key", HINT);
    expect(browserHints().get("key")).toEqual(HINT);
    expect(browserHints().list()).toEqual([HINT]);
    browserHints().delete("key");
    expect(browserHints().get("key")).toBeUndefined();
  });

  test.each(["", "{", "null", "5", '{"handle":{}}', JSON.stringify({ ...HINT, handle: { a: 1 } })])(
    "drops %j, which is no hint",
    (text) => {
      localStorage.setItem("tidegate-upload:key", text);
      expect(browserHints().get("key")).toBeUndefined();
      expect(browserHints().list()).toEqual([]);
      expect(localStorage.length).toBe(0);
    },
  );

  test("drops hints of uploads that ended long ago, and leaves what is not its own", () => {
    localStorage.setItem("other", "value");
    browserHints().set("key", { ...HINT, begun: 0 });
    expect(browserHints().list()).toEqual([]);
    expect(localStorage.getItem("other")).toBe("value");
  });

  test("works for this page where the browser has no storage, or a full one", () => {
    vi.stubGlobal("localStorage", undefined);
    const hints = browserHints();
    hints.set("key", HINT);
    expect(hints.get("key")).toEqual(HINT);

    vi.stubGlobal("localStorage", fakeStorage(3));
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    browserHints().set("key", HINT);
    expect(warn).toHaveBeenCalledOnce();
  });
});

describe("ranges of part numbers", () => {
  test("are short and read back", () => {
    const numbers = [9, 1, 2, 3, 7];
    expect(formatRanges(numbers)).toBe("1-3,7,9");
    expect(parseRanges("1-3,7,9", 100)).toEqual([1, 2, 3, 7, 9]);
    expect(formatRanges([])).toBe("");
  });

  test.each([
    ["", []],
    ["x", []],
    ["1,,2", []],
    ["3-1", []],
    ["0-2", [1, 2]],
    ["2-999999", [2, 3, 4]],
    ["-5", []],
  ])("of %j are %j", (text, numbers) => {
    expect(parseRanges(text, 4)).toEqual(numbers);
  });
});

test("memoryHints forgets what is deleted", () => {
  const hints = memoryHints();
  hints.set("a", HINT);
  hints.delete("a");
  expect(hints.list()).toEqual([]);
});
