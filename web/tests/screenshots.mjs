/**
 * Takes a picture of each page at two widths, light and dark:
 * `TIDEGATE=path/to/tidegate node tests/screenshots.mjs FOLDER [NAME…]`.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "@playwright/test";
import { demoUser, fill } from "../demo/fill.mjs";
import { startServer } from "./server.mjs";

const [folder, ...only] = process.argv.slice(2);
if (!folder) throw new Error("name a folder for the pictures");
await mkdir(folder, { recursive: true });

const SIZES = {
  wide: { viewport: { width: 1280, height: 800 } },
  phone: {
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
  },
};
const settle = (page) =>
  page.waitForLoadState("networkidle", { timeout: 3_000 }).catch(() => undefined);

/** Names, addresses, and what is done before the picture is taken. */
function views({ space, image, disk, session, dataset }) {
  return {
    spaces: ["/spaces"],
    gallery: [`/spaces/${space}`],
    selection: [
      `/spaces/${space}`,
      async (page) => {
        for (const index of [1, 2, 4]) {
          await page.locator(`[data-index="${index}"] .tile-check`).click({ force: true });
        }
      },
    ],
    lightbox: [`/spaces/${space}?image=${image}`],
    details: [`/spaces/${space}?image=${image}`, (page) => page.keyboard.press("i")],
    imageLink: [
      `/spaces/${space}?image=${image}`,
      async (page) => {
        await page.keyboard.press("c");
        await page.getByRole("button", { name: "Create link" }).click();
        await page.getByRole("button", { name: "Copy", exact: true }).waitFor();
      },
    ],
    trash: [`/spaces/${space}/trash`],
    members: [`/spaces/${space}/members`],
    files: ["/files"],
    folder: ["/files?folder=measurements"],
    link: [
      "/files",
      async (page) => {
        await page.getByRole("button", { name: "Link to notes.md" }).click();
        await page.getByRole("button", { name: "Create link" }).click();
        await page.getByRole("button", { name: "Copy" }).waitFor();
      },
    ],
    disks: ["/disks"],
    streaming: [
      `/disks/${disk}`,
      async (page) => {
        await page.getByRole("button", { name: "Start" }).click();
        await page.getByRole("button", { name: "Stop" }).waitFor();
        await page.getByRole("button", { name: "Start" }).waitFor({ timeout: 60_000 });
      },
    ],
    sessions: ["/sessions"],
    media: [`/sessions/${session}`],
    datasets: ["/datasets"],
    tree: [`/datasets/${dataset}`],
    changes: [`/datasets/${dataset}/changes`],
    datasetMembers: [`/datasets/${dataset}/members`],
    health: ["/admin/health"],
    usage: ["/admin/usage"],
    jobs: ["/admin/jobs"],
    keys: ["/admin/keys"],
    settings: ["/admin/settings"],
    audit: ["/admin/audit"],
    menu: [
      "/spaces",
      async (page) => {
        const menu = page.getByRole("button", { name: "Menu", exact: true });
        if (await menu.isVisible()) await menu.click();
        else await page.getByRole("button", { name: "Theme" }).click();
      },
    ],
  };
}

async function take(browser, url, size, colorScheme, ids) {
  const context = await browser.newContext({ ...SIZES[size], colorScheme, locale: "en-GB" });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) console.log(size, message.text());
  });
  page.on("pageerror", (error) => console.log(size, error.message));
  const shoot = (name) =>
    page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`) });
  await page.goto(url);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  if (only.length === 0 || only.includes("sign-in")) await shoot("sign-in");
  const signIn = { kind: "dev", user: "ann", org: "lab", roles: ["admin"] };
  await page.evaluate(
    (value) => sessionStorage.setItem("tidegate.sign-in", JSON.stringify(value)),
    signIn,
  );
  for (const [name, [path, prepare]] of Object.entries(views(ids))) {
    if (only.length > 0 && !only.includes(name)) continue;
    await page.goto(url + path);
    await page.locator("h1, [role=dialog]").first().waitFor();
    await settle(page);
    await prepare?.(page);
    await page.waitForTimeout(400);
    const wide = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    if (wide > 0) console.log(`${name} ${size}: ${wide} pixels beyond the edge`);
    await shoot(name);
  }
  await context.close();
}

const server = await startServer();
try {
  const ids = await fill(demoUser(server.api));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  for (const size of Object.keys(SIZES)) {
    for (const theme of ["light", "dark"]) await take(browser, server.url, size, theme, ids);
  }
  await browser.close();
} finally {
  await server.close();
}
