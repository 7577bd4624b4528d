import { useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleX } from "lucide-react";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import type { AlignedData } from "uplot";
import { diskHealthQuery, metricsQuery, readinessQuery } from "../../api/admin.ts";
import { type MessageId, t } from "../../i18n/i18n.ts";
import { formatBytes, formatNumber } from "../../lib/format.ts";
import { doorsOf, requestsOf, type Sample, sumOf } from "../../lib/prometheus.ts";
import { Chart } from "../../ui/Chart.tsx";
import { Meter } from "../../ui/Meter.tsx";
import { Failure, Loading } from "../../ui/Note.tsx";
import { Card, Page } from "../../ui/Page.tsx";
import "../../ui/plain-table.css";
import "./admin.css";

function State({ good, children }: { good: boolean; children: ReactNode }) {
  const Icon = good ? CircleCheck : CircleX;
  return (
    <span className={`state ${good ? "good" : "bad"}`}>
      <Icon size={18} aria-hidden />
      {children}
    </span>
  );
}

function Parts() {
  const readiness = useQuery(readinessQuery);
  const disk = useQuery(diskHealthQuery);
  if (readiness.error) {
    return <Failure error={readiness.error} onRetry={() => void readiness.refetch()} />;
  }
  if (!readiness.data) return <Loading />;
  const { database, store, signIn, ok } = readiness.data;
  const said = (state: string) => (
    <State good={state === "ok"}>{state === "ok" ? t("health.answers") : state}</State>
  );
  return (
    <Card title={t("health.parts")}>
      <dl className="facts">
        <dt>{t("health.server")}</dt>
        <dd>
          <State good={ok}>{ok ? t("health.ready") : t("health.notReady")}</State>
        </dd>
        {disk.data && (
          <>
            <dt>{t("health.version")}</dt>
            <dd>{disk.data.version}</dd>
          </>
        )}
        <dt>{t("health.database")}</dt>
        <dd>{said(database)}</dd>
        <dt>{t("health.store")}</dt>
        <dd>{said(store)}</dd>
        {signIn && (
          <>
            <dt>{t("health.signIn")}</dt>
            <dd>{said(signIn)}</dd>
          </>
        )}
        {disk.data && (
          <>
            <dt>{t("health.uploads")}</dt>
            <dd>
              <State good={disk.data.writable}>
                {disk.data.writable ? t("health.accepted") : t("health.refused")}
              </State>
            </dd>
          </>
        )}
        {disk.data?.disk_free_gb != null && (
          <>
            <dt>{t("health.free")}</dt>
            <dd>{formatBytes(disk.data.disk_free_gb * 1e9)}</dd>
          </>
        )}
      </dl>
    </Card>
  );
}

const DOORS: Record<string, MessageId> = {
  api: "health.doorApi",
  edge: "health.doorEdge",
  s3: "health.doorS3",
};

/** Open connections and requests of each door. */
function Doors({ samples }: { samples: readonly Sample[] }) {
  const failed = samples.filter(({ labels }) => labels.status?.startsWith("5"));
  return (
    <Card title={t("health.doors")}>
      <table className="plain-table">
        <thead>
          <tr>
            <th scope="col">{t("health.door")}</th>
            <th scope="col">{t("health.connections")}</th>
            <th scope="col">{t("health.requestCount")}</th>
            <th scope="col">{t("health.errors")}</th>
          </tr>
        </thead>
        <tbody>
          {doorsOf(samples).map((door) => {
            const name = DOORS[door];
            const errors = requestsOf(failed, door);
            return (
              <tr key={door}>
                <th scope="row">{name ? t(name) : door}</th>
                <td>{formatNumber(sumOf(samples, "tidegate_connections", { door }))}</td>
                <td>{formatNumber(requestsOf(samples, door))}</td>
                <td className={errors > 0 ? "bad" : undefined}>{formatNumber(errors)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Card>
  );
}

/** What the counters say of the scanner and of the token issuer, which the server asks now and then. */
function Dependencies({ samples }: { samples: readonly Sample[] }) {
  const scans = samples.filter(({ name }) => name === "tidegate_scans_total");
  const failed = sumOf(scans, "tidegate_scans_total", { verdict: "unavailable" });
  const all = sumOf(scans, "tidegate_scans_total");
  const read = sumOf(samples, "tidegate_jwks_fetches_total", { outcome: "ok" });
  const unread = sumOf(samples, "tidegate_jwks_fetches_total", { outcome: "failed" });
  const words = (answered: number, away: number) =>
    t("health.asked", { answered: formatNumber(answered), away: formatNumber(away) });
  return (
    <Card title={t("health.dependencies")}>
      <dl className="facts">
        <dt>{t("health.scanner")}</dt>
        <dd>{all > 0 ? words(all - failed, failed) : t("health.neverAsked")}</dd>
        <dt>{t("health.issuer")}</dt>
        <dd>{read + unread > 0 ? words(read, unread) : t("health.neverAsked")}</dd>
      </dl>
    </Card>
  );
}

const outcomes = (samples: readonly Sample[], name: string, label: string) => {
  const sums = new Map<string, number>();
  for (const sample of samples) {
    const key = sample.labels[label];
    if (sample.name === name && key !== undefined && sample.value > 0) {
      sums.set(key, (sums.get(key) ?? 0) + sample.value);
    }
  }
  return [...sums].sort(([, one], [, other]) => other - one);
};

function Counts({ title, counts }: { title: string; counts: Array<[string, string]> }) {
  return (
    <Card title={title}>
      {counts.length === 0 ? (
        <p className="soft">{t("health.nothing")}</p>
      ) : (
        <dl className="facts counts">
          {counts.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="number">{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </Card>
  );
}

interface Point {
  at: number;
  requests: number;
}

/** Requests a second between two readings of the counters, while this page is open. */
function useRequestRate(samples: readonly Sample[] | undefined, readAt: number): AlignedData {
  const [points, setPoints] = useState<Point[]>([]);
  const last = useRef<Point>(null);
  useEffect(() => {
    if (!samples || readAt === last.current?.at) return;
    const now = { at: readAt, requests: requestsOf(samples) };
    const before = last.current;
    last.current = now;
    if (!before || now.requests < before.requests) return;
    const rate = (now.requests - before.requests) / ((now.at - before.at) / 1000);
    setPoints((points) => [...points.slice(-359), { at: readAt, requests: rate }]);
  }, [samples, readAt]);
  return useMemo(() => {
    const end = points.at(-1)?.at ?? 0;
    return [points.map(({ at }) => (at - end) / 1000), points.map(({ requests }) => requests)];
  }, [points]);
}

function Work() {
  const query = useQuery(metricsQuery);
  const rate = useRequestRate(query.data, query.dataUpdatedAt);
  if (query.error) return <Failure error={query.error} onRetry={() => void query.refetch()} />;
  const samples = query.data;
  if (!samples) return <Loading />;
  const count = (name: string, labels: Record<string, string> = {}) =>
    formatNumber(sumOf(samples, name, labels));
  const byLabel = (name: string, label: string): Array<[string, string]> =>
    outcomes(samples, name, label).map(([key, value]) => [key, formatNumber(value)]);
  const free = samples.filter(({ name }) => name === "tidegate_disk_free_bytes");
  const stored = outcomes(samples, "tidegate_stored_bytes_total", "scope");
  return (
    <>
      <Card title={t("health.requests")}>
        {rate[0].length > 1 ? (
          <Chart
            label={t("health.requestsChart")}
            data={rate}
            series={t("health.requests")}
            format={(value) => formatNumber(value)}
          />
        ) : (
          <p className="soft">{t("health.collecting")}</p>
        )}
      </Card>
      <Doors samples={samples} />
      <Dependencies samples={samples} />
      <div className="cards">
        <Counts
          title={t("health.jobs")}
          counts={[
            [t("health.queued"), count("tidegate_jobs", { state: "queued" })],
            [t("health.dead"), count("tidegate_jobs", { state: "dead" })],
            ...byLabel("tidegate_jobs_total", "outcome").map(([name, value]): [string, string] => [
              t("health.attempts", { outcome: name }),
              value,
            ]),
          ]}
        />
        <Counts
          title={t("health.uploadOutcomes")}
          counts={byLabel("tidegate_uploads_total", "outcome")}
        />
        <Counts title={t("health.scans")} counts={byLabel("tidegate_scans_total", "verdict")} />
        <Counts
          title={t("health.edge")}
          counts={byLabel("tidegate_edge_requests_total", "verdict")}
        />
        <Counts
          title={t("health.published")}
          counts={stored.map(([scope, bytes]) => [scope, formatBytes(bytes)])}
        />
        <Counts
          title={t("health.limits")}
          counts={[
            [t("health.nearlyFull"), count("tidegate_quotas_nearly_full")],
            [t("health.quotaRefused"), count("tidegate_quota_refused_total")],
            [t("health.rateLimited"), count("tidegate_rate_limited_total")],
          ]}
        />
      </div>
      {free.length > 0 && (
        <Card title={t("health.disks")}>
          <ul className="disks">
            {free.map(({ labels, value }) => {
              const folder = labels.folder ?? "";
              const reserve = sumOf(samples, "tidegate_disk_reserve_bytes", { folder });
              return (
                <li key={folder}>
                  <Meter
                    label={folder}
                    parts={[Math.min(reserve, value)]}
                    limit={value}
                    text={t("health.freeReserve", {
                      free: formatBytes(value),
                      reserve: formatBytes(reserve),
                    })}
                  />
                </li>
              );
            })}
          </ul>
        </Card>
      )}
    </>
  );
}

export function HealthPage() {
  return (
    <Page title={t("nav.health")} lead={t("health.lead")}>
      <Parts />
      <Work />
    </Page>
  );
}
