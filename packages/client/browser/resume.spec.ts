import type { Page } from "@playwright/test";
import {
  CALLER,
  call,
  downloadedSha256,
  expect,
  limitUploads,
  openPage,
  test,
} from "./fixtures.js";
import { TestServer } from "./server.js";

const MIB = 1024 * 1024;

type Target =
  | { surface: "disk" }
  | { surface: "files" }
  | { surface: "package"; datasetId: string };

/** Starts an upload of the chosen file, and leaves it as `window.upload`. */
async function startUpload(page: Page, baseUrl: string, target: Target): Promise<void> {
  await page.evaluate(
    ([baseUrl, headers, target]) => {
      const { createClient, Uploader, diskImages, packages, userFiles } = window.tidegate;
      const client = createClient({ baseUrl, headers });
      const surfaces = {
        disk: () => diskImages(client),
        files: () => userFiles(client, { folder: "resumed" }),
        package: () =>
          packages(client, { datasetId: "datasetId" in target ? target.datasetId : "" }),
      };
      const uploader = new Uploader(client, { parallelParts: 2, retry: { maxDelay: 1000 } });
      const [file] = window.chosen() as [File];
      const upload = uploader.add(file, surfaces[target.surface]() as never);
      Object.assign(window, { uploader, upload });
    },
    [baseUrl, CALLER, target] as const,
  );
}

type Started = Window & { upload: import("@tidegate/client").Upload<Record<string, string>> };

const state = (page: Page) => page.evaluate(() => (window as unknown as Started).upload.snapshot);
const finish = (page: Page) => page.evaluate(() => (window as unknown as Started).upload.start());
const putsOf = (page: Page) => {
  const puts: string[] = [];
  page.on("request", (request) => {
    if (request.method() === "PUT") puts.push(request.url());
  });
  return puts;
};

/** Waits until `bytes` are on their way. */
async function reach(page: Page, bytes: number): Promise<void> {
  await expect
    .poll(async () => (await state(page)).progress.sent, { timeout: 60_000 })
    .toBeGreaterThan(bytes);
}

test.describe("an upload goes on", () => {
  // 20 MiB are one disk part and two parts of a file.
  const settings = { MULTIPART_PART_SIZE_BYTES: String(5 * MIB) };
  let server: TestServer;

  test.beforeAll(async ({ site }) => {
    server = await TestServer.start([site.sameSite, site.otherSite], settings);
  });
  test.afterAll(async () => server.stop());

  async function targetOf(surface: Target["surface"]): Promise<Target> {
    if (surface !== "package") return { surface };
    const { id } = await call(server, "POST", "/packages/datasets", { name: `${Math.random()}` });
    return { surface, datasetId: id };
  }

  async function storedSha256(target: Target, result: Record<string, string>): Promise<string> {
    if (target.surface === "disk") {
      return downloadedSha256(`${server.api}/v1/images/${result.imageId}/range`, CALLER);
    }
    if (target.surface === "files") {
      const key = encodeURIComponent(result.key ?? "");
      return downloadedSha256((await call(server, "GET", `/v1/files/signed-url?key=${key}`)).url);
    }
    const query = `dataset_id=${target.datasetId}&package_id=${result.nodeId}&redirect=false`;
    const { presigned_url } = await call(server, "GET", `/packages/presign/s3?${query}`);
    return downloadedSha256(presigned_url);
  }

  for (const surface of ["disk", "files", "package"] as const) {
    test(`in a new tab after its tab was killed: ${surface}`, async ({ context, site, files }) => {
      const size = surface === "files" ? 100 * MIB : 60 * MIB;
      const file = await files.write(`${surface}.img`, size);
      const target = await targetOf(surface);
      const first = await openPage(context, site.sameSite, [file.path]);
      const partSize = (surface === "files" ? 16 : 5) * MIB;
      let stored = 0;
      first.on("response", (response) => {
        if (response.request().method() === "PUT" && response.ok()) stored++;
      });
      await limitUploads(first, 15 * MIB);
      await startUpload(first, server.api, target);
      await reach(first, size * 0.6);
      const session = await context.newCDPSession(first);
      // Never answered: the process that would do so ends.
      void session.send("Page.crash").catch(() => undefined);
      await first.waitForEvent("crash");
      await first.close();

      const second = await openPage(context, site.sameSite, [file.path]);
      const puts = putsOf(second);
      const left = await second.evaluate((baseUrl) => {
        const { createClient, Uploader } = window.tidegate;
        return new Uploader(createClient({ baseUrl })).interrupted();
      }, server.api);
      expect(left).toMatchObject([{ name: `${surface}.img`, size }]);
      await startUpload(second, server.api, target);
      const result = await finish(second);
      expect(stored).toBeGreaterThan(0);
      expect(puts.length).toBeGreaterThan(0);
      expect(puts.length).toBeLessThanOrEqual(Math.ceil(size / partSize) - stored);
      expect(await storedSha256(target, result)).toBe(file.sha256);
      await second.close();
    });

    test(`after the server was killed and came back: ${surface}`, async ({
      context,
      site,
      files,
    }) => {
      const size = 60 * MIB;
      const file = await files.write(`${surface}.img`, size);
      const target = await targetOf(surface);
      const page = await openPage(context, site.sameSite, [file.path]);
      await limitUploads(page, 15 * MIB);
      await startUpload(page, server.api, target);
      await reach(page, size / 3);
      await server.kill();
      await page.waitForTimeout(3000);
      expect((await state(page)).state).toBe("uploading");
      await server.run();
      const result = await finish(page);
      expect(await storedSha256(target, result)).toBe(file.sha256);
      await page.close();
    });
  }

  test("but not with the parts of another file of the same name and time", async ({
    context,
    site,
    files,
  }) => {
    const file = await files.write("disk.img", 30 * MIB);
    const page = await openPage(context, site.sameSite, [file.path]);
    const imageId = await page.evaluate(
      async ([baseUrl, headers]) => {
        const { createClient, Uploader, diskImages } = window.tidegate;
        const client = createClient({ baseUrl, headers });
        const [file] = window.chosen() as [File];
        const bytes = new Uint8Array(await file.arrayBuffer());
        const changed = bytes.slice();
        changed[12 * 1024 * 1024] = (changed[12 * 1024 * 1024] ?? 0) ^ 1;
        const as = (blob: Blob) => ({ blob, name: "same.img", type: "", lastModified: 5 });
        let parts = 0;
        const { putBytes } = window.tidegate;
        const old = new Uploader(client, {
          parallelParts: 1,
          put: async (request) => {
            if (parts++ === 4) throw new Error("cut");
            return putBytes(request);
          },
          giveUpAfter: 0,
        });
        await old
          .add(as(new Blob([changed])), diskImages(client))
          .start()
          .catch(() => undefined);
        const upload = new Uploader(client).add(as(new Blob([bytes])), diskImages(client));
        return (await upload.start()).imageId;
      },
      [server.api, CALLER] as const,
    );
    expect(await downloadedSha256(`${server.api}/v1/images/${imageId}/range`, CALLER)).toBe(
      file.sha256,
    );
    const pending = await call(server, "GET", "/v1/images?status=PENDING");
    expect(pending.images).toEqual([]);
  });

  test("in the second tab once the first is closed", async ({ context, site, files }) => {
    const size = 40 * MIB;
    const file = await files.write("shared.img", size);
    const target = { surface: "disk" } as const;
    const first = await openPage(context, site.sameSite, [file.path]);
    await limitUploads(first, 5 * MIB);
    await startUpload(first, server.api, target);
    await reach(first, size / 3);
    const second = await openPage(context, site.sameSite, [file.path]);
    await startUpload(second, server.api, target);
    await expect.poll(async () => (await state(second)).state).toBe("waiting");
    await first.close();
    const result = await finish(second);
    expect(await storedSha256(target, result)).toBe(file.sha256);
    const { images } = await call(server, "GET", "/v1/images?status=ALL");
    const named = images.filter(({ name }: { name: string }) => name === "shared.img");
    expect(named).toHaveLength(1);
  });

  test("after a pause", async ({ context, site, files }) => {
    const file = await files.write("paused.img", 30 * MIB);
    const target = { surface: "disk" } as const;
    const page = await openPage(context, site.sameSite, [file.path]);
    await limitUploads(page, 8 * MIB);
    await startUpload(page, server.api, target);
    await reach(page, 10 * MIB);
    await page.evaluate(() => (window as unknown as Started).upload.pause());
    const puts = putsOf(page);
    await page.waitForTimeout(1000);
    expect(puts).toEqual([]);
    expect((await state(page)).state).toBe("paused");
    await page.evaluate(() => (window as unknown as Started).upload.resume());
    await expect.poll(async () => (await state(page)).state, { timeout: 30_000 }).toBe("done");
    const result = await finish(page);
    expect(await storedSha256(target, result)).toBe(file.sha256);
  });

  test("never after an abort, which frees what was reserved", async ({ context, site, files }) => {
    const file = await files.write("aborted.bin", 40 * MIB);
    const page = await openPage(context, site.sameSite, [file.path]);
    await limitUploads(page, 8 * MIB);
    const before = await call(server, "GET", "/v1/files/usage");
    await startUpload(page, server.api, { surface: "files" });
    await reach(page, 5 * MIB);
    expect((await call(server, "GET", "/v1/files/usage")).reserved).toBe(
      before.reserved + 40 * MIB,
    );
    await page.evaluate(() => (window as unknown as Started).upload.abort());
    expect((await call(server, "GET", "/v1/files/usage")).reserved).toBe(before.reserved);
    expect((await state(page)).state).toBe("aborted");
  });
});
