import { expect, test } from "vitest";
// @ts-expect-error -- plain JavaScript
import { parquet } from "../../../tests/parquet.mjs";
import { cellText } from "./cell.ts";
import { compressorsFor } from "./codecs.ts";
import { ParquetError, previewParquet, type Source } from "./preview.ts";
import { rangeSource } from "./ranges.ts";

const file = (compression: string): Uint8Array => new Uint8Array(parquet(compression));

function sourceOf(bytes: Uint8Array): Source & { reads: number } {
  const source = {
    size: bytes.length,
    reads: 0,
    async slice(start: number, end: number) {
      source.reads += end - start;
      return bytes.slice(start, end).buffer as ArrayBuffer;
    },
  };
  return source;
}

const preview = (bytes: Uint8Array) => previewParquet(sourceOf(bytes), compressorsFor);

async function reasonOf(act: Promise<unknown>): Promise<string> {
  try {
    await act;
    return "none";
  } catch (failure) {
    expect(failure).toBeInstanceOf(ParquetError);
    return (failure as ParquetError).reason;
  }
}

test.each(["snappy", "gzip", "zstd", "brotli", "lz4"])("the first rows of a %s file", async (c) => {
  const { columns, shown, rowCount, rowGroups, rows } = await preview(file(c));
  expect(columns).toEqual([
    { name: "id", type: "INT64" },
    { name: "name", type: "STRING" },
    { name: "when", type: "TIMESTAMP" },
    { name: "tags", type: "list" },
  ]);
  expect({ shown, rowCount, rowGroups, rows: rows.length }).toEqual({
    shown: 4,
    rowCount: 120,
    rowGroups: 2,
    rows: 100,
  });
  expect(rows[3]).toEqual(["3", null, "2026-01-01T03:00:00.000Z", "[]"]);
  expect(rows[99]).toEqual(["99", "core 1", "2026-01-05T03:00:00.000Z", "[]"]);
});

test("the decompressors are loaded for files that need them", async () => {
  const load = () => Promise.reject(new Error("not needed"));
  expect((await previewParquet(sourceOf(file("snappy")), load)).rows).toHaveLength(100);
  expect(await reasonOf(previewParquet(sourceOf(file("zstd")), async () => ({})))).toBe("codec");
});

test("what is no Parquet file is said to be none", async () => {
  const bytes = file("snappy");
  expect(await reasonOf(preview(new Uint8Array()))).toBe("notParquet");
  expect(await reasonOf(preview(new TextEncoder().encode("a,b\n1,2\n3,4\n5,6\n")))).toBe(
    "notParquet",
  );
  expect(await reasonOf(preview(bytes.subarray(0, -1)))).toBe("notParquet");
  const encrypted = bytes.slice();
  encrypted.set(new TextEncoder().encode("PARE"), encrypted.length - 4);
  expect(await reasonOf(preview(encrypted))).toBe("encrypted");
});

test("a footer that claims to be longer than the file is not believed", async () => {
  const bytes = file("snappy");
  new DataView(bytes.buffer).setUint32(bytes.length - 8, bytes.length, true);
  expect(await reasonOf(preview(bytes))).toBe("broken");
  new DataView(bytes.buffer).setUint32(bytes.length - 8, 0, true);
  expect(await reasonOf(preview(bytes))).toBe("broken");
});

test("a broken file is an error of the file, whichever byte is wrong", async () => {
  const whole = file("gzip");
  for (let at = 0; at < whole.length; at += 7) {
    for (const value of [0x00, 0x7f, 0xff]) {
      const bytes = whole.slice();
      bytes[at] = value;
      await reasonOf(preview(bytes));
    }
  }
});

test("a file that was cut in the middle is an error of the file", async () => {
  const whole = file("zstd");
  const middle = whole.length >> 1;
  const cut = new Uint8Array([...whole.subarray(0, middle - 200), ...whole.subarray(middle)]);
  expect(await reasonOf(preview(cut))).toBe("broken");
});

const answer = (status: number, bytes: number) => async () =>
  new Response(new Uint8Array(bytes), { status });

test("ranges are asked for byte by byte, and only so many of them", async () => {
  const asked: unknown[] = [];
  const source = rangeSource("https://store.test/f", 100, async (_, init) => {
    asked.push(init?.headers, init?.credentials);
    return new Response(new Uint8Array(8), { status: 206 });
  });
  expect((await source.slice(92, 100)).byteLength).toBe(8);
  expect(asked).toEqual([{ Range: "bytes=92-99" }, "omit"]);
  const large = rangeSource("https://store.test/f", 2 ** 40, answer(206, 8));
  expect(await reasonOf(large.slice(0, 2 ** 30))).toBe("tooLarge");
});

test.each<[string, () => Promise<Response>, string]>([
  ["all of the file", answer(200, 100), "range"],
  ["fewer bytes", answer(206, 7), "range"],
  ["a refusal", answer(403, 0), "unreachable"],
  ["that the file is archived", answer(409, 0), "archived"],
  ["nothing", () => Promise.reject(new TypeError("fetch failed")), "unreachable"],
])("a store that sends %s is said to", async (_, fetchRange, reason) => {
  const source = rangeSource("https://store.test/f", 100, fetchRange);
  expect(await reasonOf(source.slice(0, 8))).toBe(reason);
});

test("values are shown as text, and no longer than a cell can be", () => {
  expect(cellText(null)).toBeNull();
  expect(cellText(undefined)).toBeNull();
  expect(cellText("")).toBe("");
  expect(cellText(12n)).toBe("12");
  expect(cellText(false)).toBe("false");
  expect(cellText(new Date(Number.NaN))).toBe("—");
  expect(cellText(new Uint8Array([1, 255]))).toBe("0x01ff");
  expect(cellText(new Uint8Array(1000))).toHaveLength(67);
  expect(cellText({ a: 1n, b: [new Uint8Array([7])] })).toBe('{"a":"1","b":["0x07"]}');
  expect(cellText("x".repeat(1000))).toHaveLength(301);
});
