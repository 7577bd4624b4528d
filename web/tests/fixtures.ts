/** What all tests of the dashboard share: a server, a signed-in page, and no silent errors of the page. */
import { test as base, expect, type Page } from "@playwright/test";
// @ts-expect-error -- plain JavaScript, shared with the script of the screenshots
import { Api as ApiOfAny } from "../demo/api.mjs";
// @ts-expect-error -- plain JavaScript
import { startServer } from "./server.mjs";

export interface Server {
  api: string;
  edge: string;
  store: string;
  url: string;
  log: () => string;
  whileStopped: (act: (data: string) => unknown) => Promise<void>;
  close: () => Promise<void>;
}

/** Requests as one user; `api.mjs` says what they do. */
interface Api {
  // biome-ignore lint/suspicious/noExplicitAny: responses of any request
  ask(method: string, path: string, body?: unknown): Promise<any>;
  space(name: string): Promise<string>;
  image(space: string, filename: string, bytes: Buffer): Promise<string>;
  shown(space: string, count: number): Promise<void>;
  media(session: string, stage: string, filename: string, bytes: Buffer): Promise<unknown>;
  package(
    dataset: string,
    name: string,
    parent: string | undefined,
    filename: string,
    bytes: Buffer,
    contentType: string,
  ): Promise<string>;
}

interface Fixtures {
  /** Requests as `ann`, to put things in place. */
  ann: Api;
  /** Opens a page of the dashboard as a user. */
  open: (path: string, user?: string, roles?: string[]) => Promise<void>;
  /** Errors that the page reported; a test that expects some empties it. */
  faults: string[];
}

interface WorkerFixtures {
  server: Server;
  /** Further settings of the server. */
  settings: Record<string, string>;
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  settings: [{}, { scope: "worker", option: true }],
  server: [
    async ({ settings }, use) => {
      const server: Server = await startServer(settings);
      await use(server);
      await server.close();
    },
    { scope: "worker" },
  ],
  ann: async ({ server }, use) => {
    await use(new ApiOfAny(server.api, "ann", "lab"));
  },
  faults: async ({ page }, use) => {
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
    await use(faults);
    expect(faults).toEqual([]);
  },
  open: async ({ page, server, faults }, use) => {
    expect(faults).toEqual([]);
    await use(async (path, user = "ann", roles = []) => {
      const signIn = JSON.stringify({ kind: "dev", user, org: "lab", roles });
      await page.goto(server.url);
      await page.evaluate((text) => sessionStorage.setItem("tidegate.sign-in", text), signIn);
      await page.goto(server.url + path);
    });
  },
});

/** Drops files on an element, as a file manager does. */
export async function drop(
  page: Page,
  selector: string,
  files: Array<{ name: string; type: string; bytes: Buffer }>,
): Promise<void> {
  await page.locator(selector).waitFor();
  const encoded = files.map(({ name, type, bytes }) => ({
    name,
    type,
    base64: bytes.toString("base64"),
  }));
  await page.evaluate(
    async ([target, list]) => {
      const transfer = new DataTransfer();
      for (const { name, type, base64 } of list) {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
      }
      const element = document.querySelector(target);
      if (!element) throw new Error(`nothing is ${target}`);
      for (const type of ["dragenter", "dragover", "drop"]) {
        element.dispatchEvent(
          new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }),
        );
      }
    },
    [selector, encoded] as const,
  );
}

export { expect };
