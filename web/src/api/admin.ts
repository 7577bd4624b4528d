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

// The responses below are declared here until openapi.json describes them.

export type Surface = "disks" | "files" | "session" | "space" | "dataset";

export interface Me {
  kind: "user" | "service" | "anonymous";
  id: string | null;
  organization: string | null;
  roles: string[];
  administrator: boolean;
  actingFor: string | null;
  expiresAt: string | null;
  surfaces: Surface[];
}

export interface SignInWays {
  mode: "dev" | "jwt" | "none";
  oidc: { issuer: string; clientId: string; scope: string } | null;
  edge: string | null;
  stores: string[];
}

export interface AuditFilter {
  kind: string;
  owner: string;
  object: string;
  since: string;
  until: string;
}

export const adminKeys = {
  jobs: ["admin", "jobs"] as const,
  audit: (filter: AuditFilter) => ["admin", "audit", filter] as const,
};

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
  const { owner, kind, object, since, until } = filter;
  const query = {
    ...pageQuery(cursor),
    ...(owner && { owner, kind }),
    ...(object && { object }),
    ...(since && { since }),
    ...(until && { until }),
  };
  const page = await take(api.GET("/v1/audit", { params: { query }, signal }));
  return { items: page.events, next: page.nextCursor ?? null };
}
