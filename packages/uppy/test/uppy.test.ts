import { TidegateError } from "@tidegate/client";
import Uppy from "@uppy/core";
import { expect, test, vi } from "vitest";
import { FakeSurface, uploaderOf } from "../../client/test/fake-surface.js";
import { TidegateUpload } from "../src/index.js";

type Meta = { folder?: string };
type Body = Record<string, unknown>;

async function start(prepare: (surface: FakeSurface) => void = () => undefined) {
  const surface = await FakeSurface.start();
  prepare(surface);
  const uploader = uploaderOf(surface, { giveUpAfter: 30, parallelParts: 1 });
  const uppy = new Uppy<Meta, Body>().use(TidegateUpload<Meta, Body>, {
    uploader,
    surface: () => surface,
  });
  return { surface, uploader, uppy };
}

const fileOf = (text: string, name = "a.txt") => ({
  name,
  type: "text/plain",
  data: new File([text], name, { lastModified: 1 }),
});

test("Uppy's files arrive, with progress and the server's response", async () => {
  const { uppy, surface } = await start();
  const sent: (number | false | undefined)[] = [];
  uppy.on("upload-progress", (_file, { bytesUploaded }) => void sent.push(bytesUploaded));
  const bodies: unknown[] = [];
  uppy.on("upload-success", (_file, response) => void bodies.push(response.body));
  uppy.addFile(fileOf("abcdefgh"));
  uppy.addFile(fileOf("xyz", "b.txt"));
  const result = await uppy.upload();
  expect(result?.successful).toHaveLength(2);
  expect(result?.failed).toEqual([]);
  expect(bodies.sort()).toEqual(["abcdefgh", "xyz"]);
  expect(Math.max(...sent.map(Number))).toBe(8);
  expect(surface.puts).toHaveLength(4);
});

test("a file that is refused is said at the file, and others go on", async () => {
  const { uppy } = await start((surface) => {
    surface.validate = ({ name }: { name: string }) => {
      if (name === "bad.txt") throw new TidegateError("type", "TYPE_NOT_ACCEPTED", "not that");
    };
  });
  uppy.addFile(fileOf("abc", "bad.txt"));
  uppy.addFile(fileOf("abc", "good.txt"));
  const result = await uppy.upload();
  expect(result?.successful?.map(({ name }) => name)).toEqual(["good.txt"]);
  expect(result?.failed?.map(({ name, error }) => [name, error])).toEqual([
    ["bad.txt", "not that"],
  ]);
});

test("a retry sends only what is missing", async () => {
  let broken = true;
  const { uppy, surface } = await start((surface) => {
    surface.answer = (part) => (broken && part === 3 ? "cut" : undefined);
  });
  uppy.addFile(fileOf("abcdefghi"));
  expect((await uppy.upload())?.failed).toHaveLength(1);
  broken = false;
  surface.calls.length = 0;
  expect((await uppy.retryAll())?.successful).toHaveLength(1);
  expect(surface.puts).toEqual([3]);
});

test("pause, resume and removal reach the upload", async () => {
  const { uppy, surface, uploader } = await start((surface) => {
    surface.delay = 10;
  });
  const id = uppy.addFile(fileOf("abcdefghijklmnopqrstuvwxyz"));
  const other = uppy.addFile(fileOf("abcdefghijklmnopqrstuvwxyz", "b.txt"));
  const done = uppy.upload();
  await vi.waitFor(() => expect(surface.puts.length).toBeGreaterThan(2));
  uppy.pauseResume(id);
  expect(uploader.uploads.map(({ snapshot }) => snapshot.state)).toContain("paused");
  uppy.removeFile(other);
  await vi.waitFor(() => expect(surface.calls).toContain("abort"));
  uppy.pauseResume(id);
  const result = await done;
  expect(result?.successful?.map(({ id }) => id)).toEqual([id]);
});
