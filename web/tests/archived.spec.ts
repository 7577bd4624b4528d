/**
 * Archived objects. The server's disk has no archive, so that what a bucket would make the server say of
 * one is put into its responses.
 */
import type { Page } from "@playwright/test";
// @ts-expect-error -- plain JavaScript
import { landscape } from "../demo/pictures.mjs";
import { expect, test } from "./fixtures.ts";
// @ts-expect-error -- plain JavaScript
import { parquet } from "./parquet.mjs";

const picture = (seed: number): Buffer => landscape(seed, 400, 300);
const ARCHIVED = { state: "ARCHIVED" };
const THAWING = { state: "THAWING", requestedAt: "2026-11-30T10:00:00Z" };
const REFUSED = {
  status: 409,
  json: { error: { code: "ARCHIVED", message: "it is archived", archive: ARCHIVED } },
};
/** What the browser's console says of a refusal. */
const isOfRefusal = (fault: string) => /status of (403|409|429)|ERR_FAILED/.test(fault);

/** Badges of a word that are seen: rows have one for narrow pages too. */
const badges = (page: Page, word: string) =>
  page.getByText(word, { exact: true }).filter({ visible: true });
const offer = (page: Page) => page.getByRole("dialog", { name: "Thaw this archived object?" });

test("an archived disk image says so and is thawed after a question", async ({
  page,
  open,
  faults,
}) => {
  let archive: object = ARCHIVED;
  await page.route("**/v1/images/abc/metadata", (route) =>
    route.fulfill({
      json: {
        ...{ imageId: "abc", name: "backup.img", size: 4096, etag: '"x"' },
        ...{ url: "http://127.0.0.1/x", lastModified: "2026-01-01T00:00:00Z", archive },
      },
    }),
  );
  let thaws = 0;
  await page.route("**/v1/images/abc/thaw", (route) => {
    thaws += 1;
    if (thaws === 1) {
      const error = { code: "RATE_LIMITED", message: "slow down" };
      return route.fulfill({ status: 429, headers: { "Retry-After": "3600" }, json: { error } });
    }
    archive = THAWING;
    return route.fulfill({ json: { imageId: "abc", archive } });
  });
  await open("/disks/abc");
  await expect(page.getByText("cannot be read before a thaw")).toBeVisible();
  await page.getByRole("button", { name: "Thaw" }).click();
  await expect(offer(page)).toContainText("takes minutes to days, and costs money");
  await offer(page).getByRole("button", { name: "Cancel" }).click();
  expect(thaws, "nothing is paid for without an answer").toBe(0);
  await page.getByRole("button", { name: "Thaw" }).click();
  await offer(page).getByRole("button", { name: "Thaw" }).click();
  await expect(offer(page).getByRole("alert")).toContainText("Too many requests");
  await offer(page).getByRole("button", { name: "Thaw" }).click();
  await expect(page.getByText("Thawing since")).toBeVisible();
  await expect(page.getByRole("button", { name: "Thaw" })).toHaveCount(0);
  expect(thaws).toBe(2);
  expect(faults.splice(0).every(isOfRefusal)).toBe(true);
});

test("an archived file offers a thaw in place of its bytes", async ({ page, open, faults }) => {
  const file = (filename: string, archive?: object) => ({
    ...{ key: `ann/1/${filename}`, filename, folder: null, size: 1234, status: "READY", archive },
    created_at: "2026-01-01T00:00:00Z",
  });
  const files = [file("known.pdf", ARCHIVED), file("asked.pdf"), file("linked.pdf")];
  const all = { files, total_count: 3, total_size: 3702, next_cursor: null };
  await page.route("**/v1/files/all*", (route) => route.fulfill({ json: all }));
  await page.route("**/v1/files/signed-url", (route) => route.fulfill(REFUSED));
  await page.route("**/v1/files/thaw/**", (route) => {
    const thawed = files.find(({ filename }) => route.request().url().endsWith(filename));
    if (thawed) thawed.archive = THAWING;
    return route.fulfill({ json: thawed });
  });
  await open("/files");
  await expect(page.getByRole("button", { name: "Download asked.pdf" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Download known.pdf" })).toHaveCount(0);
  await page.getByRole("button", { name: "Thaw known.pdf" }).click();
  await offer(page).getByRole("button", { name: "Thaw" }).click();
  await expect(badges(page, "Thawing")).toHaveCount(1);
  await expect(page.getByRole("button", { name: "Thaw known.pdf" })).toHaveCount(0);

  // The list did not know of this one; the server says so when its bytes are asked for.
  await page.getByRole("button", { name: "Download asked.pdf" }).click();
  await expect(offer(page)).toContainText("Archived.");
  await offer(page).getByRole("button", { name: "Cancel" }).click();
  await expect(badges(page, "Archived")).toHaveCount(1);
  await page.getByRole("button", { name: "Thaw asked.pdf" }).click();
  await offer(page).getByRole("button", { name: "Thaw" }).click();
  await expect(badges(page, "Thawing")).toHaveCount(2);

  await page.getByRole("button", { name: "Link to linked.pdf" }).click();
  await page.getByRole("button", { name: "Create link" }).click();
  const link = page.getByRole("dialog", { name: "Link", exact: false }).first();
  await link.getByRole("button", { name: "Thaw" }).click();
  await offer(page).getByRole("button", { name: "Thaw" }).click();
  await expect(page.getByRole("status").filter({ hasText: "Thawing since" })).toBeVisible();
  expect(faults.splice(0).every(isOfRefusal)).toBe(true);
});

test("an image that does not load is asked about, and its editors can thaw it", async ({
  page,
  open,
  ann,
  server,
  faults,
}) => {
  const space = await ann.space("Archive");
  const image = await ann.image(space, "old.png", picture(50));
  await ann.shown(space, 1);
  await ann.ask("PUT", `/api/spaces/${space}/members/vera`, { role: "viewer" });
  const path = `/api/spaces/${space}/images/${image}`;
  let archive: object = ARCHIVED;
  await page.route(`**${path}`, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), archive } });
  });
  await page.route(`**${path}/thaw`, (route) => {
    archive = THAWING;
    return route.fulfill({ json: { id: image, archive } });
  });
  await page.route(`${server.edge}/**`, (route) => route.abort());
  const address = `/spaces/${space}?image=${image}`;
  await open(address, "vera");
  const lightbox = page.getByRole("dialog", { name: "old.png" });
  await expect(lightbox.getByText("Archived. The bytes")).toBeVisible();
  await expect(lightbox.getByRole("button", { name: "Thaw" })).toHaveCount(0);
  await open(address);
  await lightbox.getByRole("button", { name: "Thaw" }).click();
  await offer(page).getByRole("button", { name: "Thaw" }).click();
  await expect(lightbox.getByText("Thawing since")).toBeVisible();
  expect(faults.splice(0).every(isOfRefusal)).toBe(true);
});

test("a package whose download is refused is offered to its editors only", async ({
  page,
  open,
  ann,
  faults,
}) => {
  const { id } = await ann.ask("POST", "/packages/datasets", { name: "Archive" });
  const node = await ann.package(id, "core", undefined, "core.csv", Buffer.from("a\n"), "text/csv");
  const path = `/packages/${encodeURIComponent(node)}`;
  await expect.poll(async () => (await ann.ask("GET", path)).status).toBe("READY");
  await ann.ask("PUT", `/packages/datasets/${encodeURIComponent(id)}/members/vera`, {
    role: "viewer",
  });
  await page.route("**/packages/presign/s3*", (route) => route.fulfill(REFUSED));
  await page.route("**/packages/thaw*", async (route) => {
    await page.route(`**${path}`, async (asked) => {
      const response = await asked.fetch();
      await asked.fulfill({ response, json: { ...(await response.json()), archive: THAWING } });
    });
    await route.fulfill({ json: { success: [node], failures: [] } });
  });
  const address = `/datasets/${encodeURIComponent(id)}?node=${encodeURIComponent(node)}`;
  const shown = page.getByRole("dialog", { name: "core" });
  await open(address, "vera");
  await shown.getByRole("button", { name: "Download", exact: true }).click();
  await expect(page.getByText("It is archived. Ask for a thaw")).toBeVisible();
  await expect(offer(page)).toHaveCount(0);
  await open(address);
  await shown.getByRole("button", { name: "Download", exact: true }).click();
  await offer(page).getByRole("button", { name: "Thaw" }).click();
  await expect(shown.getByText("Thawing since")).toBeVisible();
  await expect(shown.getByRole("button", { name: "Download", exact: true })).toHaveCount(0);
  expect(faults.splice(0).every(isOfRefusal)).toBe(true);
});

test("a preview of an archived Parquet file offers the thaw", async ({
  page,
  open,
  ann,
  faults,
}) => {
  const { id } = await ann.ask("POST", "/packages/datasets", { name: "Archive" });
  const type = "application/vnd.apache.parquet";
  const bytes: Buffer = parquet("snappy");
  const node = await ann.package(id, "cores", undefined, "cores.parquet", bytes, type);
  const path = `/packages/${encodeURIComponent(node)}`;
  await expect.poll(async () => (await ann.ask("GET", path)).status).toBe("READY");
  await page.route("**/packages/presign/s3*", (route) => route.fulfill(REFUSED));
  await page.route("**/packages/thaw*", (route) =>
    route.fulfill({ json: { success: [node], failures: [] } }),
  );
  await open(`/datasets/${encodeURIComponent(id)}?node=${encodeURIComponent(node)}`);
  await page.getByRole("button", { name: "Preview" }).click();
  const shown = page.getByRole("dialog", { name: "cores.parquet" });
  await expect(shown.getByText("cannot be read before a thaw")).toBeVisible();
  await shown.getByRole("button", { name: "Thaw" }).click();
  await offer(page).getByRole("button", { name: "Thaw" }).click();
  await expect(offer(page)).toHaveCount(0);
  expect(faults.splice(0).every(isOfRefusal)).toBe(true);
});

test("an archived media item says so in its tile and is thawed", async ({
  page,
  open,
  ann,
  faults,
}) => {
  const { id: session } = await ann.ask("POST", "/v1/sessions", {});
  await ann.media(session, "general", "old.png", picture(51));
  const list = `/v1/sessions/${session}/media`;
  await expect
    .poll(async () => (await ann.ask("GET", list)).media[0].status, { timeout: 60_000 })
    .toBe("COMPLETED");
  await page.route(`**${list}?*`, async (route) => {
    const response = await route.fetch();
    const all = await response.json();
    all.media[0].archive = ARCHIVED;
    await route.fulfill({ response, json: all });
  });
  await page.route(`**${list}/*/thaw`, (route) => route.fulfill({ json: { archive: THAWING } }));
  await open(`/sessions/${session}`);
  const tile = page.getByRole("gridcell").filter({ hasText: "old.png" });
  await expect(tile).toContainText("Archived");
  await tile.click();
  const shown = page.getByRole("dialog", { name: "old.png" });
  await shown.getByRole("button", { name: "Thaw" }).click();
  await offer(page).getByRole("button", { name: "Thaw" }).click();
  await expect(shown.getByText("Thawing since")).toBeVisible();
  expect(faults).toEqual([]);
});
