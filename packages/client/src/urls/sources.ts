import type { components } from "../api.js";
import { dataOf, type TidegateClient } from "../client.js";
import { type LoadedUrls, UrlKeeper } from "./keeper.js";

/** An image of a space with URLs that work. */
export type SpaceImage = components["schemas"]["SpaceImage"];

/** A page of a space's images, as the API lists them. */
export type SpaceImagePage = components["schemas"]["SpaceImagePage"];

/** Keeps the URLs of a space's images fresh: one request for up to 1,000 of them, shared between tabs. */
export function spaceImageUrls(client: TidegateClient, spaceId: string): UrlKeeper<SpaceImage> {
  return new UrlKeeper({
    channel: `${client.baseUrl}/space/${spaceId}`,
    clock: client.clock,
    load: async (ids) =>
      imagesOf(
        await dataOf(
          client.api.POST("/api/spaces/{spaceId}/images/refresh", {
            params: { path: { spaceId } },
            body: { ids },
          }),
        ),
      ),
  });
}

/** Returns what a page of images brings to a `UrlKeeper`. Only for pages without `urls=shared`. */
export function imagesOf(page: SpaceImagePage): LoadedUrls<SpaceImage> {
  return {
    values: new Map(page.images.map((image) => [image.id, image])),
    expiresAt: parseTime(page.expiresAt),
    refreshAfter: parseTime(page.refreshAfter),
  };
}

/**
 * Keeps the URLs of a package's assets fresh, by their paths below the package. One signature opens them
 * all.
 */
export function packageAssetUrls(
  client: TidegateClient,
  datasetId: string,
  packageId: string,
): UrlKeeper<string> {
  const query = { dataset_id: datasetId, package_id: packageId, scope: "prefix" } as const;
  return new UrlKeeper({
    channel: `${client.baseUrl}/package/${packageId}`,
    clock: client.clock,
    load: async (paths) => {
      const grant = await dataOf(
        client.api.GET("/packages/cloudfront/sign", { params: { query } }),
      );
      if (!("base_url" in grant)) throw new Error("the server signed no prefix");
      const { base_url, query: signature, expires_at, refresh_after } = grant;
      const urlOf = (path: string) => `${base_url}${encodePath(path)}?${signature}`;
      return {
        values: new Map(paths.map((path) => [path, urlOf(path)])),
        expiresAt: expires_at * 1000,
        refreshAfter: refresh_after * 1000,
      };
    },
  });
}

function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** Returns milliseconds since the epoch of a time of the API. */
export function parseTime(time: string | null | undefined): number | undefined {
  return time === null || time === undefined ? undefined : Date.parse(time);
}
