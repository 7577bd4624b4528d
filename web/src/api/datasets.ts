/** Requests about datasets and the packages in them. */

import { queryOptions } from "@tanstack/react-query";
import type { components } from "@tidegate/client";
import { rereadAfter } from "../lib/archived.ts";
import { api, take } from "./client.ts";
import type { PositionedPage } from "./list-window.ts";
import type { ListPage } from "./paged-list.ts";
import { offsetQuery, pageQuery } from "./spaces.ts";

type Schemas = components["schemas"];
export type Dataset = Schemas["Dataset"];
export type PackageNode = Schemas["PackageNode"];
export type PackageAsset = Schemas["PackageAsset"];
export type PackageChange = Schemas["PackageChange"];
export type NodeOutcomes = Schemas["NodeOutcomes"];
export type DatasetMember = Schemas["DatasetMember"];
export type DatasetRole = "owner" | "manager" | "editor" | "viewer";

export const datasetKeys = {
  list: ["datasets", "list"] as const,
  one: (id: string) => ["datasets", "one", id] as const,
  node: (id: string) => ["datasets", "node", id] as const,
  children: (dataset: string, parent: string, status: string) =>
    ["datasets", "children", dataset, parent, status] as const,
  members: (dataset: string) => ["datasets", "members", dataset] as const,
  changes: (dataset: string) => ["datasets", "changes", dataset] as const,
  assets: (dataset: string, node: string) => ["datasets", "assets", dataset, node] as const,
  path: (node: string) => ["datasets", "path", node] as const,
};

export async function listDatasets(
  cursor: string | null,
  signal: AbortSignal,
): Promise<ListPage<Dataset>> {
  const params = { query: pageQuery(cursor) };
  const page = await take(api.GET("/packages/datasets", { params, signal }));
  return { items: page.datasets, next: page.nextCursor ?? null };
}

export function createDataset(name: string): Promise<Dataset> {
  return take(api.POST("/packages/datasets", { body: { name } }));
}

export function getNode(id: string): Promise<PackageNode> {
  return take(api.GET("/packages/{id}", { params: { path: { id } } }));
}

export const datasetQuery = (datasetId: string) =>
  queryOptions({
    queryKey: datasetKeys.one(datasetId),
    queryFn: ({ signal }) =>
      take(api.GET("/packages/datasets/{datasetId}", { params: { path: { datasetId } }, signal })),
  });

export async function listChildren(
  dataset: string,
  parent: string,
  status: string,
  offset: number,
  limit: number,
  signal: AbortSignal,
): Promise<PositionedPage<PackageNode>> {
  const query = {
    ...offsetQuery(offset, limit),
    dataset_id: dataset,
    status,
    ...(parent && { parent_id: parent }),
  };
  const page = await take(api.GET("/packages/children", { params: { query }, signal }));
  return { items: page.children, next: page.nextCursor ?? null, total: page.total ?? undefined };
}

/** Returns the collections from the top to a node, the node included. */
export const pathQuery = (node: string) =>
  queryOptions({
    queryKey: datasetKeys.path(node),
    queryFn: async ({ signal }) => {
      const path: PackageNode[] = [];
      let id: string | null | undefined = node;
      while (id) {
        const params = { path: { id } };
        const step: PackageNode = await take(api.GET("/packages/{id}", { params, signal }));
        path.unshift(step);
        id = step.parentId;
      }
      return path;
    },
    refetchInterval: ({ state }) => rereadAfter(state.data?.at(-1)?.archive),
  });

export function createCollection(dataset: string, name: string, parentId: string | undefined) {
  const params = { query: { dataset_id: dataset } };
  return take(api.POST("/packages/collections", { params, body: { name, parentId } }));
}

export function deleteNodes(dataset: string, nodeIds: string[]): Promise<NodeOutcomes> {
  const params = { query: { dataset_id: dataset } };
  return take(api.DELETE("/packages", { params, body: { nodeIds } }));
}

export function restoreNodes(dataset: string, nodeIds: string[]): Promise<NodeOutcomes> {
  const params = { query: { dataset_id: dataset } };
  return take(api.POST("/packages/restore", { params, body: { nodeIds } }));
}

/** Asks for the thaw of an archived package. */
export async function thawNode(dataset: string, nodeId: string) {
  const params = { query: { dataset_id: dataset } };
  const { failures } = await take(
    api.POST("/packages/thaw", { params, body: { nodeIds: [nodeId] } }),
  );
  const [failure] = failures;
  if (failure) throw new Error(failure.error);
  return (await getNode(nodeId)).archive;
}

/** Returns a URL of a package's source file, or of one of its assets, that works for an hour. */
export async function packageUrl(dataset: string, node: string, path?: string): Promise<string> {
  const query = {
    dataset_id: dataset,
    package_id: node,
    redirect: "false",
    ...(path === undefined ? {} : { path }),
  };
  return (await take(api.GET("/packages/presign/s3", { params: { query } }))).presigned_url;
}

export async function listAssets(
  dataset: string,
  node: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<ListPage<PackageAsset>> {
  const query = { ...pageQuery(cursor), dataset_id: dataset, package_id: node };
  const page = await take(api.GET("/packages/assets", { params: { query }, signal }));
  return { items: page.assets, next: page.nextCursor ?? null };
}

export async function deleteAsset(dataset: string, node: string, path: string): Promise<void> {
  const query = { dataset_id: dataset, package_id: node, path };
  await api.DELETE("/packages/assets", { params: { query } });
}

export async function listChanges(
  dataset: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<ListPage<PackageChange>> {
  const query = { ...pageQuery(cursor), dataset_id: dataset };
  const page = await take(api.GET("/packages/changelog", { params: { query }, signal }));
  return { items: page.changes, next: page.nextCursor ?? null };
}

export async function listDatasetMembers(
  datasetId: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<ListPage<DatasetMember>> {
  const params = { path: { datasetId }, query: pageQuery(cursor) };
  const page = await take(api.GET("/packages/datasets/{datasetId}/members", { params, signal }));
  return { items: page.members, next: page.nextCursor ?? null };
}

export async function setDatasetMember(
  datasetId: string,
  userId: string,
  role: DatasetRole,
): Promise<void> {
  const params = { path: { datasetId, userId } };
  await api.PUT("/packages/datasets/{datasetId}/members/{userId}", { params, body: { role } });
}

export async function removeDatasetMember(datasetId: string, userId: string): Promise<void> {
  const params = { path: { datasetId, userId } };
  await api.DELETE("/packages/datasets/{datasetId}/members/{userId}", { params });
}
