import type { components } from "../../api.js";
import { dataOf, type TidegateClient } from "../../client.js";
import { IMAGE_TYPES } from "../media-types.js";
import type { PartTarget, UploadHandle, UploadSurface } from "../surface.js";
import { typeError } from "../upload.js";
import { signOrBeginAnew, unlessGone, unlessIncomplete } from "./outcome.js";

/** An image whose bytes arrived. It is shown once its `status` is `READY`. */
export type UploadedImage = components["schemas"]["SpaceImageWithTimes"];

/** Uploads images into a space. */
export function spaceImages(client: TidegateClient, spaceId: string): UploadSurface<UploadedImage> {
  const { api } = client;
  const path = (handle: UploadHandle) => ({ spaceId, imageId: handle.imageId ?? "" });
  const confirm = (handle: UploadHandle, signal: AbortSignal) =>
    dataOf(
      api.POST("/api/spaces/{spaceId}/images/{imageId}/confirm", {
        params: { path: path(handle) },
        signal,
      }),
    );
  const sign = async (handle: UploadHandle, signal: AbortSignal) => {
    const target = await dataOf(
      api.POST("/api/spaces/{spaceId}/images/{imageId}/upload-url", {
        params: { path: path(handle) },
        signal,
      }),
    );
    return [shown(target)];
  };
  const abort = async (handle: UploadHandle) => {
    const params = { path: path(handle) };
    await unlessGone(api.DELETE("/api/spaces/{spaceId}/images/{imageId}", { params }));
  };
  return {
    target: `space:${spaceId}`,
    checksum: "begin",
    partEtagsAreMd5: false,
    validate(source) {
      if (!IMAGE_TYPES.includes(source.type)) throw typeError(source.type, IMAGE_TYPES);
    },
    async begin(source, sha256, signal) {
      const { size } = source.blob;
      const body = {
        filename: source.name,
        contentType: source.type,
        size,
        sha256: sha256 ?? null,
      };
      const target = await dataOf(
        api.POST("/api/spaces/{spaceId}/images", { params: { path: { spaceId } }, body, signal }),
      );
      const handle = { imageId: target.id };
      return { handle, partSize: Math.max(size, 1), targets: [shown(target)] };
    },
    async find(handle, source, signal) {
      const result = await unlessIncomplete(confirm(handle, signal));
      if (result !== undefined) return { result };
      // Without bytes it is still open, unless it has ended; then no URL is signed.
      const targets = await unlessGone(sign(handle, signal));
      if (targets === undefined) return undefined;
      return { handle, partSize: Math.max(source.blob.size, 1), targets, parts: [] };
    },
    sign: (handle, _partNumbers, signal) => signOrBeginAnew(sign(handle, signal)),
    complete: (handle, _parts, _sha256, signal) => confirm(handle, signal),
    abort,
  };
}

function shown({ uploadUrl, headers }: components["schemas"]["SpaceImageUpload"]): PartTarget {
  return { partNumber: 1, url: uploadUrl, headers: headers as Record<string, string> };
}
