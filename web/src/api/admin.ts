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
  id?: string | null;
  organization?: string | null;
  roles: string[];
  administrator: boolean;
  actingFor?: string | null;
  expiresAt?: string | null;
  surfaces: Surface[];
}

export interface SignInWays {
  mode: "dev" | "jwt" | "none";
  oidc?: { issuer: string; clientId: string; scope: string } | null;
  edge?: string | null;
  stores: string[];
}

export type OwnerKind = Surface;

export interface UsageTotal {
  kind: OwnerKind;
  owners: number;
  objects: number;
  bytes: number;
}

export interface UsageOwner {
  kind: OwnerKind;
  id: string;
  /** Of a space or a dataset. */
  name?: string | null;
  objects: number;
  bytes: number;
  limitBytes?: number | null;
}

export interface UsagePage {
  totals: UsageTotal[];
  owners: UsageOwner[];
  nextCursor?: string | null;
}

/** What was added on a day, in UTC. */
export interface UsageDay {
  day: string;
  kind: OwnerKind;
  objects: number;
  bytes: number;
}

export interface JobQueue {
  /** `upkeep`, `scans`, `images` or `videos`. */
  class: string;
  waiting: number;
  running: number;
  retrying: number;
  dead: number;
  /** For how long the oldest job has been due that no worker is doing. */
  oldestSeconds?: number | null;
}

export interface ServerSetting {
  name: string;
  value?: string | null;
  given: boolean;
  secret: boolean;
  default?: string | null;
  description: string;
  section: string;
}

export interface SigningKey {
  use: string;
  id: string;
  algorithm: string;
  /** SHA-256 of the public key; a secret has none. */
  fingerprint?: string | null;
  state: "signing" | "accepted";
  source: "file" | "generated" | "setting" | "issuer";
  since?: string | null;
}

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

type Query = Record<string, string | number | undefined>;

/** Asks for a response that openapi.json does not describe yet. */
async function get<T>(path: string, signal: AbortSignal, query: Query = {}): Promise<T> {
  const url = new URL(path, client.baseUrl);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const response = await client.fetch(new Request(url, { signal }));
  return (await response.json()) as T;
}

const kindQuery = (kind: OwnerKind | "all") => (kind === "all" ? {} : { kind });

export const usageTotalsQuery = queryOptions({
  queryKey: ["admin", "usage"],
  queryFn: async ({ signal }) => (await get<UsagePage>("/v1/usage", signal, { limit: 1 })).totals,
});

export const usageDaysQuery = (kind: OwnerKind | "all", since: string, until: string) =>
  queryOptions({
    queryKey: ["admin", "usage-days", kind, since, until],
    queryFn: async ({ signal }) => {
      const query = { ...kindQuery(kind), since, until };
      return (await get<{ days: UsageDay[] }>("/v1/usage/days", signal, query)).days;
    },
  });

export async function listOwners(
  kind: OwnerKind | "all",
  cursor: string | null,
  signal: AbortSignal,
): Promise<ListPage<UsageOwner>> {
  const query = { ...kindQuery(kind), ...pageQuery(cursor) };
  const page = await get<UsagePage>("/v1/usage", signal, query);
  return { items: page.owners, next: page.nextCursor ?? null };
}

export const queuesQuery = queryOptions({
  queryKey: ["admin", "queues"],
  queryFn: async ({ signal }) => (await get<{ queues: JobQueue[] }>("/v1/jobs", signal)).queues,
  refetchInterval: 10_000,
});

export const settingsQuery = queryOptions({
  queryKey: ["admin", "settings"],
  queryFn: async ({ signal }) =>
    (await get<{ settings: ServerSetting[] }>("/v1/settings", signal)).settings,
});

export const keysQuery = queryOptions({
  queryKey: ["admin", "keys"],
  queryFn: async ({ signal }) => (await get<{ signing: SigningKey[] }>("/v1/keys", signal)).signing,
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
