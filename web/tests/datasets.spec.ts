/** Members of a dataset, assets of a package, and the preview of Parquet files. */
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
// @ts-expect-error -- plain JavaScript
import { Api as ApiOfAny } from "../demo/api.mjs";
import { expect, type Server, test } from "./fixtures.ts";
// @ts-expect-error -- plain JavaScript
import { parquet } from "./parquet.mjs";

const PARQUET = "application/vnd.apache.parquet";

async function datasetWith(server: Server, files: Record<string, Buffer>) {
  const api = new ApiOfAny(server.api, "ann", "lab");
  const { id } = await api.ask("POST", "/packages/datasets", { name: "Cores" });
  const nodes: Record<string, string> = {};
  for (const [name, bytes] of Object.entries(files)) {
    nodes[name] = await api.package(id, name, undefined, name, bytes, PARQUET);
  }
  for (const node of Object.values(nodes)) {
    await expect
      .poll(async () => (await api.ask("GET", `/packages/${encodeURIComponent(node)}`)).status)
      .toBe("READY");
  }
  return { api, id: id as string, nodes };
}

async function openPackage(page: Page, name: string): Promise<void> {
  await page.getByRole("gridcell").filter({ hasText: name }).click();
  await expect(page.getByRole("dialog").getByRole("heading", { name, level: 2 })).toBeVisible();
}

test("an owner makes a manager, who makes viewers and editors only", async ({
  page,
  open,
  server,
}) => {
  const { id } = await datasetWith(server, {});
  await open(`/datasets/${id}/members`);
  await page.getByRole("button", { name: "Add member" }).click();
  await page.getByLabel("User", { exact: true }).fill("mona");
  await page.getByRole("dialog").getByRole("button", { name: /Role/ }).click();
  await page.getByRole("option", { name: "Manager" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Add member" }).click();
  await expect(page.getByText("mona is a member now.")).toBeVisible();

  await open(`/datasets/${id}/members`, "mona");
  await expect(page.getByRole("gridcell").filter({ hasText: "ann" })).toContainText("Owner");
  await expect(page.getByRole("button", { name: "Remove ann" })).toBeHidden();
  await page.getByRole("button", { name: "Add member" }).click();
  await page.getByLabel("User", { exact: true }).fill("vera");
  await page.getByRole("dialog").getByRole("button", { name: /Role/ }).click();
  await expect(page.getByRole("option")).toHaveText(["Viewer", "Editor"]);
  await page.getByRole("option", { name: "Viewer" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Add member" }).click();
  await expect(page.getByRole("button", { name: "Remove vera" })).toBeVisible();

  await open(`/datasets/${id}`, "vera");
  await expect(page.getByRole("heading", { name: "Cores", level: 1 })).toBeVisible();
  await expect(page.getByRole("link", { name: "Members" })).toBeHidden();
});

for (const compression of ["snappy", "zstd", "brotli"]) {
  test(`the first rows of a ${compression} file are read by ranges`, async ({
    page,
    open,
    server,
  }) => {
    const { id } = await datasetWith(server, { "cores.parquet": parquet(compression) });
    const ranges: string[] = [];
    page.context().on("request", (request) => {
      const { range } = request.headers();
      if (range) ranges.push(range);
    });
    await open(`/datasets/${id}`);
    await openPackage(page, "cores.parquet");
    await page.getByRole("button", { name: "Preview" }).click();
    const rows = page.getByRole("region", { name: "First rows of cores.parquet" });
    await expect(rows.getByRole("row")).toHaveCount(101);
    await expect(rows.getByRole("columnheader")).toHaveText([
      "idINT64",
      "nameSTRING",
      "whenTIMESTAMP",
      "tagslist",
    ]);
    await expect(rows.getByRole("row").nth(4)).toContainText("null");
    await expect(page.getByRole("definition").filter({ hasText: /^120$/ })).toBeVisible();
    expect(ranges.every((range) => /^bytes=\d+-\d+$/.test(range))).toBe(true);
    const { violations } = await new AxeBuilder({ page }).include("[role=dialog]").analyze();
    expect(violations.filter(({ impact }) => impact === "serious")).toEqual([]);
  });
}

test("a broken Parquet file is said to be broken", async ({ page, open, server }) => {
  const whole: Buffer = parquet("snappy");
  const middle = whole.length >> 1;
  const cut = Buffer.concat([whole.subarray(0, middle - 200), whole.subarray(middle)]);
  const { id } = await datasetWith(server, {
    "cut.parquet": cut,
    "text.parquet": Buffer.from("a,b\n1,2\n3,4\n5,6\n"),
  });
  await open(`/datasets/${id}`);
  await openPackage(page, "cut.parquet");
  await page.getByRole("button", { name: "Preview" }).click();
  await expect(page.getByRole("alert")).toContainText("This Parquet file is broken");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await openPackage(page, "text.parquet");
  await page.getByRole("button", { name: "Preview" }).click();
  await expect(page.getByRole("alert")).toContainText("This is no Parquet file");
});

test("assets are uploaded below a package, and deleted", async ({ page, open, server }) => {
  const { id } = await datasetWith(server, { "core.csv": Buffer.from("1,2\n") });
  await open(`/datasets/${id}`);
  await openPackage(page, "core.csv");
  await page.getByRole("button", { name: "Upload assets" }).click();
  await page.getByLabel("Folder").fill("/tiles/");
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose files" }).click();
  await (await chooser).setFiles({
    name: "rows.parquet",
    mimeType: PARQUET,
    buffer: parquet("gzip"),
  });
  const asset = page.getByRole("listitem").filter({ hasText: "tiles/rows.parquet" });
  await expect(asset).toBeVisible();
  await asset.getByRole("button", { name: "Preview tiles/rows.parquet" }).click();
  await expect(page.getByRole("region", { name: /^First rows of/ })).toBeVisible();
  await page.keyboard.press("Escape");
  await asset.getByRole("button", { name: "Delete tiles/rows.parquet" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByText("This package has no viewer assets.")).toBeVisible();
});
