/** Requests about the running of the server. */

import { queryOptions } from "@tanstack/react-query";
import type { components } from "@tidegate/client";
import { parsePrometheus, type Sample } from "../lib/prometheus.ts";
import { api, client, signedFetch, take } from "./client.ts";
import type { ListPage } from "./paged-list.ts";
import { pageQuery, pageSize } from "./spaces.ts";

type Schemas = components["schemas"];
export type AuditEvent = Schemas["AuditEvent"];
export type DeadJob = Schemas["DeadJob"];
export type Readiness = Schemas["Readiness"];

export type Identity = Schemas["Identity"];
export type SignInMethods = Schemas["SignInMethods"];
export type UsageTotal = Schemas["UsageTotal"];
export type UsageOfOwner = Schemas["UsageOfOwner"];
export type JobQueue = Schemas["JobQueue"];
export type ServerSetting = Schemas["ServerSetting"];
export type ServerKey = Schemas["ServerKey"];

/** The kinds of owners that the pages have names for. */
export type OwnerKind = "disks" | "files" | "session" | "space" | "dataset";

export interface AuditFilter {
  /** `all` for every kind. */
  kind: OwnerKind | "all";
  action: string;
  actor: string;
  outcome: "all" | "done" | "refused";
  owner: string;
  object: string;
  since: string;
  until: string;
}

export const adminKeys = {
  jobs: ["admin", "jobs"] as const,
  owners: (kind: string) => ["admin", "owners", kind] as const,
  audit: (filter: AuditFilter) => ["admin", "audit", filter] as const,
};

const kindQuery = (kind: OwnerKind | "all") => (kind === "all" ? {} : { kind });

export const usageTotalsQuery = queryOptions({
  queryKey: ["admin", "usage"],
  queryFn: async ({ signal }) => {
    const params = { query: { limit: 1 } };
    return (await take(api.GET("/v1/usage", { params, signal }))).totals;
  },
});

export const usageDaysQuery = (kind: OwnerKind | "all", since: string, until: string) =>
  queryOptions({
    queryKey: ["admin", "usage-days", kind, since, until],
    queryFn: async ({ signal }) => {
      const params = { query: { ...kindQuery(kind), since, until } };
      return (await take(api.GET("/v1/usage/days", { params, signal }))).days;
    },
  });

export async function listOwners(
  kind: OwnerKind | "all",
  cursor: string | null,
  signal: AbortSignal,
): Promise<ListPage<UsageOfOwner>> {
  const params = { query: { ...kindQuery(kind), ...pageQuery(cursor) } };
  const page = await take(api.GET("/v1/usage", { params, signal }));
  return { items: page.owners, next: page.nextCursor ?? null };
}

export const queuesQuery = queryOptions({
  queryKey: ["admin", "queues"],
  queryFn: async ({ signal }) => (await take(api.GET("/v1/jobs", { signal }))).queues,
  refetchInterval: 10_000,
});

export const settingsQuery = queryOptions({
  queryKey: ["admin", "settings"],
  queryFn: async ({ signal }) => (await take(api.GET("/v1/settings", { signal }))).settings,
});

export const keysQuery = queryOptions({
  queryKey: ["admin", "keys"],
  queryFn: async ({ signal }) => (await take(api.GET("/v1/keys", { signal }))).signing,
  refetchInterval: 60_000,
});

/** A server that is not ready answers 503 with the same body, which is what this page is to show. */
async function readiness(signal: AbortSignal): Promise<Readiness> {
  const response = await signedFetch(`${client.baseUrl}/readyz`, { signal });
  return (await response.json()) as Readiness;
}

export const readinessQuery = queryOptions({
  queryKey: ["admin", "readiness"],
  queryFn: ({ signal }) => readiness(signal),
  refetchInterval: 10_000,
});

export const diskHealthQuery = queryOptions({
  queryKey: ["admin", "disk"],
  queryFn: ({ signal }) => take(api.GET("/healthz", { signal })),
  refetchInterval: 10_000,
});

export const metricsQuery = queryOptions({
  queryKey: ["admin", "metrics"],
  queryFn: async ({ signal }): Promise<Sample[]> => {
    const response = await client.fetch(new Request(`${client.baseUrl}/metrics`, { signal }));
    return parsePrometheus(await response.text());
  },
  refetchInterval: 10_000,
});

export async function listDeadJobs(
  cursor: string | null,
  signal: AbortSignal,
): Promise<ListPage<DeadJob>> {
  const limit = pageSize(cursor);
  const query = { limit, ...(cursor === null ? {} : { after: Number(cursor) }) };
  const jobs = await take(api.GET("/v1/jobs/dead", { params: { query }, signal }));
  const last = jobs.at(-1);
  return { items: jobs, next: last && jobs.length === limit ? String(last.id) : null };
}

export async function retryJob(id: number): Promise<void> {
  await api.POST("/v1/jobs/{id}/retry", { params: { path: { id } } });
}

export async function listAudit(
  filter: AuditFilter,
  cursor: string | null,
  signal: AbortSignal,
): Promise<ListPage<AuditEvent>> {
  const { owner, kind, object, action, actor, outcome, since, until } = filter;
  const query = {
    ...pageQuery(cursor),
    ...kindQuery(kind),
    ...(owner && { owner }),
    ...(action && { action }),
    ...(actor && { actor }),
    ...(outcome !== "all" && { outcome }),
    ...(object && { object }),
    ...(since && { since }),
    ...(until && { until }),
  };
  const page = await take(api.GET("/v1/audit", { params: { query }, signal }));
  return { items: page.events, next: page.nextCursor ?? null };
}
