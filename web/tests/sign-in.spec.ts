import { expect, test } from "./fixtures.ts";

test("a user signs in by name, and out again", async ({ page, server, faults }) => {
  await page.goto(server.url);
  await page.getByLabel("User", { exact: true }).fill("ann");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Spaces", level: 1 })).toBeVisible();
  await expect(page.getByRole("link", { name: "Jobs" })).toBeHidden();
  await page.getByRole("button", { name: "Account of ann" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  expect(await page.evaluate(() => [sessionStorage.length, localStorage.length])).toEqual([0, 0]);
  expect(faults).toEqual([]);
});

test("administration is offered to administrators", async ({ page, open }) => {
  await open("/spaces", "root", ["admin"]);
  await page.getByRole("link", { name: "Jobs" }).click();
  await expect(page.getByRole("heading", { name: "No failed jobs" })).toBeVisible();
});

test("the user of the demo data is offered, by the same sign-in", async ({
  page,
  server,
  faults,
}) => {
  await page.goto(server.url);
  await expect(page.getByRole("link", { name: "About this server" })).toHaveAttribute(
    "href",
    "/start",
  );
  await page.getByRole("button", { name: "Continue as ann (lab, admin)" }).click();
  await expect(page.getByRole("heading", { name: "Spaces", level: 1 })).toBeVisible();
  await expect(page.getByRole("link", { name: "Jobs" })).toBeVisible();
  const kept = await page.evaluate(() => sessionStorage.getItem("tidegate.sign-in"));
  expect(JSON.parse(kept ?? "")).toEqual({
    kind: "dev",
    user: "ann",
    org: "lab",
    roles: ["admin"],
  });
  expect(faults).toEqual([]);
});

const signInWays = (mode: string) => ({ mode, oidc: null, edge: null, stores: [] });

test("a wrong sign-in is refused in words", async ({ page, server, faults }) => {
  await page.route("**/v1/sign-in", (route) => route.fulfill({ json: signInWays("jwt") }));
  await page.goto(server.url);
  await page.getByLabel("Token", { exact: true }).last().fill("nonsense");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("does not accept this sign-in");
  expect(faults.splice(0).join()).toContain("401");
});

test("a server that does not say how it is signed in to is offered both ways", async ({
  page,
  server,
  faults,
}) => {
  await page.route("**/v1/sign-in", (route) => route.fulfill({ status: 404, json: {} }));
  await page.goto(server.url);
  await expect(page.getByRole("tab")).toHaveText(["User name", "Token"]);
  expect(faults.splice(0).join()).toContain("404");
});

test("a server that asks nobody is opened by one button", async ({ page, server, faults }) => {
  await page.route("**/v1/sign-in", (route) => route.fulfill({ json: signInWays("none") }));
  await page.goto(server.url);
  await expect(page.getByRole("button", { name: "Continue" })).toBeVisible();
  await expect(page.getByRole("textbox")).toHaveCount(0);
  expect(faults).toEqual([]);
});

test("the page can be read in German, and stays so", async ({ page, open }) => {
  await open("/spaces");
  await page.getByRole("button", { name: "Language" }).click();
  await page.getByRole("menuitem", { name: "Deutsch" }).click();
  await expect(page.getByRole("heading", { name: "Bereiche", level: 1 })).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("lang", "de");
  await page.reload();
  await expect(page.getByRole("heading", { name: "Bereiche", level: 1 })).toBeVisible();
});

test("the theme can be chosen, and stays so", async ({ page, open }) => {
  await open("/spaces");
  await page.getByRole("button", { name: "Theme" }).click();
  await page.getByRole("menuitem", { name: "Dark" }).click();
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  expect(await ground()).toBe("rgb(15, 21, 27)");
  await page.reload();
  await expect(page.getByRole("heading", { name: "Spaces", level: 1 })).toBeVisible();
  expect(await ground()).toBe("rgb(15, 21, 27)");
});

test("an expired sign-in is asked for again, and nothing typed is lost", async ({
  page,
  open,
  faults,
}) => {
  await open("/spaces");
  await page.getByRole("button", { name: "New space" }).first().click();
  await page.getByLabel("Name").fill("Typed before the end");
  let refuse = true;
  await page.route("**/api/spaces", async (route) => {
    if (refuse && route.request().method() === "POST") {
      await route.fulfill({
        status: 401,
        json: { error: { code: "UNAUTHENTICATED", message: "" } },
      });
    } else await route.continue();
  });
  await page.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("heading", { name: "Sign in again" })).toBeVisible();
  refuse = false;
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Typed before the end" })).toBeVisible();
  expect(faults.splice(0).join()).toContain("401");
});

test("the policy of the page refuses scripts and styles of others", async ({
  page,
  open,
  faults,
}) => {
  await open("/spaces");
  const refused = await page.evaluate(async () => {
    const violations: string[] = [];
    document.addEventListener("securitypolicyviolation", (event) =>
      violations.push(event.effectiveDirective),
    );
    const style = document.createElement("style");
    style.textContent = "body { color: red }";
    document.head.append(style);
    let threw = 0;
    try {
      document.body.insertAdjacentHTML("beforeend", "<img>");
    } catch {
      threw += 1;
    }
    try {
      new Worker("data:text/javascript,1");
    } catch {
      threw += 1;
    }
    await fetch("https://elsewhere.example/").catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { violations: [...new Set(violations)].sort(), threw };
  });
  expect(refused.threw).toBe(2);
  expect(faults.splice(0).length).toBeGreaterThan(1);
  expect(refused.violations).toEqual(expect.arrayContaining(["connect-src", "style-src-elem"]));
});
