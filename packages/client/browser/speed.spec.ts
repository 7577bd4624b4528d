import { execFile } from "node:child_process";
import { readFile, truncate } from "node:fs/promises";
import { promisify } from "node:util";
import type { BrowserContext, Page } from "@playwright/test";
import { CALLER, call, expect, openPage, test } from "./fixtures.js";
import { TestServer } from "./server.js";

const run = promisify(execFile);
const MIB = 1024 * 1024;
const SIZE = 1024 * MIB;
const PART = 64 * MIB;
const PARALLEL = 4;
const ROUNDS = 5;
const PART_NUMBERS = Array.from({ length: SIZE / PART }, (_, index) => index + 1);

/** Returns the most memory that the page's process has had, in MiB. */
async function peakMemory(context: BrowserContext): Promise<number> {
  const browser = context.browser();
  if (browser === null) throw new Error("there is no browser");
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const peaks = processInfo
    .filter(({ type }) => type === "renderer")
    .map(async ({ id }) => {
      const status = await readFile(`/proc/${id}/status`, "utf8");
      return Number(/VmHWM:\s*(\d+)/.exec(status)?.[1]) / 1024;
    });
  return Math.round(Math.max(...(await Promise.all(peaks))));
}

/** Sends the parts of a file with curl, as many at a time as the client, and returns the seconds. */
async function curlParts(server: TestServer, path: string): Promise<number> {
  const { imageId, uploadId } = await call(server, "POST", "/v1/images", { size: SIZE });
  const at = `/v1/images/${imageId}`;
  const { urls } = await call(server, "POST", `${at}/upload-url`, {
    uploadId,
    partNumbers: PART_NUMBERS,
  });
  await run("split", ["-b", String(PART), "-a", "2", "--numeric-suffixes=1", path, `${path}.`]);
  const puts = urls.map(({ partNumber, url }: { partNumber: number; url: string }) => {
    const part = `${path}.${String(partNumber).padStart(2, "0")}`;
    return `curl -sS --fail -o /dev/null -T '${part}' '${url}'`;
  });
  const started = performance.now();
  const script = `printf '%s\\0' "$@" | xargs -0 -P ${PARALLEL} -n 1 sh -c`;
  await run("sh", ["-c", script, "sh", ...puts]);
  const seconds = (performance.now() - started) / 1000;
  await run("sh", ["-c", `rm -f '${path}'.*`]);
  await call(server, "POST", `${at}/abort`);
  return seconds;
}

test("@speed upload of 1 GiB beside curl", async ({ context, site, files }) => {
  test.setTimeout(1_200_000);
  const server = await TestServer.start([site.sameSite]);
  try {
    const file = await files.write("disk.img", SIZE);
    const page = await openPage(context, site.sameSite, [file.path]);
    const seconds: { curl: number[]; xhr: number[]; client: number[] } = {
      curl: [],
      xhr: [],
      client: [],
    };
    for (let round = 0; round < ROUNDS; round++) {
      seconds.curl.push(await curlParts(server, file.path));
      seconds.xhr.push(await xhrParts(server, page));
      seconds.client.push(await clientUpload(server, page));
    }
    const [curl, xhr, client] = [median(seconds.curl), median(seconds.xhr), median(seconds.client)];
    console.log(
      `median of ${ROUNDS}: curl ${curl.toFixed(2)} s, plain XMLHttpRequest ${xhr.toFixed(2)} s, ` +
        `client ${client.toFixed(2)} s; client ${(curl / client).toFixed(2)} x curl, ` +
        `${(xhr / client).toFixed(2)} x XMLHttpRequest; page ${await peakMemory(context)} MiB`,
    );
    console.log(JSON.stringify(seconds));
  } finally {
    await server.stop();
  }
});

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Sends the parts by one request each without the client, as the least that a page can do. */
async function xhrParts(server: TestServer, page: Page): Promise<number> {
  const { imageId, uploadId } = await call(server, "POST", "/v1/images", { size: SIZE });
  const at = `/v1/images/${imageId}`;
  const { urls } = await call(server, "POST", `${at}/upload-url`, {
    uploadId,
    partNumbers: PART_NUMBERS,
  });
  const seconds = await page.evaluate(
    async ([urls, partSize, parallel]) => {
      const [file] = window.chosen() as [File];
      const queue = [...urls];
      const send = async () => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          const start = (next.partNumber - 1) * partSize;
          const { url } = next;
          await new Promise((resolve, reject) => {
            const request = new XMLHttpRequest();
            request.open("PUT", url);
            request.onload = resolve;
            request.onerror = reject;
            request.send(file.slice(start, start + partSize));
          });
        }
      };
      const started = performance.now();
      await Promise.all(Array.from({ length: parallel }, send));
      return (performance.now() - started) / 1000;
    },
    [urls as { partNumber: number; url: string }[], PART, PARALLEL] as const,
  );
  await call(server, "POST", `${at}/abort`);
  return seconds;
}

async function clientUpload(server: TestServer, page: Page): Promise<number> {
  const [seconds, imageId] = await page.evaluate(
    async ([baseUrl, headers, parallelParts]) => {
      const { createClient, Uploader, diskImages } = window.tidegate;
      const client = createClient({ baseUrl, headers });
      const uploader = new Uploader(client, { parallelParts });
      const [file] = window.chosen() as [File];
      const started = performance.now();
      const upload = uploader.add(file, diskImages(client));
      let sent = 0;
      upload.subscribe(() => {
        // Completion is not part of what curl does.
        if (upload.snapshot.state === "completing" && sent === 0) sent = performance.now();
      });
      const { imageId } = await upload.start();
      return [(sent - started) / 1000, imageId] as const;
    },
    [server.api, CALLER, PARALLEL] as const,
  );
  await call(server, "DELETE", `/v1/images/${imageId}`);
  return seconds;
}

test("@speed sequential read beside one fetch", async ({ context, site, files }) => {
  test.setTimeout(1_200_000);
  const server = await TestServer.start([site.sameSite]);
  try {
    const file = await files.write("disk.img", SIZE);
    const page = await openPage(context, site.sameSite, [file.path]);
    const imageId = await page.evaluate(
      async ([baseUrl, headers]) => {
        const { createClient, Uploader, diskImages } = window.tidegate;
        const client = createClient({ baseUrl, headers });
        const [file] = window.chosen() as [File];
        return (await new Uploader(client).add(file, diskImages(client)).start()).imageId;
      },
      [server.api, CALLER] as const,
    );
    await page.close();
    const seconds: Record<Way, number[]> = { fetch: [], stream: [], read: [] };
    const peaks: Record<Way, number[]> = { fetch: [], stream: [], read: [] };
    for (let round = 0; round < ROUNDS; round++) {
      for (const way of ["fetch", "stream", "read"] as const) {
        const measured = await readAll(context, site.sameSite, server, imageId, way);
        seconds[way].push(measured.seconds);
        peaks[way].push(measured.peak);
      }
    }
    const plain = median(seconds.fetch);
    for (const way of ["fetch", "stream", "read"] as const) {
      const middle = median(seconds[way]);
      console.log(
        `median of ${ROUNDS}: ${way} ${middle.toFixed(2)} s, ${(plain / middle).toFixed(2)} x fetch; page ${Math.max(...peaks[way])} MiB`,
      );
    }
    console.log(JSON.stringify(seconds));
  } finally {
    await server.stop();
  }
});

test("@speed memory of a page that uploads 100 GB", async ({ context, site, files }) => {
  test.setTimeout(600_000);
  const size = 100e9;
  const { path } = await files.write("disk.img", 0);
  // A file without blocks: the disk need not hold it. No test machine has room for what would arrive, so
  // the server is left out: a piece of each part is read and dropped.
  await truncate(path, size);
  const page = await openPage(context, site.sameSite, [path]);
  const before = await peakMemory(context);
  const parts = await page.evaluate(async (partSize) => {
    const { createClient, Uploader } = window.tidegate;
    const client = createClient({ baseUrl: location.origin });
    const [file] = window.chosen() as [File];
    const handle = { id: "1" };
    const uploader = new Uploader(client, {
      put: async ({ body, onProgress }) => {
        await body.slice(0, 4096).arrayBuffer();
        onProgress(body.size);
        return '"0"';
      },
    });
    const upload = uploader.add(file, {
      target: "memory",
      checksum: "never",
      partEtagsAreMd5: false,
      begin: async () => ({ handle, partSize }),
      find: async () => undefined,
      sign: async (_handle, numbers) =>
        numbers.map((partNumber) => ({ partNumber, url: `${location.origin}/${partNumber}` })),
      complete: async (_handle, parts) => parts.length,
      abort: async () => undefined,
    });
    return upload.start();
  }, PART);
  expect(parts).toBe(Math.ceil(size / PART));
  console.log(
    `${parts} parts; page ${before} MiB before, ${await peakMemory(context)} MiB at most`,
  );
});

type Way = "fetch" | "stream" | "read";

/** Reads 1 GiB in a page of its own. */
async function readAll(
  context: BrowserContext,
  origin: string,
  server: TestServer,
  imageId: string,
  way: Way,
): Promise<{ seconds: number; peak: number }> {
  const page = await openPage(context, origin);
  const seconds = await page.evaluate(
    async ([baseUrl, headers, id, way]) => {
      const { createClient, dataOf, openDisk } = window.tidegate;
      const client = createClient({ baseUrl, headers });
      const drain = async (body: ReadableStream<Uint8Array> | null) => {
        const reader = body?.getReader();
        let bytes = 0;
        for (;;) {
          const { value } = (await reader?.read()) ?? {};
          if (value === undefined) return bytes;
          bytes += value.length;
        }
      };
      const init = { params: { path: { id } }, credentials: "include" } as const;
      const { url } = await dataOf(client.api.GET("/v1/images/{id}/stream-url", init));
      const disk = await openDisk(client, id);
      const ways = {
        fetch: async () =>
          drain((await fetch(url, { credentials: "include", cache: "no-store" })).body),
        stream: () => drain(disk.stream()),
        read: async () => {
          let offset = 0;
          while (offset < disk.size) offset += (await disk.read(offset, 1024 * 1024)).length;
          return offset;
        },
      };
      const started = performance.now();
      const bytes = await ways[way]();
      if (bytes !== disk.size) throw new Error(`${bytes} bytes`);
      return (performance.now() - started) / 1000;
    },
    [server.api, CALLER, imageId, way] as const,
  );
  const peak = await peakMemory(context);
  await page.close();
  return { seconds, peak };
}
