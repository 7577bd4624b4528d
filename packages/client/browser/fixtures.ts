import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, test as base, expect, type Page } from "@playwright/test";
import { TestServer } from "./server.js";
import { buildPage, servePage } from "./site.js";

/** Headers of the caller, as `AUTH_MODE=dev` reads them. */
export const CALLER = { "X-User-Id": "ann", "X-Org-Id": "lab" };

interface Site {
  /** Origin on the same site as the server: `localhost` has one. */
  sameSite: string;
  /** Origin of another site, to which cookies of the server are a third party's. */
  otherSite: string;
}

interface WorkerFixtures {
  site: Site;
  server: TestServer;
}

export const test = base.extend<{ files: TestFiles }, WorkerFixtures>({
  site: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from it.
    async ({}, use) => {
      const folder = await mkdtemp(join(tmpdir(), "tidegate-page-"));
      await buildPage(folder);
      const { port, server } = await servePage(folder);
      await use({ sameSite: `http://localhost:${port}`, otherSite: `http://127.0.0.1:${port}` });
      server.close();
      await rm(folder, { recursive: true });
    },
    { scope: "worker" },
  ],
  server: [
    async ({ site }, use) => {
      const server = await TestServer.start([site.sameSite, site.otherSite]);
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from it.
  files: async ({}, use) => {
    const files = await TestFiles.create();
    await use(files);
    await files.remove();
  },
});

export { expect };

/** Files on disk, as people have them. */
export class TestFiles {
  readonly #folder: string;

  static async create(): Promise<TestFiles> {
    return new TestFiles(await mkdtemp(join(tmpdir(), "tidegate-files-")));
  }

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Writes a file and returns its path and SHA-256. */
  async write(name: string, bytes: Uint8Array | number): Promise<{ path: string; sha256: string }> {
    const content = typeof bytes === "number" ? randomBytes(bytes) : bytes;
    const path = join(this.#folder, name);
    await writeFile(path, content);
    return { path, sha256: sha256(content) };
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Opens the page with files in its input. */
export async function openPage(
  context: BrowserContext,
  origin: string,
  paths: string[] = [],
): Promise<Page> {
  const page = await context.newPage();
  page.on("pageerror", (error) => {
    throw error;
  });
  page.on("console", (message) => {
    if (message.text().startsWith("tidegate:")) throw new Error(message.text());
  });
  await page.goto(origin);
  await page.waitForFunction(() => window.tidegate !== undefined);
  if (paths.length > 0) await page.setInputFiles("input", paths);
  return page;
}

/** Calls the API as the tests' user, and returns the body of the response. */
export async function call(
  server: TestServer,
  method: string,
  path: string,
  body?: unknown,
  // biome-ignore lint/suspicious/noExplicitAny: Tests read members of many responses.
): Promise<any> {
  const response = await fetch(server.api + path, {
    method,
    headers: { ...CALLER, "Content-Type": "application/json" },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

/** Returns the SHA-256 of what an address gives out, as it arrives. */
export async function downloadedSha256(
  url: string,
  headers: Record<string, string> = {},
): Promise<string> {
  const response = await fetch(url, { headers });
  if (!response.ok || response.body === null) throw new Error(`${url}: ${response.status}`);
  const hash = createHash("sha256");
  for await (const piece of response.body) hash.update(piece);
  return hash.digest("hex");
}

/** Slows what pages send, so that there is time to interrupt it. */
export async function limitUploads(page: Page, bytesPerSecond: number): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: bytesPerSecond,
  });
}
