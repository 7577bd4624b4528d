import type { components } from "../../api.js";
import { dataOf, type TidegateClient } from "../../client.js";
import { MEDIA_TYPES } from "../media-types.js";
import type { PartTarget, UploadHandle, UploadSurface } from "../surface.js";
import { typeError } from "../upload.js";
import { signOrBeginAnew, unlessGone, unlessIncomplete } from "./outcome.js";

/** A media item whose bytes arrived. It can be read once its `status` is `COMPLETED`. */
export type UploadedMedia = components["schemas"]["Media"];

/** What is said of a media item. */
export interface SessionMediaOptions {
  /** `intake`, `customerRequests`, `inspection`, `testDrive`, `initialReport` or `general`, the default. */
  stage?: string;
  /** What it shows, for those who can't see it. */
  alt?: string;
}

/** Uploads photos and videos into a session. */
export function sessionMedia(
  client: TidegateClient,
  session: string,
  options: SessionMediaOptions = {},
): UploadSurface<UploadedMedia> {
  const { api } = client;
  const params = { path: { session } };
  const confirm = (handle: UploadHandle, signal: AbortSignal) =>
    dataOf(
      api.POST("/v1/sessions/{session}/media/confirm", {
        params,
        body: { fileKey: handle.fileKey ?? "", alt: options.alt ?? null },
        signal,
      }),
    );
  const sign = async (handle: UploadHandle, signal: AbortSignal) => {
    const path = { session, media: handle.id ?? "" };
    const target = await dataOf(
      api.POST("/v1/sessions/{session}/media/{media}/upload-url", { params: { path }, signal }),
    );
    return [shown(target)];
  };
  return {
    target: `session:${session}:${options.stage ?? ""}`,
    checksum: "begin",
    partEtagsAreMd5: false,
    validate(source) {
      if (!MEDIA_TYPES.includes(source.type)) throw typeError(source.type, MEDIA_TYPES);
    },
    async begin(source, sha256, signal) {
      const { size } = source.blob;
      const stage = options.stage ?? null;
      const target = await dataOf(
        api.POST("/v1/sessions/{session}/media/upload-url", {
          params,
          body: {
            filename: source.name,
            contentType: source.type,
            size,
            sha256: sha256 ?? null,
            stage,
          },
          signal,
        }),
      );
      const { id, fileKey } = target;
      return { handle: { id, fileKey }, partSize: Math.max(size, 1), targets: [shown(target)] };
    },
    async find(handle, source, signal) {
      const result = await unlessIncomplete(confirm(handle, signal));
      if (result !== undefined) return { result };
      // Without bytes it is still open, unless it has ended; then no URL is signed.
      if (handle.id === undefined) return undefined;
      const targets = await unlessGone(sign(handle, signal));
      if (targets === undefined) return undefined;
      return { handle, partSize: Math.max(source.blob.size, 1), targets, parts: [] };
    },
    sign: (handle, _partNumbers, signal) => signOrBeginAnew(sign(handle, signal)),
    complete: (handle, _parts, _sha256, signal) => confirm(handle, signal),
    async abort(handle) {
      const id = handle.id ?? (await pendingId(client, session, handle.fileKey ?? ""));
      if (id === undefined) return;
      const path = { session, media: id };
      await unlessGone(api.DELETE("/v1/sessions/{session}/media/{media}", { params: { path } }));
    },
  };
}

type Target = components["schemas"]["MediaUpload"];

function shown({ uploadUrl, headers }: Target): PartTarget {
  const pairs = headers.map(({ name, value }) => [name, value]);
  return { partNumber: 1, url: uploadUrl, headers: Object.fromEntries(pairs) };
}

/** Uploads that an earlier version of this client began are known by their key only. */
async function pendingId(
  client: TidegateClient,
  session: string,
  fileKey: string,
): Promise<string | undefined> {
  const query = { status: "PENDING_UPLOAD" as const, first: 1000 };
  const page = await unlessGone(
    dataOf(
      client.api.GET("/v1/sessions/{session}/media", { params: { path: { session }, query } }),
    ),
  );
  return page?.media.find((item) => item.fileKey === fileKey)?.id;
}
