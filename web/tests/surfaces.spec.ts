// @ts-expect-error -- plain JavaScript
import { landscape } from "../demo/pictures.mjs";
import { drop, expect, test } from "./fixtures.ts";

test("files are uploaded with their folder, found, linked, packed and deleted", async ({
  page,
  open,
  server,
}) => {
  await open("/files", "fred");
  await expect(page.getByRole("heading", { name: "No files here" })).toBeVisible();
  await drop(page, ".dropping", [
    { name: "tides.csv", type: "text/csv", bytes: Buffer.from("a,b\n1,2\n") },
    { name: "<img src=x onerror=alert(1)>.txt", type: "text/plain", bytes: Buffer.from("text") },
  ]);
  await page.getByLabel("Folder").fill("measurements/2026");
  await page.getByRole("button", { name: "Upload 2 files" }).click();
  const grid = page.getByRole("grid", { name: "Files" });
  await expect(grid.getByRole("row")).toHaveCount(2);
  await expect(page.getByText("<img src=x onerror=alert(1)>.txt").first()).toBeVisible();
  await page
    .getByRole("region", { name: "Uploads" })
    .getByRole("button", { name: "Close" })
    .click();

  await page.getByRole("link", { name: "measurements", exact: true }).click();
  await expect(page.getByRole("heading", { name: "measurements", level: 1 })).toBeVisible();
  await page.getByRole("searchbox").fill("tides");
  await expect(grid.getByRole("row")).toHaveCount(1);
  await expect(page).toHaveURL(/q=tides/);

  await page.getByRole("button", { name: "Link to tides.csv" }).click();
  await page.getByRole("button", { name: "Create link" }).click();
  const link = await page.getByLabel("Link", { exact: true }).inputValue();
  expect(await (await fetch(link)).text()).toBe("a,b\n1,2\n");
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "More about these files" }).click();
  await page.getByRole("menuitem", { name: "End all links" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "End all links" }).click();
  await expect(page.getByText("No link that was made before works any more.")).toBeVisible();
  expect((await fetch(link)).status).toBe(403);

  await page.getByRole("button", { name: "Select tides.csv" }).click();
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "ZIP" }).click();
  expect((await saved).url()).toContain(`${server.url}/v1/files/batch-download/`);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("heading", { name: "Nothing found" })).toBeVisible();
});

test("a disk image is uploaded, read at random places, and deleted", async ({ page, open }) => {
  await open("/disks", "dora");
  const bytes = Buffer.alloc(2 << 20, 3);
  await drop(page, ".dropping", [{ name: "disk.img", type: "application/octet-stream", bytes }]);
  const row = page.getByRole("grid", { name: "Disk images" }).getByRole("gridcell");
  await expect(row).toContainText("disk.img");
  await row.click();
  await expect(page.getByRole("heading", { name: "disk.img", level: 1 })).toBeVisible();
  await page.getByRole("button", { name: /Reads/ }).click();
  await page.getByRole("option", { name: "50", exact: true }).click();
  await page.getByRole("button", { name: "Start" }).click();
  await expect(page.getByRole("img", { name: "Time of each read" })).toBeVisible();
  await expect(page.getByRole("definition").filter({ hasText: /^50$/ })).toBeVisible();
  await expect(page.getByRole("definition").filter({ hasText: /^3\.28 MB$/ })).toBeVisible();
  await page.getByRole("link", { name: "Disk images" }).first().click();
  await page.getByRole("button", { name: "Delete disk.img" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("heading", { name: "No disk images yet" })).toBeVisible();
});

test("media of a session are shown by status, with the reason where one was refused", async ({
  page,
  open,
}) => {
  await open("/sessions", "sara");
  await page.getByRole("button", { name: "New session" }).first().click();
  await expect(page.getByRole("heading", { name: "No media here" })).toBeVisible();
  await page.getByRole("button", { name: /Stage/ }).click();
  await page.getByRole("option", { name: "Stage: Inspection" }).click();
  const whole: Buffer = landscape(70, 400, 300);
  await drop(page, ".dropping", [
    { name: "good.png", type: "image/png", bytes: whole },
    { name: "cut.png", type: "image/png", bytes: whole.subarray(0, 400) },
  ]);
  const grid = page.getByRole("grid", { name: "Media of this session" });
  const good = grid.getByRole("gridcell").filter({ hasText: "good.png" });
  const cut = grid.getByRole("gridcell").filter({ hasText: "cut.png" });
  await expect(good).toContainText("Inspection");
  await expect(good).toContainText("Ready");
  await expect(good.locator(".picture.shown")).toBeVisible();
  await expect(cut).toContainText("Rejected");
  await cut.click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("damaged");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /Status/ }).click();
  await page.getByRole("option", { name: "Rejected" }).click();
  await expect(grid.getByRole("gridcell")).toHaveCount(1);
  await page.getByRole("button", { name: /Status/ }).click();
  await page.getByRole("option", { name: "All", exact: true }).click();
  await expect(grid.getByRole("gridcell")).toHaveCount(2);
  await good.focus();
  await page.keyboard.press("Space");
  await expect(page.getByText("1 item selected")).toBeVisible();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(grid.getByRole("gridcell")).toHaveCount(1);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("1 item was restored.")).toBeVisible();
  await expect(good).toBeVisible();
});

test("packages are put into collections, deleted and restored under another name", async ({
  page,
  open,
}) => {
  await open("/datasets", "paul");
  await page.getByRole("button", { name: "New dataset" }).first().click();
  await page.getByLabel("Name").fill("Cores");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("button", { name: "New collection" }).click();
  await page.getByLabel("Name").fill("Raw");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("gridcell").filter({ hasText: "Raw" }).click();
  await expect(page.getByRole("heading", { name: "Raw", level: 1 })).toBeVisible();
  const file = { name: "core.csv", type: "text/csv", bytes: Buffer.from("1,2\n") };
  await drop(page, ".dropping", [file]);
  const cell = page.getByRole("grid", { name: "Packages" }).getByRole("gridcell");
  await expect(cell).toContainText("core.csv");
  await cell.focus();
  await page.keyboard.press("Delete");
  await expect(page.getByRole("heading", { name: "Nothing here" })).toBeVisible();
  await drop(page, ".dropping", [{ ...file, bytes: Buffer.from("3,4\n") }]);
  await expect(cell).toContainText("core.csv");
  await page.getByRole("button", { name: /Status/ }).click();
  await page.getByRole("option", { name: "Deleted" }).click();
  await page.getByRole("button", { name: /^Select core/ }).click();
  await page.getByRole("button", { name: "Restore", exact: true }).click();
  await expect(page.getByText("1 package is being restored.")).toBeVisible();
  await page.getByRole("link", { name: "Cores" }).click();
  await page.getByRole("link", { name: "Changelog" }).click();
  const change = page.getByRole("gridcell").filter({ hasText: "Restored" });
  await expect(change).toContainText("core.csv (1)");
});

test("an administrator sees the health of the server and who did what", async ({ page, open }) => {
  await open("/admin/health", "root", ["admin"]);
  await expect(page.getByText("Answers")).toHaveCount(2);
  await page.getByRole("link", { name: "Audit log" }).click();
  await expect(page.getByRole("gridcell").first()).toBeVisible();
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export CSV" }).click();
  expect((await saved).suggestedFilename()).toMatch(/^tidegate-audit-[\d-]+\.csv$/);
});
