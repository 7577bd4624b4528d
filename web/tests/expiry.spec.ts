/** URLs that live for a minute, on a page that is open for three. */

// @ts-expect-error -- plain JavaScript
import { landscape } from "../demo/pictures.mjs";
import { expect, test } from "./fixtures.ts";

test.use({ settings: { GRANT_TTL_SECONDS: "60" } });

test("all images are there after three minutes, and load anew", async ({ page, open, ann }) => {
  test.setTimeout(300_000);
  const space = await ann.space("Expiry");
  for (let i = 0; i < 12; i += 1) await ann.image(space, `e-${i}.png`, landscape(i, 320, 240));
  await ann.shown(space, 12);
  await open(`/spaces/${space}`);
  await expect(page.locator(".picture.shown")).toHaveCount(12);
  const sources = () =>
    page
      .locator(".picture img")
      .evaluateAll((images) => images.map((image) => (image as HTMLImageElement).currentSrc));
  const before = await sources();
  await page.waitForTimeout(180_000);
  const after = await sources();
  expect(after).toHaveLength(12);
  for (const url of before) expect((await fetch(url)).status).toBe(403);
  for (const url of after) expect((await fetch(url)).status).toBe(200);
  await expect(page.locator(".picture.shown")).toHaveCount(12);
  await page.locator("[data-index='0']").click();
  await expect(page.getByRole("dialog").locator(".picture.shown")).toHaveCount(1);
});
