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

test("many images are deleted and brought back as one job each, also from another page", async ({
  page,
  open,
  ann,
}) => {
  const space = await ann.space("Bulk");
  for (let i = 0; i < 8; i += 1) await ann.image(space, `b-${i}.png`, picture(i + 50));
  await ann.shown(space, 8);
  const started: string[] = [];
  const alone: string[] = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (request.method() === "POST" && pathname === "/v1/bulk") {
      started.push(request.postDataJSON().action);
    }
    if (request.method() === "DELETE") alone.push(pathname);
  });
  await open(`/spaces/${space}`);
  const cells = page.getByRole("gridcell");
  await expect(cells).toHaveCount(8);
  await cells.first().focus();
  await page.keyboard.press("Control+a");
  await expect(page.getByText("8 images selected")).toBeVisible();
  // The first answer is held back, so that the progress is seen before it is over.
  let hold = true;
  await page.route("**/v1/bulk/*", async (route) => {
    const response = await route.fetch();
    const job = await response.json();
    await route.fulfill({ response, json: hold ? { ...job, state: "running", done: 0 } : job });
  });
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByRole("progressbar", { name: "Progress" })).toBeVisible();
  await expect(page.getByText("Deleting: 0 of 8")).toBeVisible();
  await expect(page.getByText("This goes on if you leave the page.")).toBeVisible();
  await page.getByRole("link", { name: "Spaces" }).first().click();
  await expect(page.getByRole("heading", { name: "Spaces", level: 1 })).toBeVisible();
  hold = false;
  await expect(page.getByText("8 images were moved to the trash.")).toBeVisible();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("8 images were restored.")).toBeVisible();
  expect(started).toEqual(["delete", "restore"]);
  expect(alone).toEqual([]);
  await open(`/spaces/${space}`);
  await expect(cells).toHaveCount(8);
});

test("images that a job cannot remove are listed by name, with the reason", async ({
  page,
  open,
  ann,
}) => {
  const space = await ann.space("Bulk failures");
  const ids: string[] = [];
  for (let i = 0; i < 7; i += 1) {
    ids.push(await ann.image(space, `f-${i}.png`, picture(i + 60)));
  }
  await ann.shown(space, 7);
  for (const id of ids) await ann.ask("DELETE", `/api/spaces/${space}/images/${id}`);
  await open(`/spaces/${space}/trash`);
  const restore = page.getByRole("button", { name: /^Restore f-/ });
  await expect(restore).toHaveCount(7);
  await page.getByRole("gridcell").first().focus();
  await page.keyboard.press("Control+a");
  // Somebody else is first with one of them.
  await ann.ask("DELETE", `/api/spaces/${space}/trash/${ids[2]}`);
  await page.getByRole("button", { name: "Remove for good", exact: true }).click();
  const dialog = page.getByRole("alertdialog", { name: "Remove 7 images for good?" });
  await dialog.getByRole("button", { name: "Remove for good" }).click();
  const failed = page.getByRole("region", { name: "1 item could not be removed" });
  await expect(failed.getByRole("listitem")).toContainText("f-2.png");
  await expect(failed.getByRole("listitem")).toContainText("There is no such thing");
  await failed.getByRole("button", { name: "Close" }).click();
  await expect(failed).toBeHidden();
});

test("a link to an image is made for a time and a size, and copied", async ({
  page,
  open,
  ann,
  faults,
}) => {
  const space = await ann.space("Links");
  await ann.image(space, "linked.png", picture(80));
  await ann.shown(space, 1);
  await ann.ask("PUT", `/api/spaces/${space}/members/bob`, { role: "viewer" });
  await open(`/spaces/${space}`, "bob");
  await page.getByRole("gridcell").click();
  await page.keyboard.press("c");
  const dialog = page.getByRole("dialog", { name: "Link to an image" });
  await expect(dialog.getByText("linked.png")).toBeVisible();
  await dialog.getByRole("button", { name: /Works for/ }).click();
  await page.getByRole("option", { name: "1 day" }).click();
  await dialog.getByRole("button", { name: "Create link" }).click();
  await expect(dialog.getByRole("alert")).toHaveText(
    /^The server allows links for 15 mins? at most\.$/,
  );
  expect(faults.splice(0).join()).toContain("400");

  await dialog.getByRole("button", { name: /Works for/ }).click();
  await page.getByRole("option", { name: "15 minutes" }).click();
  await dialog.getByRole("button", { name: /Size/ }).click();
  await expect(page.getByRole("option").first()).toHaveText("Original, 400 × 300");
  await page.getByRole("option").first().click();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await dialog.getByRole("button", { name: "Create link" }).click();
  const link = await dialog.getByLabel("Link", { exact: true }).inputValue();
  await expect(page.getByText("Link copied. It works until")).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(link);
  const response = await fetch(link);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toMatch(/^image\//);

  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error("denied"));
  });
  await dialog.getByRole("button", { name: "Copy" }).click();
  await expect(dialog.getByText("Select the link and copy it yourself.")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("dialog", { name: "linked.png" })).toBeVisible();
});

test("spaces are cards with their newest images, and are opened by keyboard", async ({
  page,
  open,
  ann,
}) => {
  const filled = await ann.space("Cards of the coast");
  for (let i = 0; i < 5; i += 1) await ann.image(filled, `c-${i}.png`, picture(i + 90));
  await ann.shown(filled, 5);
  await ann.space("Cards without images");
  const covers: URLSearchParams[] = [];
  page.on("request", (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (/\/images$/.test(pathname)) covers.push(searchParams);
  });
  await open("/spaces");
  const grid = page.getByRole("grid", { name: "Spaces" });
  const card = grid.getByRole("gridcell").filter({ hasText: "Cards of the coast" });
  await card.scrollIntoViewIfNeeded();
  await expect(card.locator(".picture.shown")).toHaveCount(4);
  await expect(card).toContainText("Owner");
  await expect(card).toContainText("5 images");
  const empty = grid.getByRole("gridcell").filter({ hasText: "Cards without images" });
  await expect(empty).toContainText("No images");
  await expect(empty.locator("img")).toHaveCount(0);
  for (const query of covers) expect(query.get("limit")).toBe("4");
  await card.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Cards of the coast", level: 1 })).toBeVisible();
});
