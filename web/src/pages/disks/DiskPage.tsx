import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { Play, Square } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import type { AlignedData } from "uplot";
import { diskKeys, diskQuery, thawDisk } from "../../api/disks.ts";
import { t } from "../../i18n/i18n.ts";
import { formatBytes, formatDateTime, formatNumber } from "../../lib/format.ts";
import { quantile } from "../../lib/statistics.ts";
import { Archive, type Thaw, useThawOffer } from "../../ui/Archive.tsx";
import { Button } from "../../ui/Button.tsx";
import { Chart } from "../../ui/Chart.tsx";
import { messageOf } from "../../ui/errors.ts";
import { Select } from "../../ui/Field.tsx";
import { Failure, Loading, Note } from "../../ui/Note.tsx";
import { Card, Page, Parent } from "../../ui/Page.tsx";
import { type Reading, runTest, type TestPlan } from "./streaming-test.ts";
import "../../ui/chart.css";

const KIB = 1024;
const LENGTHS = [4 * KIB, 64 * KIB, KIB * KIB, 4 * KIB * KIB];
const READS = [50, 200, 1000];

function Figures({ readings }: { readings: readonly Reading[] }) {
  const times = readings.map(({ milliseconds }) => milliseconds);
  const bytes = readings.reduce((sum, reading) => sum + reading.bytes, 0);
  const seconds = times.reduce((sum, time) => sum + time, 0) / 1000;
  const milliseconds = (value: number) => `${formatNumber(Math.round(value * 10) / 10)} ms`;
  const figures = [
    [t("streaming.throughput"), `${formatBytes(seconds > 0 ? bytes / seconds : 0)}/s`],
    [t("streaming.reads"), formatNumber(readings.length)],
    [t("streaming.read"), formatBytes(bytes)],
    [t("streaming.median"), milliseconds(quantile(times, 0.5))],
    [t("streaming.slow"), milliseconds(quantile(times, 0.95))],
  ];
  return (
    <dl className="figures">
      {figures.map(([name, value]) => (
        <div key={name} className="figure">
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function StreamingTest({ imageId, thaw }: { imageId: string; thaw: Thaw }) {
  const [plan, setPlan] = useState<TestPlan>({ kind: "random", length: 64 * KIB, reads: 200 });
  const [readings, setReadings] = useState<readonly Reading[]>([]);
  const [error, setError] = useState<string>();
  const [running, setRunning] = useState(false);
  const [offerThaw, thawOffer] = useThawOffer();
  const abort = useRef<AbortController>(null);
  useEffect(() => () => abort.current?.abort(), []);
  async function start() {
    const controller = new AbortController();
    abort.current = controller;
    setReadings([]);
    setError(undefined);
    setRunning(true);
    const done: Reading[] = [];
    // The page is drawn a few times a second, so that drawing takes no time from reading.
    const timer = setInterval(() => setReadings([...done]), 250);
    try {
      await runTest(imageId, plan, controller.signal, (reading) => done.push(reading));
    } catch (failure) {
      if (controller.signal.aborted) return;
      setError(messageOf(failure));
      offerThaw(failure, thaw);
    } finally {
      clearInterval(timer);
      setReadings([...done]);
      setRunning(false);
    }
  }
  const data = useMemo<AlignedData>(
    () => [readings.map((_, index) => index + 1), readings.map(({ milliseconds }) => milliseconds)],
    [readings],
  );
  return (
    <Card title={t("streaming.title")}>
      <p className="soft">{t("streaming.text")}</p>
      <div className="toolbar streaming-choices">
        <Select<TestPlan["kind"]>
          label={t("streaming.order")}
          value={plan.kind}
          disabled={running}
          onChange={(kind) => setPlan({ ...plan, kind })}
          choices={[
            { id: "random", name: t("streaming.random") },
            { id: "sequential", name: t("streaming.sequential") },
          ]}
        />
        <Select
          label={t("streaming.length")}
          value={String(plan.length)}
          disabled={running}
          onChange={(length) => setPlan({ ...plan, length: Number(length) })}
          choices={LENGTHS.map((length) => ({
            id: String(length),
            name: length < KIB * KIB ? `${length / KIB} KiB` : `${length / KIB / KIB} MiB`,
          }))}
        />
        <Select
          label={t("streaming.reads")}
          value={String(plan.reads)}
          disabled={running}
          onChange={(reads) => setPlan({ ...plan, reads: Number(reads) })}
          choices={READS.map((reads) => ({ id: String(reads), name: formatNumber(reads) }))}
        />
        {running ? (
          <Button icon={Square} onPress={() => abort.current?.abort()}>
            {t("streaming.stop")}
          </Button>
        ) : (
          <Button look="primary" icon={Play} onPress={() => void start()}>
            {t("streaming.start")}
          </Button>
        )}
      </div>
      {error && <Note look="bad">{error}</Note>}
      {thawOffer}
      {readings.length > 0 && (
        <>
          <Figures readings={readings} />
          <h3 className="chart-title">{t("streaming.chart")}</h3>
          <Chart
            label={t("streaming.chart")}
            data={data}
            series={t("streaming.chart")}
            format={(value) => `${formatNumber(value)} ms`}
          />
        </>
      )}
    </Card>
  );
}

export function DiskPage() {
  const { imageId } = useParams({ from: "/disks/$imageId" });
  const query = useQuery(diskQuery(imageId));
  const queries = useQueryClient();
  const disk = query.data;
  async function thaw() {
    const archive = await thawDisk(imageId);
    await queries.invalidateQueries({ queryKey: diskKeys.all });
    return archive;
  }
  return (
    <Page
      title={disk ? disk.name || imageId : t("disks.one")}
      parents={<Parent to="/disks">{t("nav.disks")}</Parent>}
      lead={<code>{imageId}</code>}
    >
      {disk ? (
        <>
          <Archive archive={disk.archive} thaw={thaw} />
          <Card title={t("disks.facts")}>
            <dl className="facts">
              <dt>{t("common.size")}</dt>
              <dd>
                {formatBytes(disk.size)}{" "}
                <span className="soft">{t("disks.bytes", { count: disk.size })}</span>
              </dd>
              {disk.createdAt && (
                <>
                  <dt>{t("common.created")}</dt>
                  <dd>{formatDateTime(disk.createdAt)}</dd>
                </>
              )}
              <dt>{t("disks.modified")}</dt>
              <dd>{formatDateTime(disk.lastModified)}</dd>
              <dt>ETag</dt>
              <dd>
                <code>{disk.etag}</code>
              </dd>
              <dt>{t("disks.url")}</dt>
              <dd>
                <code>{disk.url}</code>
              </dd>
            </dl>
          </Card>
          <StreamingTest imageId={imageId} thaw={thaw} />
        </>
      ) : query.error ? (
        <Failure error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <Loading />
      )}
    </Page>
  );
}
