import { randomBytes } from "node:crypto";
import { CALLER, call, expect, openPage, sha256, test } from "./fixtures.js";
import { TestServer } from "./server.js";

const MIB = 1024 * 1024;
const SIZE = 40 * MIB + 12_345;

/** Stores a disk image and returns its id. */
async function storeDisk(server: TestServer, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const begun = await call(server, "POST", "/v1/images", { name: "disk.img", size: bytes.length });
  const { imageId, uploadId } = begun;
  const path = `/v1/images/${imageId}`;
  const { url } = await call(server, "POST", `${path}/upload-url`, { uploadId, partNumber: 1 });
  const sent = await fetch(url, { method: "PUT", body: bytes });
  const parts = [{ partNumber: 1, etag: sent.headers.get("etag") }];
  await call(server, "POST", `${path}/complete`, { uploadId, parts });
  return imageId;
}

const MODES = [
  { mode: "cookie", origin: "sameSite", settings: { CLOUDFRONT_AUTH_MODE: "cookie" } },
  { mode: "url", origin: "sameSite", settings: { CLOUDFRONT_AUTH_MODE: "url" } },
  { mode: "url", origin: "otherSite", settings: { CLOUDFRONT_AUTH_MODE: "url" } },
] as const;

for (const { mode, origin, settings } of MODES) {
  test(`a disk is read in ${mode} mode by a page of ${origin}`, async ({ context, site }) => {
    const bytes = randomBytes(SIZE);
    const server = await TestServer.start([site[origin]], settings);
    try {
      const imageId = await storeDisk(server, bytes);
      const page = await openPage(context, site[origin]);
      const hex = await page.evaluate(
        async ([baseUrl, headers, imageId]) => {
          const { createClient, openDisk } = window.tidegate;
          const disk = await openDisk(createClient({ baseUrl, headers }), imageId);
          const digest = async (bytes: Uint8Array<ArrayBuffer>) =>
            [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))]
              .map((byte) => byte.toString(16).padStart(2, "0"))
              .join("");
          const whole = new Uint8Array(
            await new Response(
              disk.stream() as ReadableStream<Uint8Array<ArrayBuffer>>,
            ).arrayBuffer(),
          );
          const sequential = new Uint8Array(disk.size);
          for (let offset = 0; offset < disk.size; offset += 100_001) {
            sequential.set(await disk.read(offset, 100_001), offset);
          }
          const random = await Promise.all(
            Array.from({ length: 200 }, async () => {
              const offset = Math.floor(Math.random() * (disk.size - 70_000));
              const part = await disk.read(offset, 70_000);
              return part.every((byte, index) => byte === whole[offset + index]);
            }),
          );
          return [await digest(whole), await digest(sequential), random.every((same) => same)];
        },
        [server.api, CALLER, imageId] as const,
      );
      expect(hex).toEqual([sha256(bytes), sha256(bytes), true]);
    } finally {
      await server.stop();
    }
  });
}

test("a disk is read on after its grant ended, in mid-stream too", async ({ context, site }) => {
  const bytes = randomBytes(SIZE);
  const settings = { CLOUDFRONT_AUTH_MODE: "url", CLOUDFRONT_SIGNED_TTL_SECONDS: "2" };
  const server = await TestServer.start([site.sameSite], settings);
  try {
    const imageId = await storeDisk(server, bytes);
    const page = await openPage(context, site.sameSite);
    const statuses: number[] = [];
    page.on("response", (response) => {
      if (response.url().startsWith(server.edge)) statuses.push(response.status());
    });
    const sum = await page.evaluate(
      async ([baseUrl, headers, imageId]) => {
        const { createClient, openDisk } = window.tidegate;
        const disk = await openDisk(createClient({ baseUrl, headers }), imageId, { readAhead: 0 });
        const parts: Uint8Array[] = [];
        for (let offset = 0; offset < disk.size; offset += 10 * 1024 * 1024) {
          parts.push(await disk.read(offset, 10 * 1024 * 1024));
          await new Promise((resolve) => setTimeout(resolve, 2500));
        }
        const whole = await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer();
        return [...new Uint8Array(await crypto.subtle.digest("SHA-256", whole))];
      },
      [server.api, CALLER, imageId] as const,
    );
    expect(Buffer.from(sum).toString("hex")).toBe(sha256(bytes));
    expect(statuses).toContain(403);
  } finally {
    await server.stop();
  }
});

test("a page of another site without cookies learns why it can't read", async ({
  context,
  site,
}) => {
  const server = await TestServer.start([site.otherSite], { CLOUDFRONT_AUTH_MODE: "cookie" });
  try {
    const imageId = await storeDisk(server, randomBytes(1000));
    const page = await openPage(context, site.otherSite);
    const error = await page.evaluate(
      async ([baseUrl, headers, imageId]) => {
        const { createClient, openDisk, TidegateError } = window.tidegate;
        const disk = await openDisk(createClient({ baseUrl, headers }), imageId);
        const caught = await disk.read(0, 10).catch((error: unknown) => error);
        return caught instanceof TidegateError ? { kind: caught.kind, code: caught.code } : caught;
      },
      [server.api, CALLER, imageId] as const,
    );
    expect(error).toEqual({ kind: "auth", code: "MissingKey" });
  } finally {
    await server.stop();
  }
});
