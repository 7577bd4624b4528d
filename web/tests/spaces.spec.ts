// @ts-expect-error -- plain JavaScript
import { landscape } from "../demo/pictures.mjs";
import { drop, expect, test } from "./fixtures.ts";

const picture = (seed: number): Buffer => landscape(seed, 400, 300);

test("a space is made, filled by dropping files, and looked at by keyboard", async ({
  page,
  open,
}) => {
  await open("/spaces");
  await page.getByRole("button", { name: "New space" }).first().click();
  await page.getByLabel("Name").fill("Harbour <b>& كود</b> 🌊");
  await page.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("heading", { name: "Harbour <b>& كود</b> 🌊" })).toBeVisible();

  await drop(page, ".dropping", [
    ...[1, 2, 3].map((seed) => ({
      name: `harbour-${seed}.png`,
      type: "image/png",
      bytes: picture(seed),
    })),
    { name: "notes.txt", type: "text/plain", bytes: Buffer.from("no picture") },
  ]);
  const tray = page.getByRole("region", { name: "Uploads" });
  await expect(tray.getByRole("status")).toHaveText("1 of 4 failed");
  await expect(tray.getByText("text/plain is not accepted")).toBeVisible();

  const grid = page.getByRole("grid", { name: /^Images of/ });
  await expect(grid.getByRole("img")).toHaveCount(3);
  await expect(page.locator(".picture.shown")).toHaveCount(3);
  await tray.getByRole("button", { name: "Close" }).click();

  await grid.getByRole("gridcell").first().focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("2 of 3")).toBeVisible();
  await page.keyboard.press("ArrowRight");
  await expect(dialog.getByText("3 of 3")).toBeVisible();
  await page.keyboard.press("i");
  await expect(dialog.getByRole("heading", { name: "Timeline" })).toBeVisible();
  await expect(dialog.getByText("Processing")).toBeVisible();
  await page.keyboard.press("+");
  await expect(dialog.locator(".lightbox-picture")).toHaveAttribute("style", /scale\(1\.5\)/);
  await page.keyboard.press("0");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(page.locator("[data-index='2']")).toBeFocused();
});

test("images are chosen by range, deleted, restored and removed for good", async ({
  page,
  open,
  ann,
}) => {
  const space = await ann.space("Trash");
  for (let i = 0; i < 4; i += 1) await ann.image(space, `t-${i}.png`, picture(i + 10));
  await ann.shown(space, 4);
  await open(`/spaces/${space}`);
  const cells = page.getByRole("gridcell");
  await expect(cells).toHaveCount(4);
  await cells.first().focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("Shift+ArrowRight");
  await expect(page.getByText("3 images selected")).toBeVisible();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(cells).toHaveCount(1);
  await expect(page.getByText("3 images were moved to the trash.")).toBeVisible();

  await page.getByRole("link", { name: "Trash", exact: true }).click();
  await page.getByRole("button", { name: "Restore t-3.png" }).click();
  await expect(page.getByRole("button", { name: /^Restore/ })).toHaveCount(2);
  await page.getByRole("button", { name: "Remove t-2.png for good" }).click();
  await page.getByRole("button", { name: "Remove for good" }).click();
  await expect(page.getByRole("button", { name: /^Restore/ })).toHaveCount(1);
  await page.getByRole("link", { name: "Images", exact: true }).click();
  await expect(cells).toHaveCount(2);
  const { imageCount } = await ann.ask("GET", `/api/spaces/${space}`);
  expect(imageCount).toBe(2);
});

test("what somebody else uploads and deletes is shown as it happens", async ({
  page,
  open,
  ann,
}) => {
  const space = await ann.space("Live");
  await ann.image(space, "first.png", picture(20));
  await ann.shown(space, 1);
  await open(`/spaces/${space}`);
  await expect(page.locator(".picture.shown")).toHaveCount(1);
  const second = await ann.image(space, "second.png", picture(21));
  await expect(page.locator(".picture.shown")).toHaveCount(2);
  await ann.ask("DELETE", `/api/spaces/${space}/images/${second}`);
  await expect(page.getByRole("gridcell")).toHaveCount(1);
});

test("a picture whose source is broken says so", async ({ page, open, ann, server, faults }) => {
  const space = await ann.space("Broken");
  await ann.image(space, "one.png", picture(30));
  await ann.shown(space, 1);
  await page.route(`${server.edge}/**`, (route) => route.abort());
  await open(`/spaces/${space}`);
  await expect(page.getByText("This image cannot be shown now.")).toBeVisible();
  await expect(page.getByRole("grid").locator("img")).toHaveCount(0);
  expect(faults.splice(0).length).toBeGreaterThan(0);
});

test("an owner gives and takes roles, and a viewer sees what a viewer may do", async ({
  page,
  open,
  ann,
  faults,
}) => {
  const space = await ann.space("Shared");
  await ann.image(space, "one.png", picture(40));
  await ann.shown(space, 1);
  await open(`/spaces/${space}/members`);
  await page.getByRole("button", { name: "Add member" }).click();
  await page.getByLabel("User", { exact: true }).fill("bob");
  await page.getByRole("dialog").getByRole("button", { name: "Add member" }).click();
  await expect(page.getByRole("button", { name: "Remove bob" })).toBeVisible();

  await open(`/spaces/${space}`, "bob");
  await expect(page.getByRole("gridcell")).toHaveCount(1);
  await expect(page.getByRole("button", { name: "Upload" })).toBeHidden();
  await expect(page.getByRole("link", { name: "Members" })).toBeHidden();

  await ann.ask("DELETE", `/api/spaces/${space}/members/bob`);
  await open(`/spaces/${space}`, "bob");
  await expect(page.getByRole("alert")).toContainText("There is no such thing");
  expect(faults.splice(0).join()).toContain("404");
});
