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

/** Returns milliseconds since the epoch of a time of the API. */
export function parseTime(time: string | null | undefined): number | undefined {
  return time === null || time === undefined ? undefined : Date.parse(time);
}
