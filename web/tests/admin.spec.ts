/** The pages about the running of the server. */
import { expect, test } from "./fixtures.ts";

test("usage is shown in all, by day and by owner", async ({ page, open, ann }) => {
  await ann.space("Counted");
  await open("/admin/usage", "root", ["admin"]);
  await expect(page.getByRole("img", { name: /^Added by day/ })).toBeVisible();
  await expect(page.getByRole("term").filter({ hasText: "Spaces" })).toBeVisible();
  await page.getByRole("button", { name: /Kind of owner/ }).click();
  await page.getByRole("option", { name: "Files" }).click();
  await expect(
    page.getByRole("grid", { name: "Owners by size" }).or(page.getByText("Nothing is stored")),
  ).toBeVisible();
  await page.getByRole("button", { name: /Period/ }).click();
  await page.getByRole("option", { name: "366 days" }).click();
  await expect(page.getByText(/in 366 days, in UTC/)).toBeVisible();
});

test("queues stand above the failed jobs", async ({ page, open }) => {
  await open("/admin/jobs", "root", ["admin"]);
  await expect(page.getByRole("heading", { name: "Queues" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "No failed jobs" })).toBeVisible();
});

test("settings are searched, and no secret is shown", async ({ page, open, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open("/admin/settings", "root", ["admin"]);
  await page.getByRole("searchbox").fill("edge_port");
  const setting = page.getByRole("listitem").filter({ hasText: "EDGE_PORT" });
  await expect(setting.getByText("Given", { exact: true })).toBeVisible();
  await setting.getByRole("button", { name: "Copy EDGE_PORT" }).click();
  await expect(page.getByText("Copied.")).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("EDGE_PORT");
  await page.getByRole("searchbox").fill("no such setting");
  await expect(page.getByRole("heading", { name: "Nothing found" })).toBeVisible();
});

test("keys say what they sign, and show public parts only", async ({ page, open }) => {
  await open("/admin/keys", "root", ["admin"]);
  await expect(page.getByRole("heading", { name: "Reading through the edge" })).toBeVisible();
  await expect(page.getByText("Signs", { exact: true }).first()).toBeVisible();
  await expect(page.getByText("PRIVATE KEY")).toHaveCount(0);
});

test("the audit log is filtered by action, actor, outcome and kind", async ({
  page,
  open,
  ann,
}) => {
  await ann.space("Audited");
  await open("/admin/audit", "root", ["admin"]);
  await page.getByLabel("Action", { exact: true }).fill("space.created");
  await page.getByLabel("Who", { exact: true }).fill("ann");
  await page.getByRole("button", { name: /Outcome/ }).click();
  await page.getByRole("option", { name: "Done" }).click();
  await page.getByRole("button", { name: /Kind of owner/ }).click();
  await page.getByRole("option", { name: "Spaces" }).click();
  await page.getByRole("button", { name: "Show", exact: true }).click();
  const cells = page.getByRole("grid", { name: "Audit log" }).getByRole("gridcell");
  await expect(cells.first()).toContainText("space.created");
  for (const text of await cells.allTextContents()) expect(text).toContain("ann");
  await page.getByLabel("Who", { exact: true }).fill("nobody-of-that-name");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(page.getByRole("heading", { name: "No events" })).toBeVisible();
});

test("nobody else is offered these pages, or shown what is on them", async ({
  page,
  open,
  faults,
}) => {
  const me = page.waitForResponse("**/v1/me");
  await open("/spaces", "ann");
  await me;
  await expect(page.getByRole("heading", { name: "Spaces", level: 1 })).toBeVisible();
  for (const name of ["Health", "Usage", "Jobs", "Keys", "Settings"]) {
    await expect(page.getByRole("link", { name, exact: true })).toBeHidden();
  }
  await open("/admin/settings", "ann");
  await expect(page.getByRole("alert")).toContainText("You may not do this");
  expect(faults.splice(0).join()).toContain("403");
});
