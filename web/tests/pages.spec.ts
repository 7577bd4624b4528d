/** Every page at two widths and in both themes: no serious finding of axe, nothing beyond the edge. */
import AxeBuilder from "@axe-core/playwright";
// @ts-expect-error -- plain JavaScript
import { demoUser, fill } from "../demo/fill.mjs";
import { expect, test } from "./fixtures.ts";

interface Ids {
  space: string;
  image: string;
  disk: string;
  session: string;
  dataset: string;
}

let ids: Ids;
test.beforeAll(async ({ server }) => {
  test.setTimeout(240_000);
  ids = await fill(demoUser(server.api));
});

const PAGES: Record<string, (ids: Ids) => string> = {
  spaces: () => "/spaces",
  gallery: ({ space }) => `/spaces/${space}`,
  lightbox: ({ space, image }) => `/spaces/${space}?image=${image}`,
  trash: ({ space }) => `/spaces/${space}/trash`,
  members: ({ space }) => `/spaces/${space}/members`,
  files: () => "/files",
  disks: () => "/disks",
  disk: ({ disk }) => `/disks/${disk}`,
  sessions: () => "/sessions",
  media: ({ session }) => `/sessions/${session}`,
  datasets: () => "/datasets",
  tree: ({ dataset }) => `/datasets/${dataset}`,
  changes: ({ dataset }) => `/datasets/${dataset}/changes`,
  "dataset members": ({ dataset }) => `/datasets/${dataset}/members`,
  health: () => "/admin/health",
  usage: () => "/admin/usage",
  jobs: () => "/admin/jobs",
  keys: () => "/admin/keys",
  settings: () => "/admin/settings",
  audit: () => "/admin/audit",
  "nothing there": () => "/spaces/a/b",
};
const WIDTHS = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

for (const [width, viewport] of Object.entries(WIDTHS)) {
  for (const colorScheme of ["light", "dark"] as const) {
    test.describe(`${width}, ${colorScheme}`, () => {
      test.use({ viewport, colorScheme });
      test("all pages can be used by everybody", async ({ page, open }) => {
        test.setTimeout(240_000);
        await open("/spaces", "ann", ["admin"]);
        for (const [name, path] of Object.entries(PAGES)) {
          await page.goto(new URL(path(ids), page.url()).href);
          await expect(page.locator("h1, [role=dialog]").first()).toBeVisible();
          await expect(page.locator(".spinner")).toHaveCount(0);
          const { violations } = await new AxeBuilder({ page })
            .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
            .analyze();
          const serious = violations
            .filter(({ impact }) => impact === "serious" || impact === "critical")
            .map(({ id, nodes }) => `${name}: ${id}: ${nodes.map(({ html }) => html).join(" ")}`);
          expect.soft(serious).toEqual([]);
          const here = await page.locator(".tabs [aria-current]").count();
          expect.soft(here, `${name}: tabs that are shown as the present one`).toBeLessThan(2);
          const beyond = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          expect.soft(beyond, `${name}: pixels beyond the edge`).toBe(0);
        }
      });
    });
  }
}
