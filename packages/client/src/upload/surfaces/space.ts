import type { components } from "../../api.js";
import { dataOf, type TidegateClient } from "../../client.js";
import { IMAGE_TYPES } from "../media-types.js";
import type { UploadHandle, UploadSurface } from "../surface.js";
import { typeError } from "../upload.js";
import { unlessGone, unlessIncomplete, urlExpired } from "./outcome.js";

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
      const { id, uploadUrl, headers } = await dataOf(
        api.POST("/api/spaces/{spaceId}/images", { params: { path: { spaceId } }, body, signal }),
      );
      const target = { partNumber: 1, url: uploadUrl, headers: headers as Record<string, string> };
      return { handle: { imageId: id }, partSize: Math.max(size, 1), targets: [target] };
    },
    async find(handle, _source, signal) {
      const result = await unlessIncomplete(confirm(handle, signal));
      if (result !== undefined) return { result };
      await abort(handle);
      return undefined;
    },
    sign: () => Promise.reject(urlExpired()),
    complete: (handle, _parts, _sha256, signal) => confirm(handle, signal),
    abort,
  };
}
