import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import {
  adminKeys,
  listOwners,
  type OwnerKind,
  type UsageOfOwner,
  type UsageTotal,
  usageDaysQuery,
  usageTotalsQuery,
} from "../../api/admin.ts";
import { usePagedList } from "../../api/paged-list.ts";
import { t } from "../../i18n/i18n.ts";
import { dayOf, lastDays, sumByDay } from "../../lib/days.ts";
import { formatBytes, formatDay, formatNumber, formatPercent } from "../../lib/format.ts";
import { Chart } from "../../ui/Chart.tsx";
import { type Column, DataTable } from "../../ui/DataTable.tsx";
import { Select } from "../../ui/Field.tsx";
import { Empty, Failure, Loading } from "../../ui/Note.tsx";
import { Card, Page } from "../../ui/Page.tsx";
import { kindChoices, kindName } from "./kinds.ts";
import "./admin.css";

type Kind = OwnerKind | "all";
const PERIODS = ["30", "90", "366"] as const;
type Period = (typeof PERIODS)[number];
type Measure = "bytes" | "objects";

function Tile({ total }: { total: UsageTotal }) {
  const { kind, bytes, objects, owners } = total;
  return (
    <div className="figure">
      <dt>{kindName(kind)}</dt>
      <dd>{formatBytes(bytes)}</dd>
      <dd className="figure-more soft">{t("usage.objects", { objects, owners })}</dd>
    </div>
  );
}

function Totals() {
  const { data, error, refetch } = useQuery(usageTotalsQuery);
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading />;
  return (
    <dl className="figures">
      {data.map((total) => (
        <Tile key={total.kind} total={total} />
      ))}
    </dl>
  );
}

function DaysChart({ kind, period, measure }: { kind: Kind; period: Period; measure: Measure }) {
  const { since, until } = useMemo(() => lastDays(Number(period)), [period]);
  const { data, error, refetch } = useQuery(usageDaysQuery(kind, since, until));
  const days = useMemo(() => {
    const values = (data ?? []).map((one) => ({ day: one.day, value: one[measure] }));
    return sumByDay(values, since, until);
  }, [data, since, until, measure]);
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading />;
  const format = measure === "bytes" ? formatBytes : formatNumber;
  const sum = days[1].reduce((one, other) => one + other, 0);
  const added = t("usage.added", { count: Number(period), sum: format(sum) });
  return (
    <>
      <Chart
        label={`${t("usage.days")}. ${added}`}
        data={days}
        series={t("usage.days")}
        format={(value) => format(value)}
        formatX={(day) => formatDay(dayOf(day))}
      />
      <p className="soft small">{added}</p>
    </>
  );
}

function Days({ kind }: { kind: Kind }) {
  const [period, setPeriod] = useState<Period>("30");
  const [measure, setMeasure] = useState<Measure>("bytes");
  return (
    <Card
      title={t("usage.days")}
      actions={
        <div className="toolbar">
          <Select<Measure>
            compact
            label={t("usage.measure")}
            value={measure}
            onChange={setMeasure}
            choices={[
              { id: "bytes", name: t("common.size") },
              { id: "objects", name: t("usage.count") },
            ]}
          />
          <Select<Period>
            compact
            label={t("usage.period")}
            value={period}
            onChange={setPeriod}
            choices={PERIODS.map((id) => ({ id, name: t("link.days", { count: Number(id) }) }))}
          />
        </div>
      }
    >
      <DaysChart kind={kind} period={period} measure={measure} />
    </Card>
  );
}

function limitText({ bytes, limitBytes }: UsageOfOwner): string {
  if (limitBytes == null) return "";
  if (limitBytes === 0) return formatBytes(0);
  return t("usage.ofLimit", {
    part: formatPercent(bytes / limitBytes),
    limit: formatBytes(limitBytes),
  });
}

function columns(): Column<UsageOfOwner>[] {
  return [
    {
      id: "owner",
      name: t("audit.owner"),
      width: "minmax(0, 2fr)",
      cell: ({ id, name }) => (
        <div className="row-name">
          <div>
            <span className="clip" dir="auto">
              {name ?? id}
            </span>
            {name != null && <code className="clip soft small">{id}</code>}
          </div>
        </div>
      ),
    },
    {
      id: "kind",
      name: t("audit.kind"),
      width: "8rem",
      wide: true,
      cell: ({ kind }) => kindName(kind),
    },
    {
      id: "objects",
      name: t("usage.count"),
      width: "7rem",
      align: "end",
      wide: true,
      cell: ({ objects }) => formatNumber(objects),
    },
    {
      id: "bytes",
      name: t("common.size"),
      width: "6rem",
      align: "end",
      cell: ({ bytes }) => formatBytes(bytes),
    },
    {
      id: "limit",
      name: t("usage.limit"),
      width: "10rem",
      align: "end",
      wide: true,
      cell: limitText,
    },
  ];
}

function Owners({ kind }: { kind: Kind }) {
  const list = usePagedList<UsageOfOwner>({
    queryKey: adminKeys.owners(kind),
    fetchPage: (cursor, signal) => listOwners(kind, cursor, signal),
  });
  if (list.error && list.loaded === 0) return <Failure error={list.error} onRetry={list.refetch} />;
  if (list.isPending) return <Loading />;
  if (list.count === 0) return <Empty title={t("usage.none")} />;
  return (
    <div className="boxed-table">
      <DataTable
        label={t("usage.owners")}
        count={list.count}
        columns={columns()}
        rowAt={list.at}
        rowHeight={54}
        onRange={list.need}
      />
    </div>
  );
}

export function UsagePage() {
  const [kind, setKind] = useState<Kind>("all");
  return (
    <Page
      title={t("nav.usage")}
      lead={t("usage.lead")}
      actions={
        <Select<Kind>
          compact
          label={t("audit.kind")}
          value={kind}
          onChange={setKind}
          choices={kindChoices()}
        />
      }
    >
      <Totals />
      <Days kind={kind} />
      <h2>{t("usage.owners")}</h2>
      <Owners key={kind} kind={kind} />
    </Page>
  );
}
