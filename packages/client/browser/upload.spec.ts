import { readFile } from "node:fs/promises";
import { CALLER, call, downloadedSha256, expect, openPage, sha256, test } from "./fixtures.js";

const MIB = 1024 * 1024;
const PNG = new URL("../../../docs/images/first-page.png", import.meta.url);

test.describe("a page of another origin uploads", () => {
  test("a disk image in parts", async ({ context, site, server, files }) => {
    const file = await files.write("disk.img", 150 * MIB);
    const page = await openPage(context, site.sameSite, [file.path]);
    const disk = await page.evaluate(
      async ([baseUrl, headers]) => {
        const { createClient, Uploader, diskImages } = window.tidegate;
        const client = createClient({ baseUrl, headers });
        const [file] = window.chosen() as [File];
        const upload = new Uploader(client).add(file, diskImages(client));
        return upload.start();
      },
      [server.api, CALLER] as const,
    );
    expect(disk.size).toBe(150 * MIB);
    const url = `${server.api}/v1/images/${disk.imageId}/range`;
    expect(await downloadedSha256(url, CALLER)).toBe(file.sha256);
  });

  for (const size of [0, 5, 40 * MIB]) {
    test(`a file of ${size} bytes`, async ({ context, site, server, files }) => {
      const file = await files.write("übung <b>&.bin", size);
      const page = await openPage(context, site.sameSite, [file.path]);
      const stored = await page.evaluate(
        async ([baseUrl, headers]) => {
          const { createClient, Uploader, userFiles } = window.tidegate;
          const client = createClient({ baseUrl, headers });
          const [file] = window.chosen() as [File];
          const surface = userFiles(client, { folder: "a/b", visibility: "private" });
          return new Uploader(client).add(file, surface).start();
        },
        [server.api, CALLER] as const,
      );
      // The checksum was made beside the page.
      expect(page.workers()).toHaveLength(1);
      expect(stored).toMatchObject({ size, sha256: file.sha256, visibility: "private" });
      const link = await call(
        server,
        "GET",
        `/v1/files/signed-url?key=${encodeURIComponent(stored.key)}`,
      );
      expect(await downloadedSha256(link.url)).toBe(file.sha256);
    });
  }

  for (const size of [5, 140 * MIB]) {
    test(`a package and an asset of ${size} bytes`, async ({ context, site, server, files }) => {
      const file = await files.write("table.parquet", size);
      const dataset = await call(server, "POST", "/packages/datasets", { name: `of ${size}` });
      const page = await openPage(context, site.sameSite, [file.path]);
      const nodeId = await page.evaluate(
        async ([baseUrl, headers, datasetId]) => {
          const { createClient, Uploader, packages, packageAssets } = window.tidegate;
          const client = createClient({ baseUrl, headers });
          const uploader = new Uploader(client);
          const [file] = window.chosen() as [File];
          const node = await uploader.add(file, packages(client, { datasetId })).start();
          const packageId = "nodeId" in node ? node.nodeId : "";
          const target = { datasetId, packageId, path: "tiles/0.bin" };
          await uploader.add(file, packageAssets(client, target)).start();
          return packageId;
        },
        [server.api, CALLER, dataset.id] as const,
      );
      const query = `dataset_id=${dataset.id}&package_id=${nodeId}`;
      const source = await call(server, "GET", `/packages/presign/s3?${query}&redirect=false`);
      expect(await downloadedSha256(source.presigned_url)).toBe(file.sha256);
      const asset = await call(
        server,
        "GET",
        `/packages/cloudfront/sign?${query}&path=tiles/0.bin`,
      );
      expect(await downloadedSha256(asset.signed_url)).toBe(file.sha256);
    });
  }

  test("an image into a space, and one into a session", async ({
    context,
    site,
    server,
    files,
  }) => {
    const bytes = await readFile(PNG);
    const file = await files.write("photo.png", bytes);
    const space = await call(server, "POST", "/api/spaces", { name: "Photos" });
    const session = await call(server, "POST", "/v1/sessions", {});
    const page = await openPage(context, site.sameSite, [file.path]);
    const [image, media] = await page.evaluate(
      async ([baseUrl, headers, spaceId, sessionId]) => {
        const { createClient, Uploader, spaceImages, sessionMedia } = window.tidegate;
        const client = createClient({ baseUrl, headers });
        const uploader = new Uploader(client);
        const [file] = window.chosen() as [File];
        const surfaces = [
          spaceImages(client, spaceId),
          sessionMedia(client, sessionId, { alt: "x" }),
        ];
        const done = surfaces.map((surface) => uploader.add(file, surface as never).start());
        return Promise.all(done) as Promise<{ id: string }[]>;
      },
      [server.api, CALLER, space.id, session.id] as const,
    );
    const imagePath = `/api/spaces/${space.id}/images/${image?.id}`;
    await expect.poll(async () => (await call(server, "GET", imagePath)).status).toBe("READY");
    const { cloudfrontUrl } = await call(server, "GET", imagePath);
    // The picture has no metadata, so it is published as it was sent.
    expect(await downloadedSha256(cloudfrontUrl)).toBe(sha256(bytes));
    // A session's media is encoded anew; the SHA-256 of what was sent was announced and checked.
    const mediaPath = `/v1/sessions/${session.id}/media/${media?.id}`;
    await expect.poll(async () => (await call(server, "GET", mediaPath)).status).toBe("COMPLETED");
  });

  test("a thousand files at once, of which some are refused", async ({ context, site, server }) => {
    test.setTimeout(600_000);
    const page = await openPage(context, site.sameSite);
    const states = await page.evaluate(
      async ([baseUrl, headers]) => {
        const { createClient, Uploader, userFiles } = window.tidegate;
        const client = createClient({ baseUrl, headers });
        const uploader = new Uploader(client, { parallelFiles: 6, parallelParts: 6 });
        const uploads = Array.from({ length: 1000 }, (_, index) => {
          const name = index % 100 === 0 ? "con" : `${index}.txt`;
          const file = new File([`file ${index}`], name, { type: "text/plain", lastModified: 1 });
          return uploader.add(file, userFiles(client, { folder: `thousand/${index % 7}` }));
        });
        const ended = await Promise.allSettled(uploads.map((upload) => upload.start()));
        return ended.map((end, index) => ({
          fulfilled: end.status === "fulfilled",
          state: uploads[index]?.snapshot.state,
          kind: uploads[index]?.snapshot.error?.kind,
        }));
      },
      [server.api, CALLER] as const,
    );
    const refused = states.filter(({ state }) => state === "failed");
    expect(refused).toHaveLength(10);
    expect(refused.every(({ kind }) => kind === "invalid")).toBe(true);
    expect(states.filter(({ fulfilled }) => fulfilled)).toHaveLength(990);
    const { total_count } = await call(server, "GET", "/v1/files/all?folder=thousand&limit=1");
    expect(total_count).toBe(990);
  });
});
