import { readFile } from "node:fs/promises";
import { CALLER, call, expect, openPage, test } from "./fixtures.js";
import { TestServer } from "./server.js";

const PNG = new URL("../../../docs/images/first-page.png", import.meta.url);
const HOUR = 3600 * 1000;

/** Stores images in a new space, and returns its id and theirs. */
async function storeImages(
  server: TestServer,
  count: number,
): Promise<{ spaceId: string; ids: string[] }> {
  const { id: spaceId } = await call(server, "POST", "/api/spaces", { name: "Photos" });
  const path = `/api/spaces/${spaceId}/images`;
  const body = await readFile(PNG);
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    const announced = { filename: `${index}.png`, contentType: "image/png", size: body.length };
    const { id, uploadUrl, headers } = await call(server, "POST", path, announced);
    await fetch(uploadUrl, { method: "PUT", headers, body });
    await call(server, "POST", `${path}/${id}/confirm`);
    ids.push(id);
  }
  const ready = async () => (await call(server, "GET", path)).images.length;
  await expect.poll(ready, { timeout: 60_000 }).toBe(count);
  return { spaceId, ids };
}

for (const wrong of [0, HOUR, -HOUR]) {
  test(`pictures stay while grants of 60 s end, with a clock wrong by ${wrong / HOUR} h`, async ({
    context,
    site,
  }) => {
    test.setTimeout(240_000);
    const server = await TestServer.start([site.sameSite], { GRANT_TTL_SECONDS: "60" });
    try {
      const { spaceId, ids } = await storeImages(server, 3);
      await context.addInitScript((wrong) => {
        const now = Date.now.bind(Date);
        Date.now = () => now() + wrong;
      }, wrong);
      const tabs = [await openPage(context, site.sameSite), await openPage(context, site.sameSite)];
      let refreshes = 0;
      for (const page of tabs) {
        page.on("request", (request) => {
          if (request.method() === "POST" && request.url().endsWith("/refresh")) refreshes++;
        });
        await page.evaluate(
          ([baseUrl, headers, spaceId, ids]) => {
            const { createClient, spaceImageUrls } = window.tidegate;
            const keeper = spaceImageUrls(createClient({ baseUrl, headers }), spaceId);
            for (const id of ids) keeper.watch(id, () => undefined);
            Object.assign(window, { keeper });
          },
          [server.api, CALLER, spaceId, ids] as const,
        );
      }
      const load = (page: (typeof tabs)[number]) =>
        page.evaluate(async (ids) => {
          const { keeper } = window as unknown as {
            keeper: ReturnType<typeof window.tidegate.spaceImageUrls>;
          };
          const statuses = ids.map(async (id) => {
            const url = keeper.get(id).value?.cloudfrontUrl ?? "";
            return (await fetch(url, { cache: "no-store" })).status;
          });
          return Promise.all(statuses);
        }, ids);
      for (let seconds = 0; seconds < 100; seconds += 10) {
        await tabs[0]?.waitForTimeout(10_000);
        for (const page of tabs) expect(await load(page)).toEqual([200, 200, 200]);
      }
      // Windows are 15 s; both tabs and all pictures share one request in each.
      expect(refreshes).toBeGreaterThanOrEqual(2);
      expect(refreshes).toBeLessThanOrEqual(12);
    } finally {
      await server.stop();
    }
  });
}

test("one signature opens all assets of a package, whatever their names", async ({
  context,
  site,
  server,
}) => {
  const { id: datasetId } = await call(server, "POST", "/packages/datasets", { name: "of assets" });
  const page = await openPage(context, site.sameSite);
  const texts = await page.evaluate(
    async ([baseUrl, headers, datasetId]) => {
      const { createClient, Uploader, packages, packageAssets, packageAssetUrls } = window.tidegate;
      const client = createClient({ baseUrl, headers });
      const uploader = new Uploader(client);
      const as = (text: string, name: string) => ({
        blob: new Blob([text]),
        name,
        type: "text/plain",
        lastModified: 1,
      });
      const node = await uploader
        .add(as("source", "a.txt"), packages(client, { datasetId }))
        .start();
      const packageId = "nodeId" in node ? node.nodeId : "";
      const paths = ["plain.txt", "deep/er/ü (1) + 100% #?.txt"];
      for (const path of paths) {
        await uploader
          .add(as(path, "b.txt"), packageAssets(client, { datasetId, packageId, path }))
          .start();
      }
      const keeper = packageAssetUrls(client, datasetId, packageId);
      return Promise.all(
        paths.map(async (path) => {
          await new Promise<void>((resolve) => keeper.watch(path, resolve));
          return (await fetch(keeper.get(path).value ?? "")).text();
        }),
      );
    },
    [server.api, CALLER, datasetId] as const,
  );
  expect(texts).toEqual(["plain.txt", "deep/er/ü (1) + 100% #?.txt"]);
});
