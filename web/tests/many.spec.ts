/** Many files at once, a server that goes away, and URLs that end while a page is open. */

// @ts-expect-error -- plain JavaScript
import { png } from "../demo/pictures.mjs";
import { drop, expect, test } from "./fixtures.ts";

const dot = (n: number): Buffer => png(8, 8, () => [n % 256, n >> 8, 128]);

test("a thousand files are dropped at once, paused, continued, and all arrive", async ({
  page,
  open,
}) => {
  test.setTimeout(480_000);
  await open("/files", "mia");
  const files = Array.from({ length: 1000 }, (_, n) => ({
    name: `file-${n}.txt`,
    type: "text/plain",
    bytes: Buffer.from(`file ${n}\n`),
  }));
  await drop(page, ".dropping", files);
  await page.getByRole("button", { name: "Upload 1,000 files" }).click();
  const tray = page.getByRole("region", { name: "Uploads" });
  await expect(tray.getByText(/of 1,000 done/)).toBeVisible();
  expect(await tray.locator(".tray-row").count()).toBeLessThan(30);
  await tray.getByRole("button", { name: "Pause all" }).click();
  await expect(tray.getByText(/of 1,000 paused/)).toBeVisible();
  await tray.getByRole("button", { name: "Continue all" }).click();
  await page.getByRole("link", { name: "Spaces" }).first().click();
  await expect(tray.getByRole("status")).toHaveText("1,000 files uploaded", { timeout: 420_000 });
  await page.getByRole("link", { name: "Files" }).click();
  await expect(page.getByText("1,000 files,")).toBeVisible();
  const grid = page.getByRole("grid", { name: "Files" });
  expect(await grid.getByRole("row").count()).toBeLessThan(40);
  const offsets: Array<string | null> = [];
  page.on("request", (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (pathname === "/v1/files/all") offsets.push(searchParams.get("offset"));
  });
  await grid.getByRole("gridcell").first().focus();
  await page.keyboard.press("End");
  await expect(grid.locator("[data-index='999']")).toContainText("file-");
  await expect(grid.locator("[data-index='999']")).toBeFocused();
  expect(offsets).toContain("800");
  await page.keyboard.press("Home");
  await expect(grid.locator("[data-index='0']")).toContainText("file-");
  // What lies between was not seen.
  for (const offset of ["200", "400", "600"]) expect(offsets).not.toContain(offset);
});

test("an upload goes on after the network was away", async ({ page, open, ann, faults }) => {
  const space = await ann.space("Network");
  await open(`/spaces/${space}`);
  await expect(page.getByRole("heading", { name: "No images yet" })).toBeVisible();
  await page.context().setOffline(true);
  await drop(page, ".dropping", [{ name: "late.png", type: "image/png", bytes: dot(7) }]);
  await page.waitForTimeout(1500);
  await page.context().setOffline(false);
  const tray = page.getByRole("region", { name: "Uploads" });
  await expect(tray.getByRole("status")).toHaveText("1 file uploaded", { timeout: 60_000 });
  await expect(page.locator(".picture.shown")).toHaveCount(1, { timeout: 60_000 });
  expect(faults.splice(0).every((fault) => fault.includes("ERR_INTERNET_DISCONNECTED"))).toBe(true);
});

test("a refused upload waits for the next sign-in", async ({ page, open, ann, faults }) => {
  const space = await ann.space("Expiry");
  await open(`/spaces/${space}`);
  let refuse = true;
  await page.route(`**/api/spaces/${space}/images`, async (route) => {
    if (refuse && route.request().method() === "POST") {
      await route.fulfill({
        status: 401,
        json: { error: { code: "UNAUTHENTICATED", message: "" } },
      });
    } else await route.continue();
  });
  await drop(page, ".dropping", [{ name: "held.png", type: "image/png", bytes: dot(9) }]);
  await expect(page.getByRole("heading", { name: "Sign in again" })).toBeVisible();
  refuse = false;
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  const tray = page.getByRole("region", { name: "Uploads" });
  await expect(tray.getByRole("status")).toHaveText("1 file uploaded");
  expect(faults.splice(0).join()).toContain("401");
});
