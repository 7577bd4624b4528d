/** Requests about disk images. */

import { queryOptions } from "@tanstack/react-query";
import type { components } from "@tidegate/client";
import { rereadAfter } from "../lib/archived.ts";
import { api, take } from "./client.ts";
import type { PositionedPage } from "./list-window.ts";
import { offsetQuery } from "./spaces.ts";

type Schemas = components["schemas"];
export type DiskImage = Schemas["Image"];
/** With what servers tell that know the names of their disk images. */
export type DiskMetadata = Schemas["ImageMetadata"] & {
  name?: string | null;
  createdAt?: string | null;
};

export const diskKeys = {
  all: ["disks"] as const,
  list: (status: string) => ["disks", "list", status] as const,
  metadata: (id: string) => ["disks", "metadata", id] as const,
};

export async function listDisks(
  status: string,
  offset: number,
  limit: number,
  signal: AbortSignal,
): Promise<PositionedPage<DiskImage>> {
  const query = { ...offsetQuery(offset, limit), status };
  const page = await take(api.GET("/v1/images", { params: { query }, signal }));
  return { items: page.images, next: page.nextCursor ?? null, total: page.total ?? undefined };
}

export const diskQuery = (id: string) =>
  queryOptions({
    queryKey: diskKeys.metadata(id),
    queryFn: ({ signal }): Promise<DiskMetadata> =>
      take(api.GET("/v1/images/{id}/metadata", { params: { path: { id } }, signal })),
    refetchInterval: ({ state }) => rereadAfter(state.data?.archive),
  });

/** Asks for the thaw of an archived disk image. */
export async function thawDisk(id: string) {
  return (await take(api.POST("/v1/images/{id}/thaw", { params: { path: { id } } }))).archive;
}

/** Deletes a disk image, or aborts its upload. */
export async function deleteDisk(id: string): Promise<void> {
  await api.DELETE("/v1/images/{id}", { params: { path: { id } } });
}
