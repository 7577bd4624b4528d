import { describe, expect, test, vi } from "vitest";
import { memoryHints, putBytes, TidegateError } from "../src/index.js";
import { hintKey } from "../src/upload/hints.js";
import { FakeSurface, fileOf, uploaderOf } from "./fake-surface.js";

const TEXT = "abcdefghijklmnopqrstuvwxyz";

async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(condition()).toBe(true), { timeout: 5000, interval: 2 });
}

describe("an upload", () => {
  test("sends all parts, some at a time, with URLs signed in batches", async () => {
    const surface = await FakeSurface.start();
    surface.delay = 10;
    const uploader = uploaderOf(surface, { parallelParts: 3, signBatch: 4 });
    const upload = uploader.add(fileOf(TEXT), surface);
    const states = new Set<string>();
    upload.subscribe(() => states.add(upload.snapshot.state));
    expect(await upload.start()).toBe(TEXT);
    expect([...surface.puts].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(surface.peak).toBe(3);
    expect(surface.calls.filter((call) => call.startsWith("sign")).length).toBeLessThanOrEqual(4);
    expect([...states]).toEqual(["uploading", "completing", "done"]);
    expect(upload.snapshot).toMatchObject({
      state: "done",
      result: TEXT,
      progress: { sent: 26, total: 26 },
    });
    await expect(upload.start()).resolves.toBe(TEXT);
  });

  test("of an empty file has one empty part", async () => {
    const surface = await FakeSurface.start();
    expect(await uploaderOf(surface).add(fileOf(""), surface).start()).toBe("");
    expect(surface.puts).toEqual([1]);
  });

  test("shares connections with other files", async () => {
    const surface = await FakeSurface.start();
    surface.delay = 5;
    const uploader = uploaderOf(surface, { parallelParts: 2, parallelFiles: 3 });
    const names = ["a", "b", "c", "d", "e"];
    const uploads = names.map((name) => uploader.add(fileOf(TEXT, name), surface));
    await Promise.all(uploads.map((upload) => upload.start()));
    expect(surface.peak).toBe(2);
    expect(uploader.uploads).toEqual(uploads);
  });

  test("signs again what the store calls expired, also what was signed in advance", async () => {
    const surface = await FakeSurface.start();
    let expired = true;
    surface.answer = (part) => {
      if (part !== 3 || !expired) return undefined;
      expired = false;
      return { status: 403, code: "AccessDenied" };
    };
    const uploader = uploaderOf(surface, { parallelParts: 1, signBatch: 5 });
    expect(await uploader.add(fileOf(TEXT), surface).start()).toBe(TEXT);
    expect(surface.calls).toContain("sign 3,4,5,6,7");
  });

  test("signs again what has nearly ended by the lifetime in the URL", async () => {
    const surface = await FakeSurface.start();
    surface.lifetime = 60;
    surface.answer = (part) => {
      if (part === 2) vi.setSystemTime(Date.now() + 55_000);
      return undefined;
    };
    vi.useFakeTimers({ toFake: ["Date"] });
    const uploader = uploaderOf(surface, { parallelParts: 1, signBatch: 50 });
    const text = await uploader.add(fileOf("abcdefghi"), surface).start();
    vi.useRealTimers();
    expect(text).toBe("abcdefghi");
    expect(surface.calls.filter((call) => call.startsWith("sign"))).toEqual([
      "sign 1,2,3",
      "sign 3",
    ]);
  });

  test("fails if signing again does not help", async () => {
    const surface = await FakeSurface.start();
    surface.answer = () => ({ status: 403, code: "AccessDenied" });
    const upload = uploaderOf(surface, { parallelParts: 1 }).add(fileOf("ab"), surface);
    await expect(upload.start()).rejects.toMatchObject({ kind: "auth", code: "AccessDenied" });
    expect(surface.puts).toHaveLength(4);
    expect(upload.snapshot.state).toBe("failed");
  });

  test("gets a new token for parts that go to the API, and goes on", async () => {
    const surface = await FakeSurface.start();
    surface.signIn = true;
    const seen: (string | undefined)[] = [];
    surface.answer = (part, request) => {
      seen.push(request.headers.authorization);
      return part === 2 && request.headers.authorization !== "Bearer new"
        ? { status: 401 }
        : undefined;
    };
    const uploader = uploaderOf(surface, { parallelParts: 1 });
    expect(await uploader.add(fileOf("abcdef"), surface).start()).toBe("abcdef");
    expect(seen).toEqual(["Bearer old", "Bearer old", "Bearer new"]);
  });

  test("never sends the token to a presigned URL", async () => {
    const surface = await FakeSurface.start();
    const seen: unknown[] = [];
    surface.answer = (_part, request) => void seen.push(request.headers.authorization);
    await uploaderOf(surface).add(fileOf("ab"), surface).start();
    expect(seen).toEqual([undefined]);
  });

  test.each([
    ["cut" as const],
    [{ status: 500 }],
    [{ status: 503, code: "SlowDown" }],
    [{ status: 400, code: "RequestTimeout" }],
  ])("sends a part again after %j", async (answer) => {
    const surface = await FakeSurface.start();
    const failures = new Map<number, number>();
    surface.answer = (part) => {
      const count = (failures.get(part) ?? 0) + 1;
      failures.set(part, count);
      return count < 4 ? answer : undefined;
    };
    expect(await uploaderOf(surface).add(fileOf(TEXT), surface).start()).toBe(TEXT);
    expect(surface.puts).toHaveLength(9 * 4);
  });

  test("fails once nothing has moved for too long, and continues after that", async () => {
    const surface = await FakeSurface.start();
    let broken = true;
    surface.answer = (part) => (broken && part > 2 ? "cut" : undefined);
    const uploader = uploaderOf(surface, { giveUpAfter: 50, parallelParts: 1 });
    const upload = uploader.add(fileOf(TEXT), surface);
    await expect(upload.start()).rejects.toMatchObject({ kind: "network" });
    expect(upload.snapshot).toMatchObject({ state: "failed", error: { kind: "network" } });
    broken = false;
    surface.calls.length = 0;
    upload.resume();
    await until(() => upload.snapshot.state === "done");
    expect(surface.puts).toEqual([3, 4, 5, 6, 7, 8, 9]);
  });

  test("stops its other parts when one is refused for good", async () => {
    const surface = await FakeSurface.start();
    surface.delay = 5;
    surface.answer = (part) => (part === 2 ? { status: 400, code: "EntityTooLarge" } : undefined);
    const upload = uploaderOf(surface, { parallelParts: 2 }).add(fileOf(TEXT.repeat(20)), surface);
    await expect(upload.start()).rejects.toMatchObject({ code: "EntityTooLarge" });
    const { length } = surface.puts;
    expect(length).toBeLessThan(6);
    await new Promise((resolve) => setTimeout(resolve, 50));
    // One may have been on its way.
    expect(surface.puts.length).toBeLessThanOrEqual(length + 1);
  });

  test.each(["quota", "size"] as const)("says that it is too much: %s", async (kind) => {
    const surface = await FakeSurface.start();
    surface.begin = () =>
      Promise.reject(new TidegateError(kind, "WHY", "too much", { status: 413 }));
    const upload = uploaderOf(surface).add(fileOf(TEXT), surface);
    await expect(upload.start()).rejects.toMatchObject({ kind, message: "too much" });
    expect(upload.snapshot).toMatchObject({ state: "failed", error: { kind } });
    expect(surface.puts).toEqual([]);
  });

  test("begins anew if the server dropped it", async () => {
    const surface = await FakeSurface.start();
    surface.answer = (part) => {
      if (part === 2 && surface.uploads.has("u1")) surface.uploads.delete("u1");
      return undefined;
    };
    const uploader = uploaderOf(surface, { parallelParts: 1 });
    expect(await uploader.add(fileOf("abcdef"), surface).start()).toBe("abcdef");
    expect(surface.calls.filter((call) => call === "begin")).toHaveLength(2);
    // What the old one reserved is freed, if the server still knows it.
    expect(surface.calls).toContain("abort");
  });

  test("does not begin without end if there is no such place", async () => {
    const surface = await FakeSurface.start();
    let begun = 0;
    surface.begin = () => {
      begun++;
      return Promise.reject(
        new TidegateError("gone", "NOT_FOUND", "no such space", { status: 404 }),
      );
    };
    await expect(uploaderOf(surface).add(fileOf("a"), surface).start()).rejects.toMatchObject({
      kind: "gone",
    });
    expect(begun).toBe(1);
  });

  test("takes the refusal of a second PUT of a single file for its arrival", async () => {
    const surface = await FakeSurface.start();
    let lost = true;
    surface.answer = () => {
      if (!lost) return { status: 412, code: "PreconditionFailed" };
      lost = false;
      surface.uploads.get("u1")?.set(1, Buffer.from("ab"));
      return "cut";
    };
    expect(await uploaderOf(surface).add(fileOf("ab"), surface).start()).toBe("ab");
  });

  test("says that its file was changed on this computer", async () => {
    const surface = await FakeSurface.start();
    const blob = new Blob(["abcdef"]);
    blob.slice = () => {
      throw new DOMException("changed", "NotReadableError");
    };
    const upload = uploaderOf(surface).add({ ...fileOf(""), blob }, surface);
    await expect(upload.start()).rejects.toMatchObject({ kind: "changed", code: "FILE_CHANGED" });
  });
});

describe("a resumed upload", () => {
  /** Leaves an upload of `text` with these parts on the server, as a closed tab does. */
  async function leave(surface: FakeSurface, text: string, parts: Record<number, string>) {
    const hints = memoryHints();
    await surface.begin();
    const source = fileOf(text);
    for (const [number, bytes] of Object.entries(parts)) {
      surface.uploads.get("u1")?.set(Number(number), Buffer.from(bytes));
    }
    const key = hintKey(surface.origin, surface.target, source);
    const { name, lastModified, blob } = source;
    const hint = {
      handle: { id: "u1" },
      name,
      lastModified,
      size: blob.size,
      target: "fake",
      begun: Date.now(),
    };
    hints.set(key, hint);
    surface.calls.length = 0;
    return { hints, source, key, hint };
  }

  test("sends what the server lacks", async () => {
    const surface = await FakeSurface.start();
    const { hints, source } = await leave(surface, "abcdefghi", { 1: "abc", 3: "ghi" });
    expect(await uploaderOf(surface, { hints }).add(source, surface).start()).toBe("abcdefghi");
    expect(surface.calls).toEqual(["find", "sign 2", "put 2", "complete"]);
    expect(hints.list()).toEqual([]);
  });

  test("sends parts again that differ from the file, or have another size", async () => {
    const surface = await FakeSurface.start();
    const { hints, source } = await leave(surface, "abcdefghij", {
      1: "abX",
      2: "de",
      3: "ghi",
      4: "jk",
    });
    expect(await uploaderOf(surface, { hints }).add(source, surface).start()).toBe("abcdefghij");
    expect([...surface.puts].sort()).toEqual([1, 2, 4]);
  });

  test("sends parts of another size again, also where ETags say nothing", async () => {
    const surface = await FakeSurface.start();
    const { hints, source } = await leave(surface, "abcdefg", { 1: "ab", 2: "def", 3: "gh" });
    const uploader = uploaderOf(surface, { hints, verifyResumed: false });
    expect(await uploader.add(source, surface).start()).toBe("abcdefg");
    expect([...surface.puts].sort()).toEqual([1, 3]);
  });

  test("ignores parts beyond the file", async () => {
    const surface = await FakeSurface.start();
    const { hints, source } = await leave(surface, "abc", { 1: "abc", 2: "def", 900: "x" });
    expect(await uploaderOf(surface, { hints }).add(source, surface).start()).toBe("abc");
  });

  test("begins anew if the upload is gone", async () => {
    const surface = await FakeSurface.start();
    const { hints, source } = await leave(surface, "abcdef", { 1: "abc" });
    surface.uploads.delete("u1");
    expect(await uploaderOf(surface, { hints }).add(source, surface).start()).toBe("abcdef");
    expect(surface.calls.slice(0, 2)).toEqual(["find", "begin"]);
  });

  test("begins anew if the server announced another size", async () => {
    const surface = await FakeSurface.start();
    const { hints, source } = await leave(surface, "abcdef", { 1: "abc" });
    const find = surface.find.bind(surface);
    surface.find = async (handle) => ({ ...(await find(handle)), size: 7 }) as never;
    expect(await uploaderOf(surface, { hints }).add(source, surface).start()).toBe("abcdef");
    expect(surface.calls).toContain("begin");
  });

  test("does nothing if it was completed in the meantime", async () => {
    const surface = await FakeSurface.start();
    const { hints, source } = await leave(surface, "abc", {});
    surface.find = async () => ({ result: "was complete" }) as never;
    expect(await uploaderOf(surface, { hints }).add(source, surface).start()).toBe("was complete");
    expect(surface.calls).toEqual([]);
  });

  test("of a server that lists no parts relies on the hint, and on the SHA-256", async () => {
    const surface = await FakeSurface.start();
    surface.lists = false;
    surface.checksum = "complete";
    surface.partEtagsAreMd5 = false;
    const sums: unknown[] = [];
    surface.onComplete = (_id, sha256) => void sums.push(sha256);
    const { hints, source, key, hint } = await leave(surface, "abcdef", { 1: "abc" });
    hints.set(key, { ...hint, parts: "1", partSize: 3 });
    const uploader = uploaderOf(surface, { hints });
    expect(await uploader.add(source, surface).start()).toBe("abcdef");
    expect(surface.puts).toEqual([2]);
    expect(sums).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  });

  test("sends everything again if that SHA-256 differs", async () => {
    const surface = await FakeSurface.start();
    surface.lists = false;
    surface.checksum = "complete";
    surface.partEtagsAreMd5 = false;
    const { hints, source, key, hint } = await leave(surface, "abcdef", { 1: "XXX" });
    hints.set(key, { ...hint, parts: "1", partSize: 3 });
    expect(await uploaderOf(surface, { hints }).add(source, surface).start()).toBe("abcdef");
    expect([...surface.puts].sort()).toEqual([1, 2, 2]);
  });
});

describe("pause, resume and abort", () => {
  test("pause stops sending and keeps what the server has", async () => {
    const surface = await FakeSurface.start();
    surface.delay = 5;
    const upload = uploaderOf(surface, { parallelParts: 1 }).add(fileOf(TEXT), surface);
    const first = upload.start();
    await until(() => surface.uploads.get("u1")?.size === 3);
    upload.pause();
    await expect(first).rejects.toMatchObject({ kind: "aborted" });
    expect(upload.snapshot.state).toBe("paused");
    const { length } = surface.puts;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(surface.puts.length).toBeLessThanOrEqual(length + 1);
    upload.resume();
    await until(() => upload.snapshot.state === "done");
    expect(upload.snapshot.result).toBe(TEXT);
  });

  test("any order of them in one moment leaves one run, or none", async () => {
    const surface = await FakeSurface.start();
    surface.delay = 2;
    let open = 0;
    let peak = 0;
    const put: typeof putBytes = async (request) => {
      peak = Math.max(peak, ++open);
      return putBytes(request).finally(() => open--);
    };
    const upload = uploaderOf(surface, { parallelParts: 2, put }).add(fileOf(TEXT), surface);
    for (let round = 0; round < 20; round++) {
      upload.pause();
      upload.resume();
      upload.resume();
      if (round % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 3));
    }
    await until(() => upload.snapshot.state === "done");
    expect(upload.snapshot.result).toBe(TEXT);
    expect(peak).toBeLessThanOrEqual(2);
    expect(surface.calls.filter((call) => call === "complete")).toHaveLength(1);

    const paused = uploaderOf(surface).add(fileOf(TEXT, "paused"), surface);
    paused.pause();
    paused.resume();
    paused.pause();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(paused.snapshot.state).toBe("paused");
  });

  test("abort frees the upload and can't be undone", async () => {
    const surface = await FakeSurface.start();
    const hints = memoryHints();
    surface.answer = (part) => (part === 2 ? "hang" : undefined);
    const upload = uploaderOf(surface, { hints }).add(fileOf(TEXT), surface);
    await until(() => surface.puts.includes(2));
    await upload.abort();
    expect(surface.uploads.size).toBe(0);
    expect(hints.list()).toEqual([]);
    upload.resume();
    upload.pause();
    await expect(upload.start()).rejects.toMatchObject({ kind: "aborted" });
    expect(upload.snapshot.state).toBe("aborted");
    await upload.abort();
    expect(surface.calls.filter((call) => call === "abort")).toHaveLength(1);
  });

  test("abort while it begins frees what the server had begun", async () => {
    const surface = await FakeSurface.start();
    const begin = surface.begin.bind(surface);
    let upload: ReturnType<ReturnType<typeof uploaderOf>["add"]> | undefined;
    surface.begin = async () => {
      const open = await begin();
      void upload?.abort();
      return open;
    };
    upload = uploaderOf(surface).add(fileOf(TEXT), surface);
    await until(() => surface.uploads.size === 0 && surface.calls.includes("abort"));
    expect(surface.puts).toEqual([]);
  });

  test("pause or abort while the server completes it is not undone by its response", async () => {
    for (const action of ["pause", "abort"] as const) {
      const surface = await FakeSurface.start();
      const complete = surface.complete.bind(surface);
      surface.complete = async (...args) => {
        const result = await complete(...args);
        void upload[action]();
        return result;
      };
      const upload = uploaderOf(surface).add(fileOf("abc"), surface);
      await expect(upload.start()).rejects.toMatchObject({ kind: "aborted" });
      expect(upload.snapshot.state).toBe(action === "pause" ? "paused" : "aborted");
      await vi.waitFor(() => expect(surface.uploads.size).toBe(action === "pause" ? 1 : 0));
    }
  });

  test("removing an upload that is done does not abort it", async () => {
    const surface = await FakeSurface.start();
    const uploader = uploaderOf(surface);
    const upload = uploader.add(fileOf("ab"), surface);
    await upload.start();
    await uploader.remove(upload);
    expect(uploader.uploads).toEqual([]);
    expect(surface.calls).not.toContain("abort");
  });
});
