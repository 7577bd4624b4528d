import type { components } from "../../api.js";
import { dataOf, type TidegateClient } from "../../client.js";
import type {
  FoundUpload,
  OpenUpload,
  UploadHandle,
  UploadSource,
  UploadSurface,
} from "../surface.js";
import { unlessGone, unlessIncomplete } from "./outcome.js";

/** A file that was uploaded; it can't be read yet if its `status` is `SCANNING`. */
export type UploadedFile = components["schemas"]["CompletedFile"];

/** Where files go, and who may read them. */
export interface FilesOptions {
  /** Names with slashes between them. */
  folder?: string;
  /** `public`: whoever knows the path may read it. */
  visibility?: "public" | "private";
}

const MIB = 1024 * 1024;
// Larger files go through the API in parts, because a single PUT can't be continued.
const SINGLE_MAX = 16 * MIB;
const PART_SIZE = 16 * MIB;
// The server accepts as many part numbers as the file has MiB, and at least this many.
const MAX_PARTS = 10_000;

/** Uploads files of the signed-in user. */
export function userFiles(
  client: TidegateClient,
  options: FilesOptions = {},
): UploadSurface<UploadedFile> {
  const { api } = client;
  const complete = async (
    handle: UploadHandle,
    sha256: string | undefined,
    signal: AbortSignal,
  ) => {
    const body = { uploadId: handle.uploadId ?? "", ...(sha256 === undefined ? {} : { sha256 }) };
    return dataOf(api.POST("/v1/files/complete", { body, signal }));
  };
  const abort = async (handle: UploadHandle) => {
    const path = { upload_id: handle.uploadId ?? "" };
    await unlessGone(api.DELETE("/v1/files/uploads/{upload_id}", { params: { path } }));
  };
  return {
    target: `files:${options.visibility ?? ""}:${options.folder ?? ""}`,
    checksum: "complete",
    partEtagsAreMd5: false,
    begin: (source, _sha256, signal) => begin(client, options, source, signal),
    async find(handle, source, signal) {
      if (handle.parts === "1") return findParts(client, handle, source, signal);
      const result = await unlessIncomplete(complete(handle, undefined, signal));
      if (result !== undefined) return { result };
      await abort(handle);
      return undefined;
    },
    async sign(handle, partNumbers) {
      const at = `${client.baseUrl}/v1/files/part/${encodeURIComponent(handle.uploadId ?? "")}`;
      const headers = { "content-type": "application/octet-stream" };
      return partNumbers.map((partNumber) => {
        return { partNumber, url: `${at}/${partNumber}`, headers, signIn: true };
      });
    },
    complete: (handle, _parts, sha256, signal) => complete(handle, sha256, signal),
    abort,
  };
}

/** Returns an upload in parts: what it has received, or the file if it was completed. */
async function findParts(
  client: TidegateClient,
  handle: UploadHandle,
  source: UploadSource,
  signal: AbortSignal,
): Promise<FoundUpload<UploadedFile> | undefined> {
  const path = { upload_id: handle.uploadId ?? "" };
  const found = await unlessGone(
    dataOf(client.api.GET("/v1/files/uploads/{upload_id}", { params: { path }, signal })),
  );
  if (found === undefined) return undefined;
  if (found.state !== "OPEN") {
    // Completed, or in the middle of that: the same completion answers the same.
    const body = { uploadId: path.upload_id };
    const result = await unlessIncomplete(
      dataOf(client.api.POST("/v1/files/complete", { body, signal })),
    );
    return result === undefined ? undefined : { result };
  }
  const parts = found.parts.map(({ partNumber, size }) => ({ partNumber, size, etag: "" }));
  return { handle, partSize: partSize(source.blob.size), size: found.size, parts };
}

async function begin(
  client: TidegateClient,
  options: FilesOptions,
  source: UploadSource,
  signal: AbortSignal,
): Promise<OpenUpload> {
  const { size } = source.blob;
  const mime = source.type === "" ? {} : { mime: source.type };
  const body = { mode: "single", files: [{ name: source.name, size, ...mime }], ...options };
  const { uploads } = await dataOf(client.api.POST("/v1/files/init", { body, signal }));
  const [upload] = uploads;
  if (upload === undefined) throw new Error("the server began no upload");
  const { uploadId, url, headers } = upload;
  if (size > SINGLE_MAX) return { handle: { uploadId, parts: "1" }, partSize: partSize(size) };
  return {
    handle: { uploadId },
    partSize: Math.max(size, 1),
    targets: [{ partNumber: 1, url, headers }],
  };
}

function partSize(size: number): number {
  return Math.max(PART_SIZE, Math.ceil(size / MAX_PARTS / MIB) * MIB);
}
