// @vitest-environment jsdom

import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import {
  createClient,
  type TidegateClient,
  TidegateError,
  type Uploader,
  type UploadSurface,
  UrlKeeper,
} from "@tidegate/client";
import { StrictMode } from "react";
import { afterEach, expect, test, vi } from "vitest";
import {
  useSignedUrl,
  useStreamingDisk,
  useUpload,
  useUploader,
  useUploads,
} from "../src/index.js";

afterEach(cleanup);

const client = createClient({ baseUrl: "http://tidegate.test", retry: { retries: 0 } });

/** A surface that fails until it is told otherwise. */
function surfaceOf(begin: () => Promise<never>): UploadSurface<never> {
  return {
    target: "test",
    checksum: "never",
    partEtagsAreMd5: false,
    begin,
    find: async () => undefined,
    sign: async () => [],
    complete: async () => Promise.reject(new Error("not reached")),
    abort: async () => undefined,
  };
}

function Row({ upload }: { upload: Uploader["uploads"][number] }) {
  const { name, state, error } = useUpload(upload);
  return <li>{`${name}: ${state} ${error?.message ?? ""}`}</li>;
}

function Tray({ onReady }: { onReady: (uploader: Uploader) => void }) {
  const uploader = useUploader(client);
  onReady(uploader);
  const uploads = useUploads(uploader);
  return (
    <ul>
      {uploads.map((upload) => (
        <Row key={upload.id} upload={upload} />
      ))}
    </ul>
  );
}

function Picture({ keeper, id }: { keeper: UrlKeeper<string>; id: string }) {
  const { status, value, attempt, onError, onLoad } = useSignedUrl(keeper, id);
  if (status === "broken") return <p>{id} can't be shown</p>;
  return <img alt={id} key={attempt} src={value} onError={onError} onLoad={onLoad} />;
}

function Disk({ from }: { from: TidegateClient }) {
  const { disk, error } = useStreamingDisk(from, "1");
  return <p>{error?.message ?? (disk === undefined ? "opening" : "open")}</p>;
}

test("uploads are listed with their state", async () => {
  let uploader: Uploader | undefined;
  const onReady = (ready: Uploader) => {
    uploader = ready;
  };
  render(<Tray onReady={onReady} />, { wrapper: StrictMode });
  const surface = surfaceOf(() =>
    Promise.reject(new TidegateError("quota", "QUOTA_EXCEEDED", "full")),
  );
  const file = { blob: new Blob(["a"]), name: "<b>a</b>", type: "", lastModified: 0 };
  act(() => void uploader?.add(file, surface));
  // Names are text.
  await waitFor(() =>
    expect(screen.getByRole("listitem").textContent).toBe("<b>a</b>: failed full"),
  );
  const upload = uploader?.uploads[0];
  await act(async () => upload && uploader?.remove(upload));
  expect(screen.queryByRole("listitem")).toBeNull();
});

test("pictures of one screen share one request, and a broken one says so", async () => {
  const load = vi.fn(async (ids: string[]) => ({
    values: new Map(ids.map((id) => [id, `http://edge.test/${id}?n=${load.mock.calls.length}`])),
  }));
  const keeper = new UrlKeeper<string>({ load });
  render(
    <>
      <Picture keeper={keeper} id="a" />
      <Picture keeper={keeper} id="b" />
    </>,
  );
  const srcOf = (id: string) => screen.getByAltText(id).getAttribute("src");
  await waitFor(() => expect(srcOf("a")).toBe("http://edge.test/a?n=1"));
  expect(load.mock.calls).toEqual([[["a", "b"]]]);
  fireEvent.error(screen.getByAltText("a"));
  await waitFor(() => expect(srcOf("a")).toBe("http://edge.test/a?n=2"));
  fireEvent.error(screen.getByAltText("a"));
  await waitFor(() => expect(screen.getByText("a can't be shown")).toBeTruthy());
  expect(srcOf("b")).toBe("http://edge.test/b?n=1");
  keeper.close();
});

test("a disk that can't be opened is an error of the component, not of the page", async () => {
  const fetch = async () =>
    Response.json({ error: { code: "NOT_FOUND", message: "no such image" } }, { status: 404 });
  const refusing = createClient({ baseUrl: "http://tidegate.test", fetch });
  render(<Disk from={refusing} />, { wrapper: StrictMode });
  await waitFor(() => expect(screen.getByText("no such image")).toBeTruthy());
});
