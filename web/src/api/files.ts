/** Requests about the signed-in user's files. */

import { queryOptions } from "@tanstack/react-query";
import type { components } from "@tidegate/client";
import { api, take } from "./client.ts";
import type { PositionedPage } from "./list-window.ts";
import { offsetQuery } from "./spaces.ts";

type Schemas = components["schemas"];
export type ListedFile = Schemas["ListedFile"];
export type FileLink = Schemas["FileLink"];
export type Disposition = "inline" | "attachment";

export interface FilesPage extends PositionedPage<ListedFile> {
  count: number;
  bytes: number;
}

export const fileKeys = {
  all: ["files"] as const,
  list: (folder: string, q: string, status: string) =>
    ["files", "list", folder, q, status] as const,
  totals: (folder: string, q: string, status: string) =>
    ["files", "totals", folder, q, status] as const,
  usage: ["files", "usage"] as const,
};

export async function listFiles(
  folder: string,
  q: string,
  status: string,
  offset: number,
  limit: number,
  signal: AbortSignal,
): Promise<FilesPage> {
  const query = {
    ...offsetQuery(offset, limit),
    status,
    ...(folder && { folder }),
    ...(q && { q }),
  };
  const page = await take(api.GET("/v1/files/all", { params: { query }, signal }));
  return {
    items: page.files,
    next: page.next_cursor ?? null,
    total: page.total_count,
    count: page.total_count,
    bytes: page.total_size,
  };
}

export const usageQuery = queryOptions({
  queryKey: fileKeys.usage,
  queryFn: ({ signal }) => take(api.GET("/v1/files/usage", { signal })),
});

export function getFileMetadata(key: string) {
  return take(api.GET("/v1/files/metadata/{key}", { params: { path: { key } } }));
}

export function signLink(key: string, ttl: number, disposition: Disposition): Promise<FileLink> {
  return take(api.POST("/v1/files/signed-url", { body: { key, ttl, disposition } }));
}

/** Asks for the thaw of an archived file. */
export async function thawFile(key: string) {
  return (await take(api.POST("/v1/files/thaw/{key}", { params: { path: { key } } }))).archive;
}

export async function deleteFile(key: string): Promise<void> {
  await api.DELETE("/v1/files/{key}", { params: { path: { key } } });
}

export async function deleteFolder(folder: string): Promise<void> {
  await api.DELETE("/v1/files", { params: { query: { folder } } });
}

export async function revokeLinks(): Promise<void> {
  await api.POST("/v1/files/links/revoke");
}

/** Returns the address of a ZIP of these files, or of a folder. It works without a sign-in for an hour. */
export async function archiveUrl(what: { keys: string[] } | { folder: string }, name: string) {
  const { token } = await take(api.POST("/v1/files/batch-download", { body: { ...what, name } }));
  return `/v1/files/batch-download/${encodeURIComponent(token)}`;
}
