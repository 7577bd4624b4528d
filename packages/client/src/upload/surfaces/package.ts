import type { components } from "../../api.js";
import { dataOf, type TidegateClient } from "../../client.js";
import type { OpenUpload, UploadHandle, UploadSource, UploadSurface } from "../surface.js";
import { unlessGone, unlessIncomplete, urlExpired } from "./outcome.js";

/** A package or an asset whose bytes arrived. It can be read once its `status` is `READY`. */
export type UploadedPackage = components["schemas"]["ConfirmedPackage"];

/** Where a package goes. */
export interface PackageOptions {
  /** `N:dataset:…` */
  datasetId: string;
  /** `N:collection:…`; the top of the dataset if left out. */
  parentId?: string;
  /** Name of the package; the file's if left out. */
  name?: string;
}

/** Where an asset goes. */
export interface AssetOptions {
  /** `N:dataset:…` */
  datasetId: string;
  /** `N:package:…` */
  packageId: string;
  /** Path below the package. */
  path: string;
}

type Announced = components["schemas"]["PackageUpload"];
type Announce = (
  file: components["schemas"]["PackageFileRequest"],
  source: UploadSource,
  signal: AbortSignal,
) => Promise<Announced>;

// Larger files go in parts, because a single PUT can't be continued.
const SINGLE_MAX = 16 * 1024 * 1024;

/** Uploads source files of packages into a dataset. */
export function packages(
  client: TidegateClient,
  options: PackageOptions,
): UploadSurface<UploadedPackage> {
  const { datasetId, parentId = null, name } = options;
  const query = { dataset_id: datasetId };
  const announce: Announce = (file, source, signal) => {
    const body = { ...file, name: name ?? source.name, filename: source.name, parentId };
    return dataOf(client.api.POST("/packages", { params: { query }, body, signal }));
  };
  const target = `package:${datasetId}:${parentId ?? ""}:${name ?? ""}`;
  return surface(client, target, announce, {
    async published({ id = "" }) {
      const node = await unlessGone(
        dataOf(client.api.GET("/packages/{id}", { params: { path: { id } } })),
      );
      return node === undefined || node.status === "PENDING" ? undefined : node;
    },
    async drop({ id = "" }) {
      const body = { nodeIds: [id] };
      await unlessGone(client.api.DELETE("/packages", { params: { query }, body }));
    },
  });
}

/** Uploads assets of a package, such as the tiles of a viewer. */
export function packageAssets(
  client: TidegateClient,
  options: AssetOptions,
): UploadSurface<UploadedPackage> {
  const { datasetId, packageId, path } = options;
  const query = { dataset_id: datasetId, package_id: packageId, path };
  const announce: Announce = (file, _source, signal) =>
    dataOf(client.api.POST("/packages/assets", { params: { query }, body: file, signal }));
  return surface(client, `asset:${packageId}:${path}`, announce, {
    async published({ id }) {
      const page = await unlessGone(
        dataOf(client.api.GET("/packages/assets", { params: { query } })),
      );
      return page?.assets.find((asset) => asset.id === id && asset.status !== "PENDING");
    },
    async drop() {
      await unlessGone(client.api.DELETE("/packages/assets", { params: { query } }));
    },
  });
}

/** In what a package and an asset differ after the announcement. */
interface Kind {
  /** Returns it if its bytes were confirmed. */
  published(handle: UploadHandle): Promise<UploadedPackage | undefined>;
  drop(handle: UploadHandle): Promise<void>;
}

function surface(
  client: TidegateClient,
  target: string,
  announce: Announce,
  kind: Kind,
): UploadSurface<UploadedPackage> {
  const { api } = client;
  const path = (handle: UploadHandle) => ({ id: handle.id ?? "" });
  const confirm: UploadSurface<UploadedPackage>["complete"] = (handle, parts, _sha256, signal) => {
    const sent = parts.map(({ partNumber, etag }) => ({ partNumber, etag }));
    const body = handle.parts === "1" ? { parts: sent } : {};
    return dataOf(
      api.POST("/packages/{id}/confirm", { params: { path: path(handle) }, body, signal }),
    );
  };
  return {
    target,
    checksum: "begin",
    partEtagsAreMd5: true,
    async begin(source, sha256, signal) {
      const { size } = source.blob;
      const multipart = size > SINGLE_MAX;
      const contentType = source.type === "" ? null : source.type;
      const file = { size, sha256: sha256 ?? null, contentType, multipart };
      return opened(await announce(file, source, signal), size);
    },
    async find(handle, _source, signal) {
      if (handle.parts === "1") {
        const open = await unlessGone(
          dataOf(api.GET("/packages/{id}/parts", { params: { path: path(handle) }, signal })),
        );
        if (open !== undefined) return { handle, partSize: open.partSize, parts: held(open.parts) };
        const result = await kind.published(handle);
        return result === undefined ? undefined : { result };
      }
      const result = await unlessIncomplete(confirm(handle, [], undefined, signal));
      if (result !== undefined) return { result };
      await kind.drop(handle);
      return undefined;
    },
    async sign(handle, partNumbers, signal) {
      if (handle.parts !== "1") throw urlExpired();
      const answer = await dataOf(
        api.POST("/packages/{id}/parts", {
          params: { path: path(handle) },
          body: { partNumbers },
          signal,
        }),
      );
      return answer.parts;
    },
    complete: confirm,
    abort: (handle) => kind.drop(handle),
  };
}

function opened(upload: Announced, size: number): OpenUpload {
  const { id, partSize, uploadUrl, headers } = upload;
  if (typeof partSize === "number") return { handle: { id, parts: "1" }, partSize };
  const target = {
    partNumber: 1,
    url: uploadUrl ?? "",
    headers: headers as Record<string, string>,
  };
  return { handle: { id }, partSize: Math.max(size, 1), targets: [target] };
}

function held(parts: components["schemas"]["PackagePart"][]) {
  return parts.map(({ partNumber, size, etag }) => ({ partNumber, size: size ?? 0, etag }));
}
