/**
 * The speed of the pages, measured in the page itself; `npm run test:speed -w web`. Figures count on an
 * idle machine with an optimized binary only; docs/operations/performance.md has them.
 */
import { readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
// @ts-expect-error -- plain JavaScript
import { landscape } from "../demo/pictures.mjs";
import { expect, test } from "./fixtures.ts";
// @ts-expect-error -- plain JavaScript
import { addImages } from "./many-images.mjs";

/** A trace takes pictures of the page all the time, which are tasks of its own. */
test.use({ trace: "off" });

const COUNT = 100_000;
const ROUNDS = 5;
const PAINT = 1000;
const TASK = 100;
const JUMP = 1000;

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

/** Returns the time of the first contentful paint of the page, in milliseconds. */
function firstPaint(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        new PerformanceObserver((list) => {
          const [entry] = list.getEntriesByName("first-contentful-paint");
          if (entry) resolve(entry.startTime);
        }).observe({ type: "paint", buffered: true });
      }),
  );
}

/** Collects the tasks of the page that take longer than 50 ms. */
async function watchTasks(page: Page): Promise<() => Promise<number[]>> {
  await page.evaluate(() => {
    const tasks: number[] = [];
    Object.assign(window, { longTasks: tasks });
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) tasks.push(Math.round(duration));
    });
    observer.observe({ type: "longtask" });
  });
  return () =>
    page.evaluate(() => (window as unknown as { longTasks: number[] }).longTasks.splice(0));
}

/** Returns the most memory that the page's process has had, in MiB. */
async function peakMemory(page: Page): Promise<number> {
  const browser = page.context().browser();
  if (!browser) throw new Error("there is no browser");
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

test("@speed first contentful paint", async ({ page, open, ann }) => {
  await ann.space("One");
  await open("/spaces");
  const paints: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await page.context().clearCookies();
    const session = await page.context().newCDPSession(page);
    await session.send("Network.clearBrowserCache");
    await page.reload();
    await expect(page.getByText("One")).toBeVisible();
    paints.push(await firstPaint(page));
  }
  console.log(`first contentful paint: ${paints.map(Math.round).join(", ")} ms`);
  expect(median(paints)).toBeLessThan(PAINT);
});

test("@speed a gallery of 100,000 images", async ({ page, open, ann, server }) => {
  test.setTimeout(300_000);
  const space = await ann.space("Many");
  for (let n = 0; n < 12; n += 1) {
    await ann.image(space, `${n}.png`, landscape(n, 320, 240));
  }
  await ann.shown(space, 12);
  await server.whileStopped((data) => addImages(data, space, COUNT - 12));
  await open(`/spaces/${space}`);
  const grid = page.getByRole("grid");
  await expect(grid.locator(".picture.shown").first()).toBeVisible();
  const longTasks = await watchTasks(page);

  await page.mouse.move(640, 500);
  for (let step = 0; step < 200; step += 1) {
    await page.mouse.wheel(0, 400);
    await page.waitForTimeout(16);
  }
  const scrolling = await longTasks();
  await expect(grid.locator(".picture.shown").first()).toBeVisible();

  await grid.getByRole("gridcell").first().focus();
  const jumps: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await page.keyboard.press("Home");
    await expect(grid.locator("[data-index='0'] .picture.shown")).toBeVisible();
    const started = performance.now();
    await page.keyboard.press("End");
    await grid.locator(`[data-index='${COUNT - 1}'] .picture.shown`).waitFor();
    jumps.push(performance.now() - started);
  }
  console.log(
    `scrolling: tasks above 50 ms: ${scrolling.join(", ") || "none"}; ` +
      `to the end: ${jumps.map(Math.round).join(", ")} ms; page ${await peakMemory(page)} MiB`,
  );
  expect(Math.max(0, ...scrolling)).toBeLessThan(TASK);
  expect(median(jumps)).toBeLessThan(JUMP);
});
