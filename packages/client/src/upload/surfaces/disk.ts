import { dataOf, type TidegateClient } from "../../client.js";
import { TidegateError } from "../../error.js";
import type { FoundUpload, UploadHandle, UploadSource, UploadSurface } from "../surface.js";
import { unlessGone } from "./outcome.js";

/** A disk image that is complete. */
export interface UploadedDisk {
  imageId: string;
  /** Bytes. */
  size: number;
  etag: string;
}

/** Uploads disk images of the signed-in user, in parts. */
export function diskImages(client: TidegateClient): UploadSurface<UploadedDisk> {
  const { api } = client;
  return {
    target: "disks",
    checksum: "never",
    partEtagsAreMd5: true,
    validate(source) {
      if (source.blob.size === 0)
        throw new TidegateError("size", "EMPTY_FILE", "the file is empty");
    },
    async begin(source, _sha256, signal) {
      const body = {
        name: source.name,
        size: source.blob.size,
        ...(source.type === "" ? {} : { contentType: source.type }),
      };
      const { imageId, uploadId, partSize } = await dataOf(
        api.POST("/v1/images", { body, signal }),
      );
      return { handle: { imageId, uploadId }, partSize };
    },
    find: (handle, source, signal) => find(client, handle, source, signal),
    async sign(handle, partNumbers, signal) {
      const { id, uploadId } = named(handle);
      const answer = await dataOf(
        api.POST("/v1/images/{id}/upload-url", {
          params: { path: { id } },
          body: { uploadId, partNumbers },
          signal,
        }),
      );
      return "urls" in answer ? answer.urls : [];
    },
    async complete(handle, parts, _sha256, signal) {
      const { id, uploadId } = named(handle);
      const body = { uploadId, parts: parts.map(({ partNumber, etag }) => ({ partNumber, etag })) };
      const { size, etag } = await dataOf(
        api.POST("/v1/images/{id}/complete", { params: { path: { id } }, body, signal }),
      );
      return { imageId: id, size, etag };
    },
    async abort(handle) {
      const { id } = named(handle);
      await unlessGone(api.POST("/v1/images/{id}/abort", { params: { path: { id } } }));
    },
  };
}

async function find(
  client: TidegateClient,
  handle: UploadHandle,
  source: UploadSource,
  signal: AbortSignal,
): Promise<FoundUpload<UploadedDisk> | undefined> {
  const { id } = named(handle);
  const init = { params: { path: { id } }, signal };
  const open = await unlessGone(dataOf(client.api.GET("/v1/images/{id}/upload", init)));
  if (open !== undefined) {
    const { uploadId, partSize, parts } = open;
    return { handle: { imageId: id, uploadId }, partSize, parts, size: open.size ?? undefined };
  }
  // The completion's response may have been lost.
  const image = await unlessGone(dataOf(client.api.GET("/v1/images/{id}/metadata", init)));
  if (image === undefined || image.size !== source.blob.size) return undefined;
  return { result: { imageId: id, size: image.size, etag: image.etag } };
}

function named(handle: UploadHandle): { id: string; uploadId: string } {
  return { id: handle.imageId ?? "", uploadId: handle.uploadId ?? "" };
}
