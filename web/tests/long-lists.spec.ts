/** Galleries longer than an element can be high: the end is reached, by keyboard and by the scroll bar. */

// @ts-expect-error -- plain JavaScript
import { landscape } from "../demo/pictures.mjs";
import { expect, test } from "./fixtures.ts";
// @ts-expect-error -- plain JavaScript
import { addImages } from "./many-images.mjs";

const COUNT = 1_000_000;
/** The images at both ends and in the middle have files, because their pictures are looked at. */
const SEEN = 1000;
const isSeen = (n: number) => n < SEEN || n > COUNT - SEEN || Math.abs(n - COUNT / 2) < SEEN;

test("the last of a million images is reached by keyboard and by scroll bar", async ({
  page,
  open,
  ann,
  server,
}) => {
  test.setTimeout(300_000);
  const space = await ann.space("A million");
  await ann.image(space, "original.png", landscape(3, 320, 240));
  await ann.shown(space, 1);
  await server.whileStopped((data) => addImages(data, space, COUNT, isSeen));
  await open(`/spaces/${space}`);
  const grid = page.getByRole("grid");
  await expect(page.getByText("1,000,001")).toBeVisible();
  await grid.getByRole("gridcell").first().focus();
  await page.keyboard.press("End");
  const last = grid.locator(`[data-index='${COUNT}']`);
  await expect(last).toBeFocused();
  await expect(last.locator(".picture.shown")).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toContainText(`image-0${COUNT - 1}.png`);
  await page.keyboard.press("Escape");
  await expect(last).toBeFocused();

  await page.keyboard.press("Home");
  await expect(grid.locator("[data-index='0'] .picture.shown")).toBeVisible();
  const bar = page.locator(".grid-scroller").first();
  await bar.evaluate((element) => element.scrollTo(0, element.scrollHeight / 2));
  await expect(grid.locator(".picture.shown").first()).toBeVisible();
  const middle = Number(await grid.locator("[data-index]").first().getAttribute("data-index"));
  expect(Math.abs(middle - COUNT / 2)).toBeLessThan(COUNT / 50);
  await bar.evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await expect(last.locator(".picture.shown")).toBeVisible();
  expect(await grid.getByRole("gridcell").count()).toBeLessThan(200);
});
