/** Signing in at a provider, with a small one that runs beside the server. */
import type { Page } from "@playwright/test";
import { test as base, expect } from "./fixtures.ts";
// @ts-expect-error -- plain JavaScript
import { startIssuer } from "./issuer.mjs";

interface Issuer {
  url: string;
  lifetime: number;
  deny: boolean;
  wrongNonce: boolean;
  grants: string[];
  close: () => Promise<void>;
}

const test = base.extend<object, { issuer: Issuer }>({
  issuer: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright wants the braces
    async ({}, use) => {
      const issuer: Issuer = await startIssuer();
      await use(issuer);
      await issuer.close();
    },
    { scope: "worker" },
  ],
  settings: [
    async ({ issuer }, use) => {
      await use({
        AUTH_MODE: "jwt",
        AUTH_JWKS_URL: `${issuer.url}/jwks`,
        AUTH_JWT_ISSUER: issuer.url,
        AUTH_JWT_AUDIENCE: "tidegate",
        OIDC_ISSUER: issuer.url,
        OIDC_CLIENT_ID: "dashboard",
      });
    },
    { scope: "worker" },
  ],
});

/** Returns what the tab keeps of the sign-in; the router keeps how far pages were scrolled. */
async function storedNames(page: Page): Promise<string[]> {
  const names = await page.evaluate(() => Object.keys(sessionStorage));
  return names.filter((name) => !name.startsWith("tsr-scroll-restoration"));
}

test.beforeEach(({ issuer }) => {
  Object.assign(issuer, { lifetime: 300, deny: false, wrongNonce: false });
  issuer.grants.splice(0);
});

test("a user signs in at the provider, and comes back to the page that was opened", async ({
  page,
  server,
  issuer,
  faults,
}) => {
  await page.goto(`${server.url}/files?folder=a`);
  await page.getByRole("button", { name: "Sign in with the provider" }).click();
  await expect(page.getByRole("heading", { name: "a", level: 1 })).toBeVisible();
  await expect(page).toHaveURL(`${server.url}/files?folder=a`);
  await expect(page.getByRole("button", { name: "Account of olga" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Health" })).toBeVisible();
  expect(issuer.grants).toEqual(["authorization_code"]);
  expect(await storedNames(page)).toEqual(["tidegate.sign-in"]);
  expect(await page.evaluate(() => localStorage.length)).toBe(0);
  expect(faults).toEqual([]);
});

test("code and state are in no address that the browser keeps", async ({
  page,
  server,
  faults,
}) => {
  await page.goto(server.url);
  await page.getByRole("button", { name: "Sign in with the provider" }).click();
  await expect(page.getByRole("heading", { name: "Spaces", level: 1 })).toBeVisible();
  await page.goBack();
  expect(page.url()).not.toContain("code=");
  expect(faults).toEqual([]);
});

test("a sign-in that is not permitted, or is not of this tab, is refused in words", async ({
  page,
  server,
  issuer,
  faults,
}) => {
  issuer.deny = true;
  await page.goto(server.url);
  await page.getByRole("button", { name: "Sign in with the provider" }).click();
  await expect(page.getByRole("alert")).toContainText("cancelled or not permitted");
  await expect(page).toHaveURL(`${server.url}/sign-in`);

  await page.goto(`${server.url}/sign-in?code=stolen&state=stolen`);
  await expect(page.getByRole("alert")).toContainText("belongs to no sign-in");
  await expect(page).toHaveURL(`${server.url}/sign-in`);

  Object.assign(issuer, { deny: false, wrongNonce: true });
  await page.getByRole("button", { name: "Sign in with the provider" }).click();
  await expect(page.getByRole("alert")).toContainText("belongs to another sign-in");
  expect(await storedNames(page)).toEqual([]);
  expect(faults).toEqual([]);
});

test("a token is replaced before it ends, without a question", async ({ page, server, issuer }) => {
  issuer.lifetime = 6;
  await page.goto(server.url);
  await page.getByRole("button", { name: "Sign in with the provider" }).click();
  await expect(page.getByRole("heading", { name: "Spaces", level: 1 })).toBeVisible();
  await page.waitForTimeout(8_000);
  await page.getByRole("link", { name: "Files" }).click();
  await expect(page.getByRole("heading", { name: "No files here" })).toBeVisible();
  expect(issuer.grants).toContain("refresh_token");
  await expect(page.getByRole("heading", { name: "Sign in again" })).toBeHidden();
});

test("a tab whose sign-in was refused is signed in again by another one", async ({
  page,
  context,
  server,
  faults,
}) => {
  await page.goto(server.url);
  await page.getByRole("button", { name: "Sign in with the provider" }).click();
  await expect(page.getByRole("heading", { name: "Spaces", level: 1 })).toBeVisible();
  let refuse = true;
  await page.route("**/v1/files/**", async (route) => {
    if (refuse) {
      const error = { code: "UNAUTHENTICATED", message: "" };
      await route.fulfill({ status: 401, json: { error } });
    } else await route.continue();
  });
  await page.getByRole("link", { name: "Files" }).click();
  await expect(page.getByRole("heading", { name: "Sign in again" })).toBeVisible();
  refuse = false;
  const opened = context.waitForEvent("page");
  await page.getByRole("button", { name: "Sign in with the provider" }).click();
  await opened;
  await expect(page.getByRole("heading", { name: "No files here" })).toBeVisible();
  expect(faults.splice(0).join()).toContain("401");
});
