/** Requests about spaces, and the keys under which their responses are cached. */

import { queryOptions } from "@tanstack/react-query";
import { type components, imagesOf, type LoadedUrls, type SpaceImagePage } from "@tidegate/client";
import { api, take } from "./client.ts";
import type { PositionedPage } from "./list-window.ts";
import type { ListPage } from "./paged-list.ts";

type Schemas = components["schemas"];
export type Space = Schemas["Space"];
export type SpaceImage = Schemas["SpaceImage"];
export type DeletedImage = Schemas["DeletedImage"];
export type SpaceMember = Schemas["SpaceMember"];
export type Role = "owner" | "editor" | "viewer";

/** First pages are small, so that something is seen soon; later ones are as large as allowed. */
const FIRST = 100;
const LATER = 1000;
export const pageSize = (cursor: string | null) => (cursor === null ? FIRST : LATER);
export const pageQuery = (cursor: string | null) => ({
  limit: pageSize(cursor),
  ...(cursor === null ? {} : { cursor }),
});

export const offsetQuery = (offset: number, limit: number) => ({ offset, limit });

export const spaceKeys = {
  all: ["spaces"] as const,
  list: ["spaces", "list"] as const,
  one: (id: string) => ["spaces", "one", id] as const,
  allImages: (id: string) => ["spaces", "images", id] as const,
  /** With what changes when images come and go. */
  cover: ({ id, imageCount, bytes }: Space) => ["spaces", "cover", id, imageCount, bytes] as const,
  images: (id: string, status: string) => ["spaces", "images", id, status] as const,
  image: (id: string, image: string) => ["spaces", "image", id, image] as const,
  history: (id: string, image: string) => ["spaces", "history", id, image] as const,
  trash: (id: string) => ["spaces", "trash", id] as const,
  members: (id: string) => ["spaces", "members", id] as const,
};

export async function listSpaces(cursor: string | null, signal: AbortSignal) {
  const query = pageQuery(cursor);
  const page = await take(api.GET("/api/spaces", { params: { query }, signal }));
  return { items: page.spaces, next: page.nextCursor ?? null } satisfies ListPage<Space>;
}

export function createSpace(name: string): Promise<Space> {
  return take(api.POST("/api/spaces", { body: { name } }));
}

export const spaceQuery = (spaceId: string) =>
  queryOptions({
    queryKey: spaceKeys.one(spaceId),
    queryFn: ({ signal }) =>
      take(api.GET("/api/spaces/{spaceId}", { params: { path: { spaceId } }, signal })),
  });

export async function deleteSpace(spaceId: string): Promise<void> {
  await api.DELETE("/api/spaces/{spaceId}", { params: { path: { spaceId } } });
}

/** Only what is published has URLs; the rest must not replace what is known of it later. */
function publishedOf(page: SpaceImagePage): LoadedUrls<SpaceImage> {
  return imagesOf({ ...page, images: page.images.filter(({ status }) => status === "READY") });
}

export async function listImages(
  spaceId: string,
  status: string,
  offset: number,
  limit: number,
  signal: AbortSignal,
): Promise<PositionedPage<SpaceImage>> {
  const params = { path: { spaceId }, query: { ...offsetQuery(offset, limit), status } };
  const page = await take(api.GET("/api/spaces/{spaceId}/images", { params, signal }));
  const next = page.nextCursor ?? null;
  return { items: page.images, next, total: page.total ?? undefined, urls: publishedOf(page) };
}

/** Images on the card of a space. */
const COVER_IMAGES = 4;

export const coverQuery = (space: Space) =>
  queryOptions({
    queryKey: spaceKeys.cover(space),
    queryFn: ({ signal }) => listImages(space.id, "READY", 0, COVER_IMAGES, signal),
    // URLs are kept fresh by themselves, and another number of images is another cover.
    staleTime: 300_000,
    refetchOnWindowFocus: false,
    retry: false,
  });

const imageParams = (spaceId: string, imageId: string) => ({
  params: { path: { spaceId, imageId } },
});

export const imageQuery = (spaceId: string, imageId: string) =>
  queryOptions({
    queryKey: spaceKeys.image(spaceId, imageId),
    queryFn: ({ signal }) => getImage(spaceId, imageId, signal),
  });

export function getImage(spaceId: string, imageId: string, signal?: AbortSignal) {
  const options = { ...imageParams(spaceId, imageId), ...(signal ? { signal } : {}) };
  return take(api.GET("/api/spaces/{spaceId}/images/{imageId}", options));
}

export const historyQuery = (spaceId: string, imageId: string) =>
  queryOptions({
    queryKey: spaceKeys.history(spaceId, imageId),
    queryFn: ({ signal }) =>
      take(
        api.GET("/api/spaces/{spaceId}/images/{imageId}/history", {
          ...imageParams(spaceId, imageId),
          signal,
        }),
      ),
  });

export async function deleteImage(spaceId: string, imageId: string): Promise<void> {
  await api.DELETE("/api/spaces/{spaceId}/images/{imageId}", imageParams(spaceId, imageId));
}

export async function restoreImage(spaceId: string, imageId: string): Promise<void> {
  await api.POST("/api/spaces/{spaceId}/images/{imageId}/restore", imageParams(spaceId, imageId));
}

export async function retryImage(spaceId: string, imageId: string): Promise<void> {
  await api.POST("/api/spaces/{spaceId}/images/{imageId}/retry", imageParams(spaceId, imageId));
}

/** Asks for the thaw of an archived image. */
export async function thawImage(spaceId: string, imageId: string) {
  const options = imageParams(spaceId, imageId);
  return (await take(api.POST("/api/spaces/{spaceId}/images/{imageId}/thaw", options))).archive;
}

/** Returns a link to one file of an image: `original`, or the name of a thumbnail. */
export function linkImage(spaceId: string, imageId: string, ttlSeconds: number, variant: string) {
  const body = { ttlSeconds, variant };
  const options = { ...imageParams(spaceId, imageId), body };
  return take(api.POST("/api/spaces/{spaceId}/images/{imageId}/link", options));
}

export async function listTrash(
  spaceId: string,
  offset: number,
  limit: number,
  signal: AbortSignal,
): Promise<PositionedPage<DeletedImage>> {
  const params = { path: { spaceId }, query: offsetQuery(offset, limit) };
  const page = await take(api.GET("/api/spaces/{spaceId}/trash", { params, signal }));
  return { items: page.images, next: page.nextCursor ?? null, total: page.total ?? undefined };
}

export async function purgeImage(spaceId: string, imageId: string): Promise<void> {
  await api.DELETE("/api/spaces/{spaceId}/trash/{imageId}", imageParams(spaceId, imageId));
}

export async function emptyTrash(spaceId: string): Promise<void> {
  await api.DELETE("/api/spaces/{spaceId}/trash", { params: { path: { spaceId } } });
}

export async function listMembers(
  spaceId: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<ListPage<SpaceMember>> {
  const params = { path: { spaceId }, query: pageQuery(cursor) };
  const page = await take(api.GET("/api/spaces/{spaceId}/members", { params, signal }));
  return { items: page.members, next: page.nextCursor ?? null };
}

export async function setMember(spaceId: string, userId: string, role: Role): Promise<void> {
  const params = { path: { spaceId, userId } };
  await api.PUT("/api/spaces/{spaceId}/members/{userId}", { params, body: { role } });
}

export async function removeMember(spaceId: string, userId: string): Promise<void> {
  const params = { path: { spaceId, userId } };
  await api.DELETE("/api/spaces/{spaceId}/members/{userId}", { params });
}
