import { describe, expect, test } from "vitest";
import { createClient } from "../src/client.js";
import type { UploadSource, UploadSurface } from "../src/upload/surface.js";
import { userFiles } from "../src/upload/surfaces/files.js";
import { sessionMedia } from "../src/upload/surfaces/session.js";
import { spaceImages } from "../src/upload/surfaces/space.js";
import { json, refuse, serve } from "./http.js";

const MIB = 1024 * 1024;
const PHOTO: UploadSource = {
  blob: new Blob(["photo"], { type: "image/jpeg" }),
  name: "a.jpg",
  type: "image/jpeg",
  lastModified: 1,
};
const SIGNAL = new AbortController().signal;

type Reply = [status: number, body: unknown];
/** What the server answers, by method and path. */
type Replies = Record<string, Reply>;

/** Starts a server that answers so, and returns a client of it and the requests that came. */
async function server(replies: Replies) {
  const requests: string[] = [];
  const baseUrl = await serve((request, response) => {
    const name = `${request.method} ${request.url?.split("?")[0]}`;
    requests.push(name);
    const [status, body] = replies[name] ?? [404, undefined];
    if (status >= 400) refuse(response, status, `CODE_${status}`);
    else if (status === 204) response.writeHead(204).end();
    else json(response, status, body);
  });
  return { client: createClient({ baseUrl }), requests };
}

function begin<T>(surface: UploadSurface<T>) {
  return surface.begin(PHOTO, undefined, SIGNAL);
}

function mediaTarget(url: string) {
  return {
    id: "m1",
    uploadUrl: url,
    fileKey: "k1",
    expiresIn: 300,
    expiresAt: "2026-12-01T00:00:00.000Z",
    headers: [{ name: "content-type", value: "image/jpeg" }],
  };
}

function imageTarget(url: string) {
  return {
    id: "i1",
    method: "PUT",
    uploadUrl: url,
    headers: { "content-type": "image/jpeg" },
    expiresIn: 300,
    expiresAt: "2026-12-01T00:00:00.000Z",
  };
}

const SIGNED = [
  { partNumber: 1, url: "https://store/2", headers: { "content-type": "image/jpeg" } },
];

const SINGLE = [
  {
    of: "a session",
    surface: (client: ReturnType<typeof createClient>) =>
      sessionMedia(client, "s") as UploadSurface<unknown>,
    handle: { id: "m1", fileKey: "k1" },
    announce: "POST /v1/sessions/s/media/upload-url",
    again: "POST /v1/sessions/s/media/m1/upload-url",
    confirm: "POST /v1/sessions/s/media/confirm",
    remove: "DELETE /v1/sessions/s/media/m1",
    target: mediaTarget,
  },
  {
    of: "a space",
    surface: (client: ReturnType<typeof createClient>) =>
      spaceImages(client, "s") as UploadSurface<unknown>,
    handle: { imageId: "i1" },
    announce: "POST /api/spaces/s/images",
    again: "POST /api/spaces/s/images/i1/upload-url",
    confirm: "POST /api/spaces/s/images/i1/confirm",
    remove: "DELETE /api/spaces/s/images/i1",
    target: imageTarget,
  },
];

describe.each(SINGLE)("an upload of $of", (kind) => {
  test("has its URL signed again once it has ended", async () => {
    const { client, requests } = await server({
      [kind.announce]: [200, kind.target("https://store/1")],
      [kind.again]: [200, kind.target("https://store/2")],
    });
    const surface = kind.surface(client);
    const open = await begin(surface);
    expect(open.handle).toEqual(kind.handle);
    expect(open.targets?.map(({ url }) => url)).toEqual(["https://store/1"]);
    expect(await surface.sign(open.handle, [1], SIGNAL)).toEqual(SIGNED);
    expect(requests).toEqual([kind.announce, kind.again]);
  });

  test.each([404, 409])("begins anew if signing again is refused with %i", async (status) => {
    const { client } = await server({ [kind.again]: [status, undefined] });
    await expect(kind.surface(client).sign(kind.handle, [1], SIGNAL)).rejects.toMatchObject({
      kind: "gone",
    });
  });

  test("goes on in another tab, at the same place", async () => {
    const { client, requests } = await server({
      [kind.confirm]: [400, undefined],
      [kind.again]: [200, kind.target("https://store/2")],
    });
    const found = await kind.surface(client).find(kind.handle, PHOTO, SIGNAL);
    expect(found).toEqual({ handle: kind.handle, partSize: 5, targets: SIGNED, parts: [] });
    expect(requests).toEqual([kind.confirm, kind.again]);
  });

  test("is done if its bytes came", async () => {
    const { client } = await server({ [kind.confirm]: [200, { id: "x" }] });
    expect(await kind.surface(client).find(kind.handle, PHOTO, SIGNAL)).toEqual({
      result: { id: "x" },
    });
  });

  test("is gone if the server dropped it", async () => {
    const { client } = await server({});
    expect(await kind.surface(client).find(kind.handle, PHOTO, SIGNAL)).toBeUndefined();
  });

  test("is aborted by its id", async () => {
    const { client, requests } = await server({ [kind.remove]: [204, undefined] });
    await kind.surface(client).abort(kind.handle);
    expect(requests).toEqual([kind.remove]);
  });
});

test("an upload of a session that an earlier client began is aborted by its key", async () => {
  const media = [
    { id: "m0", fileKey: "k0" },
    { id: "m1", fileKey: "k1" },
  ];
  const { client, requests } = await server({
    "GET /v1/sessions/s/media": [200, { media }],
    "DELETE /v1/sessions/s/media/m1": [204, undefined],
  });
  await sessionMedia(client, "s").abort({ fileKey: "k1" });
  expect(requests).toEqual(["GET /v1/sessions/s/media", "DELETE /v1/sessions/s/media/m1"]);
});

describe("an upload of a large file", () => {
  const handle = { uploadId: "u1", parts: "1" };
  const large = { ...PHOTO, blob: new Blob([new Uint8Array(20 * MIB)]) };
  const progress = {
    uploadId: "u1",
    state: "OPEN",
    key: "k",
    filename: "a.jpg",
    folder: "",
    size: 20 * MIB,
    mime: "image/jpeg",
    visibility: "public",
    expiresAt: "2026-12-01T00:00:00.000Z",
    received: 16 * MIB,
    parts: [{ partNumber: 1, size: 16 * MIB, crc32: "00000000" }],
  };

  test("goes on with the parts that the server has", async () => {
    const { client } = await server({ "GET /v1/files/uploads/u1": [200, progress] });
    expect(await userFiles(client).find(handle, large, SIGNAL)).toEqual({
      handle,
      partSize: 16 * MIB,
      size: 20 * MIB,
      parts: [{ partNumber: 1, size: 16 * MIB, etag: "" }],
    });
  });

  test.each(["COMPLETING", "COMPLETED"])("asks for the result if it is %s", async (state) => {
    const { client } = await server({
      "GET /v1/files/uploads/u1": [200, { ...progress, state, parts: [] }],
      "POST /v1/files/complete": [200, { key: "k" }],
    });
    expect(await userFiles(client).find(handle, large, SIGNAL)).toEqual({ result: { key: "k" } });
  });

  test("is gone if the server dropped it", async () => {
    const { client } = await server({});
    expect(await userFiles(client).find(handle, large, SIGNAL)).toBeUndefined();
  });
});
