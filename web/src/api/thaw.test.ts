/** Thaws, with responses as the server's in place of a server: that of the browser tests has no archive. */
import { beforeEach, expect, test, vi } from "vitest";

const archive = { state: "THAWING", requestedAt: "2026-11-30T10:00:00Z" };
const requests: { line: string; body: unknown }[] = [];
let answer: (request: Request) => Response;

vi.stubGlobal("location", { origin: "https://files.example", href: "https://files.example/" });
vi.stubGlobal("sessionStorage", { getItem: () => null, setItem() {}, removeItem() {} });
vi.stubGlobal("fetch", async (request: Request) => {
  const { pathname, search } = new URL(request.url);
  const text = await request.clone().text();
  requests.push({
    line: `${request.method} ${pathname}${search}`,
    body: text ? JSON.parse(text) : undefined,
  });
  return answer(request);
});

beforeEach(() => {
  requests.length = 0;
  answer = () => Response.json({ archive });
});

const { thawDisk } = await import("./disks.ts");
const { thawFile } = await import("./files.ts");
const { thawImage } = await import("./spaces.ts");
const { thawMedia } = await import("./sessions.ts");
const { thawNode } = await import("./datasets.ts");

test.each([
  ["a disk image", () => thawDisk("d1"), "/v1/images/d1/thaw"],
  ["a file", () => thawFile("ann/1/a b.pdf"), "/v1/files/thaw/ann%2F1%2Fa%20b.pdf"],
  ["a space's image", () => thawImage("s1", "i1"), "/api/spaces/s1/images/i1/thaw"],
  ["a media item", () => thawMedia("s1", "m1"), "/v1/sessions/s1/media/m1/thaw"],
])("the thaw of %s asks its surface, and returns the state", async (_, thaw, path) => {
  expect(await thaw()).toEqual(archive);
  expect(requests).toEqual([{ line: `POST ${path}`, body: undefined }]);
});

test("the thaw of a package names it, and reads its state after that", async () => {
  answer = ({ method }) =>
    Response.json(method === "POST" ? { success: ["N:package:1"], failures: [] } : { archive });
  expect(await thawNode("N:dataset:1", "N:package:1")).toEqual(archive);
  expect(requests).toEqual([
    {
      line: "POST /packages/thaw?dataset_id=N%3Adataset%3A1",
      body: { nodeIds: ["N:package:1"] },
    },
    { line: "GET /packages/N%3Apackage%3A1", body: undefined },
  ]);
});

test("the reason why a package is not thawed is said", async () => {
  const failures = [{ id: "N:package:1", error: "too many objects of the dataset thaw already" }];
  answer = () => Response.json({ success: [], failures });
  await expect(thawNode("N:dataset:1", "N:package:1")).rejects.toThrow("too many objects");
});

test.each([
  [403, "FORBIDDEN"],
  [409, "INVALID_STATE"],
  [429, "RATE_LIMITED"],
  [501, "NOT_IMPLEMENTED"],
])("%i is told at once", async (status, code) => {
  const headers = { "Retry-After": "3600" };
  answer = () => Response.json({ error: { code, message: "why" } }, { status, headers });
  await expect(thawDisk("d1")).rejects.toMatchObject({ status, code });
  expect(requests).toHaveLength(1);
});
