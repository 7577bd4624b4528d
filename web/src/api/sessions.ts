/** Requests about sessions and their media. */

import { queryOptions } from "@tanstack/react-query";
import { type components, type LoadedUrls, parseTime, UrlKeeper } from "@tidegate/client";
import { api, client, take } from "./client.ts";
import type { PositionedPage } from "./list-window.ts";
import type { ListPage } from "./paged-list.ts";
import { pageSize } from "./spaces.ts";

type Schemas = components["schemas"];
export type Media = Schemas["Media"];
export type MediaStatus = Schemas["MediaStatus"];
export type SessionSummary = Schemas["SessionSummary"];

export const MEDIA_STATUSES: readonly MediaStatus[] = [
  "COMPLETED",
  "PENDING_UPLOAD",
  "UPLOADED",
  "SCANNING",
  "PROCESSING",
  "SCAN_FAILED",
  "REJECTED",
];
export const STAGES = [
  "intake",
  "customerRequests",
  "inspection",
  "testDrive",
  "initialReport",
  "general",
] as const;

export const sessionKeys = {
  list: ["sessions", "list"] as const,
  allMedia: (session: string) => ["sessions", "media", session] as const,
  media: (session: string, status: string) => ["sessions", "media", session, status] as const,
  item: (session: string, media: string) => ["sessions", "item", session, media] as const,
  history: (session: string, media: string) => ["sessions", "history", session, media] as const,
};

const pageOf = (cursor: string | null) => ({
  first: pageSize(cursor),
  ...(cursor === null ? {} : { after: cursor }),
});

export async function listSessions(
  cursor: string | null,
  signal: AbortSignal,
): Promise<ListPage<SessionSummary>> {
  const page = await take(api.GET("/v1/sessions", { params: { query: pageOf(cursor) }, signal }));
  return { items: page.sessions, next: page.next ?? null };
}

export async function createSession(): Promise<string> {
  return (await take(api.POST("/v1/sessions", { body: {} }))).id;
}

export async function deleteSession(session: string): Promise<void> {
  await api.DELETE("/v1/sessions/{session}", { params: { path: { session } } });
}

export async function restoreSession(session: string): Promise<void> {
  await api.POST("/v1/sessions/{session}/restore", { params: { path: { session } } });
}

/** What a page of media brings to a `UrlKeeper`: its URLs end when the first of them ends. */
export function urlsOf(items: readonly Media[]): LoadedUrls<Media> {
  const ends = items.map(({ expiresAt }) => parseTime(expiresAt) ?? 0);
  const refresh = items.map(({ refreshAfter }) => parseTime(refreshAfter) ?? 0);
  return {
    // Before that, `url` leads to our own page that says it is not published.
    values: new Map(
      items.filter(({ status }) => status === "COMPLETED").map((media) => [media.id, media]),
    ),
    ...(items.length > 0
      ? { expiresAt: Math.min(...ends), refreshAfter: Math.min(...refresh) }
      : {}),
  };
}

export async function listMedia(
  session: string,
  status: MediaStatus | "ALL",
  offset: number,
  limit: number,
  signal: AbortSignal,
): Promise<PositionedPage<Media>> {
  const query = { first: limit, offset, ...(status === "ALL" ? {} : { status }) };
  const params = { path: { session }, query };
  const page = await take(api.GET("/v1/sessions/{session}/media", { params, signal }));
  const next = page.next ?? null;
  return { items: page.media, next, total: page.total ?? undefined, urls: urlsOf(page.media) };
}

const mediaParams = (session: string, media: string) => ({ params: { path: { session, media } } });

export function getMedia(session: string, media: string): Promise<Media> {
  return take(api.GET("/v1/sessions/{session}/media/{media}", mediaParams(session, media)));
}

export const mediaQuery = (session: string, media: string) =>
  queryOptions({
    queryKey: sessionKeys.item(session, media),
    queryFn: () => getMedia(session, media),
  });

/** Keeps the URLs of a session's media fresh. There is no request for many, so each is asked for alone. */
export function mediaUrls(session: string): UrlKeeper<Media> {
  return new UrlKeeper({
    channel: `${client.baseUrl}/session/${session}`,
    clock: client.clock,
    maxBatch: 20,
    load: async (ids) => urlsOf(await Promise.all(ids.map((id) => getMedia(session, id)))),
  });
}

export const mediaHistoryQuery = (session: string, media: string) =>
  queryOptions({
    queryKey: sessionKeys.history(session, media),
    queryFn: ({ signal }) =>
      take(
        api.GET("/v1/sessions/{session}/media/{media}/history", {
          ...mediaParams(session, media),
          signal,
        }),
      ),
  });

export async function deleteMedia(session: string, media: string): Promise<void> {
  await api.DELETE("/v1/sessions/{session}/media/{media}", mediaParams(session, media));
}

export async function restoreMedia(session: string, media: string): Promise<void> {
  await api.POST("/v1/sessions/{session}/media/{media}/restore", mediaParams(session, media));
}

export async function retryMedia(session: string, media: string): Promise<void> {
  await api.POST("/v1/sessions/{session}/media/{media}/retry", mediaParams(session, media));
}

/** Asks for the thaw of an archived media item. */
export async function thawMedia(session: string, media: string) {
  const options = mediaParams(session, media);
  return (await take(api.POST("/v1/sessions/{session}/media/{media}/thaw", options))).archive;
}
