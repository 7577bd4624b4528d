import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, test, vi } from "vitest";
import {
  createClient,
  type ReadGrant,
  StreamingDisk,
  type StreamingDiskOptions,
} from "../src/index.js";
import { refuse, serve } from "./http.js";

const KIB = 1024;
const BYTES = randomBytes(1000 * KIB + 17);
const ETAG = '"v1"';

/** What the edge does with one request, in place of the right thing. */
type Misbehave = (
  range: [number, number],
  response: ServerResponse,
  request: IncomingMessage,
) => boolean;

interface Edge {
  origin: string;
  ranges: [number, number][];
  grants: number;
  /** Returns true if it has answered. */
  misbehave: Misbehave;
  grant: () => Partial<ReadGrant>;
}

async function startEdge(): Promise<Edge> {
  const edge: Edge = {
    origin: "",
    ranges: [],
    grants: 0,
    misbehave: () => false,
    grant: () => ({}),
  };
  edge.origin = await serve((request, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const range: [number, number] = [Number(from), Number(to)];
    edge.ranges.push(range);
    if (!edge.misbehave(range, response, request)) sendRange(response, range);
  });
  return edge;
}

function sendRange(response: ServerResponse, [from, to]: [number, number], headers = {}): void {
  response.writeHead(206, {
    ETag: ETAG,
    "Content-Range": `bytes ${from}-${to}/${BYTES.length}`,
    "Content-Length": to - from + 1,
    ...headers,
  });
  response.end(BYTES.subarray(from, to + 1));
}

function open(edge: Edge, options: StreamingDiskOptions = {}): Promise<StreamingDisk> {
  const client = createClient({ baseUrl: edge.origin });
  const load = async (): Promise<ReadGrant> => {
    edge.grants++;
    return {
      url: `${edge.origin}/disk?grant=${edge.grants}`,
      size: BYTES.length,
      etag: ETAG,
      auth: "url",
      ...edge.grant(),
    };
  };
  return StreamingDisk.open(client, load, {
    blockSize: 4 * KIB,
    readAhead: 0,
    retry: { retries: 2, firstDelay: 1, maxDelay: 5 },
    ...options,
  });
}

const slice = (offset: number, length: number) =>
  new Uint8Array(BYTES.subarray(offset, offset + length));

describe("read", () => {
  test.each([
    [0, 1],
    [4 * KIB - 1, 2],
    [5000, 100_000],
    [BYTES.length - 1, 1],
    [BYTES.length - 5, 100],
    [0, BYTES.length],
  ])("returns the bytes at %i, %i long", async (offset, length) => {
    const disk = await open(await startEdge());
    expect(await disk.read(offset, length)).toEqual(slice(offset, length));
  });

  test("returns nothing at and past the end, without a request", async () => {
    const edge = await startEdge();
    const disk = await open(edge);
    expect(await disk.read(BYTES.length, 5)).toEqual(new Uint8Array(0));
    expect(await disk.read(BYTES.length + 9, 5)).toEqual(new Uint8Array(0));
    expect(await disk.read(5, 0)).toEqual(new Uint8Array(0));
    expect(edge.ranges).toEqual([]);
  });

  test.each([
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
  ])("refuses %d and %d", async (offset, length) => {
    const disk = await open(await startEdge());
    await expect(disk.read(offset, length)).rejects.toBeInstanceOf(RangeError);
  });

  test("asks for aligned blocks, and once however many reads want them", async () => {
    const edge = await startEdge();
    const disk = await open(edge);
    await Promise.all([disk.read(5000, 10), disk.read(4100, 50), disk.read(8190, 1)]);
    expect(edge.ranges).toEqual([[4096, 8191]]);
    await disk.read(5001, 7);
    expect(edge.ranges).toHaveLength(1);
  });

  test("asks for missing neighbours together, and for no block that is there", async () => {
    const edge = await startEdge();
    const disk = await open(edge);
    await disk.read(8192, 1);
    edge.ranges.length = 0;
    await disk.read(0, 16 * KIB);
    expect(edge.ranges.sort(([a], [b]) => a - b)).toEqual([
      [0, 8191],
      [12_288, 16_383],
    ]);
  });

  test("forgets the blocks that were unused for longest", async () => {
    const edge = await startEdge();
    const disk = await open(edge, { cacheBytes: 8 * KIB });
    for (const block of [0, 1, 0, 2, 0]) await disk.read(block * 4096, 1);
    expect(edge.ranges.map(([from]) => from / 4096)).toEqual([0, 1, 2]);
    await disk.read(4096, 1);
    expect(edge.ranges).toHaveLength(4);
  });

  test("sends If-Range, so that a changed object can't be mixed in", async () => {
    const edge = await startEdge();
    let condition: string | undefined;
    edge.misbehave = (_range, _response, request) => {
      condition = request.headers["if-range"] as string;
      return false;
    };
    await (await open(edge)).read(0, 1);
    expect(condition).toBe(ETAG);
  });

  test("can be aborted, and stops the request if nobody else waits", async () => {
    const edge = await startEdge();
    let closed = 0;
    edge.misbehave = (_range, response) => {
      response.on("close", () => closed++);
      response.writeHead(206, { ETag: ETAG, "Content-Range": `bytes 0-4095/${BYTES.length}` });
      response.write("x");
      return true;
    };
    const disk = await open(edge);
    const both = [new AbortController(), new AbortController()];
    const reads = both.map(({ signal }) => disk.read(0, 10, { signal }));
    await vi.waitFor(() => expect(edge.ranges).toHaveLength(1));
    both[0]?.abort();
    await expect(reads[0]).rejects.toMatchObject({ kind: "aborted" });
    expect(closed).toBe(0);
    both[1]?.abort();
    await expect(reads[1]).rejects.toMatchObject({ kind: "aborted" });
    await vi.waitFor(() => expect(closed).toBe(1));
    edge.misbehave = () => false;
    expect(await disk.read(0, 10)).toEqual(slice(0, 10));
  });

  test("is over once the disk is closed", async () => {
    const edge = await startEdge();
    edge.misbehave = () => true;
    const disk = await open(edge);
    const read = disk.read(0, 10);
    await vi.waitFor(() => expect(edge.ranges).toHaveLength(1));
    disk.close();
    await expect(read).rejects.toMatchObject({ kind: "aborted" });
    await expect(disk.read(0, 1)).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("sequential reads", () => {
  test("take few requests and read no further ahead than they may", async () => {
    const edge = await startEdge();
    const disk = await open(edge, { readAhead: 64 * KIB, maxRequest: 64 * KIB });
    const parts: Uint8Array[] = [];
    for (let offset = 0; offset < disk.size; offset += 3000)
      parts.push(await disk.read(offset, 3000));
    expect(Buffer.concat(parts).equals(BYTES)).toBe(true);
    expect(edge.ranges.length).toBeLessThan(8);
  });

  test("go on after the lane was given up by a read elsewhere", async () => {
    const edge = await startEdge();
    const disk = await open(edge, { readAhead: 32 * KIB });
    let offset = 0;
    for (let round = 0; round < 200; round++) {
      expect(await disk.read(offset, 5000)).toEqual(slice(offset, 5000));
      offset += 5000;
      if (round % 40 === 39) {
        const elsewhere = (round * 17_001) % 900_000;
        expect(await disk.read(elsewhere, 9)).toEqual(slice(elsewhere, 9));
      }
    }
  });

  test("that end leave no connection open after a while", async () => {
    const edge = await startEdge();
    let open_ = 0;
    edge.misbehave = (range, response) => {
      open_++;
      response.on("close", () => open_--);
      const [from, to] = range;
      response.writeHead(206, {
        ETag: ETAG,
        "Content-Range": `bytes ${from}-${to}/${BYTES.length}`,
      });
      // Enough for the reads, and then nothing: only the client can end it.
      response.write(BYTES.subarray(from, Math.min(from + 200 * KIB, to + 1)));
      if (to - from < 200 * KIB) response.end();
      return true;
    };
    const disk = await open(edge, { readAhead: 16 * KIB });
    for (let offset = 0; offset < 100 * KIB; offset += 4096) await disk.read(offset, 4096);
    expect(open_).toBe(1);
    await vi.waitFor(() => expect(open_).toBe(0), { timeout: 8000 });
  });
});

describe("stream", () => {
  const collect = async (stream: ReadableStream<Uint8Array>) =>
    new Uint8Array(
      await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer(),
    );

  test("is one request for the whole", async () => {
    const edge = await startEdge();
    const disk = await open(edge);
    expect(await collect(disk.stream())).toEqual(new Uint8Array(BYTES));
    expect(await collect(disk.stream(5, 10))).toEqual(slice(5, 10));
    expect(await collect(disk.stream(BYTES.length))).toEqual(new Uint8Array(0));
    expect(edge.ranges).toEqual([
      [0, BYTES.length - 1],
      [5, 14],
    ]);
  });

  test("continues a cut connection where it broke", async () => {
    const edge = await startEdge();
    edge.misbehave = (range, response) => {
      if (edge.ranges.length > 2) return false;
      const [from, to] = range;
      response.writeHead(206, {
        ETag: ETAG,
        "Content-Range": `bytes ${from}-${to}/${BYTES.length}`,
      });
      response.write(BYTES.subarray(from, from + 100_000), () => response.destroy());
      return true;
    };
    const disk = await open(edge);
    expect(await collect(disk.stream())).toEqual(new Uint8Array(BYTES));
    expect(edge.ranges).toHaveLength(3);
    expect(edge.ranges[1]?.[0]).toBeGreaterThan(0);
  });

  test("renews its grant in mid-stream", async () => {
    const edge = await startEdge();
    edge.misbehave = (range, response, request) => {
      const grant = request.url?.split("=")[1];
      if (grant === "1" && range[0] > 0) {
        response.writeHead(403);
        response.end();
        return true;
      }
      if (grant !== "1") return false;
      response.writeHead(206, {
        ETag: ETAG,
        "Content-Range": `bytes 0-${range[1]}/${BYTES.length}`,
      });
      response.write(BYTES.subarray(0, 5000), () => response.destroy());
      return true;
    };
    const disk = await open(edge);
    expect(await collect(disk.stream())).toEqual(new Uint8Array(BYTES));
    expect(edge.grants).toBe(2);
  });

  test("that is cancelled closes its connection", async () => {
    const edge = await startEdge();
    let closed = false;
    edge.misbehave = (_range, response) => {
      response.on("close", () => {
        closed = true;
      });
      response.writeHead(206, {
        ETag: ETAG,
        "Content-Range": `bytes 0-${BYTES.length - 1}/${BYTES.length}`,
      });
      response.write(BYTES.subarray(0, 10));
      return true;
    };
    const reader = (await open(edge)).stream().getReader();
    await reader.read();
    await reader.cancel();
    await vi.waitFor(() => expect(closed).toBe(true));
  });
});

describe("a response that can't be right is an error:", () => {
  const answer = (
    status: number,
    headers: Record<string, string | number>,
    body: Buffer | string = "",
  ) => {
    const misbehave: Misbehave = (_range, response) => {
      response.writeHead(status, headers);
      response.end(body);
      return true;
    };
    return misbehave;
  };
  const block = BYTES.subarray(0, 4096);
  const range = `bytes 0-4095/${BYTES.length}`;

  test.each([
    ["another ETag", answer(206, { ETag: '"v2"', "Content-Range": range }, block), "changed"],
    ["the whole object", answer(200, {}, BYTES), "changed"],
    ["the whole of another object", answer(200, { ETag: '"v2"' }, BYTES), "changed"],
    ["a range past the end of a shorter object", answer(416, {}), "changed"],
    ["200 for the same ETag", answer(200, { ETag: ETAG }, BYTES), "invalid"],
    ["no ETag", answer(206, { "Content-Range": range }, block), "invalid"],
    ["no Content-Range", answer(206, { ETag: ETAG }, block), "invalid"],
    [
      "another range",
      answer(206, { ETag: ETAG, "Content-Range": `bytes 1-4096/${BYTES.length}` }, block),
      "invalid",
    ],
    [
      "another size",
      answer(206, { ETag: ETAG, "Content-Range": "bytes 0-4095/5000" }, block),
      "invalid",
    ],
    [
      "an unknown size",
      answer(206, { ETag: ETAG, "Content-Range": "bytes 0-4095/*" }, block),
      "invalid",
    ],
    [
      "more bytes than its range",
      answer(206, { ETag: ETAG, "Content-Range": range }, BYTES.subarray(0, 9000)),
      "invalid",
    ],
    [
      "fewer bytes, again and again",
      answer(206, { ETag: ETAG, "Content-Range": range }),
      "network",
    ],
    ["a refusal that stays", answer(403, {}), "auth"],
    ["a deleted object", answer(404, {}), "gone"],
  ])("%s", async (_name, misbehave, kind) => {
    const edge = await startEdge();
    edge.misbehave = misbehave;
    const disk = await open(edge);
    await expect(disk.read(0, 10)).rejects.toMatchObject({ name: "TidegateError", kind });
  });

  test("a compressed one", async () => {
    const edge = await startEdge();
    edge.misbehave = (at, response) => {
      sendRange(response, at, { "Content-Encoding": "x-own" });
      return true;
    };
    await expect((await open(edge)).read(0, 10)).rejects.toMatchObject({ code: "WRONG_RESPONSE" });
  });

  test("and a grant of another object", async () => {
    const edge = await startEdge();
    edge.misbehave = answer(403, {});
    edge.grant = () => (edge.grants > 1 ? { etag: '"v2"' } : {});
    await expect((await open(edge)).read(0, 10)).rejects.toMatchObject({ kind: "changed" });
  });
});

test("a failed read leaves nothing behind: the next one asks again", async () => {
  const edge = await startEdge();
  let busy = true;
  edge.misbehave = (_range, response) => {
    if (busy) refuse(response, 503, "BUSY");
    return busy;
  };
  const disk = await open(edge);
  await expect(disk.read(0, 10)).rejects.toMatchObject({ kind: "server", code: "BUSY" });
  expect(edge.ranges).toHaveLength(3);
  busy = false;
  expect(await disk.read(0, 10)).toEqual(slice(0, 10));
});
