/** What the pages of one dataset share: its name, the path below it, and its parts. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { type Dataset, datasetQuery, type PackageNode } from "../../api/datasets.ts";
import { t } from "../../i18n/i18n.ts";
import { formatBytes } from "../../lib/format.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Failure, Loading } from "../../ui/Note.tsx";
import { Page, Parent, Tab } from "../../ui/Page.tsx";
import { mayManage, roleName } from "../spaces/roles.ts";

interface DatasetFrameProps {
  datasetId: string;
  /** Collections from the top to the one that is shown. */
  path?: readonly PackageNode[];
  actions?: (dataset: Dataset) => ReactNode;
  children: (dataset: Dataset) => ReactNode;
}

export function DatasetFrame({ datasetId, path = [], actions, children }: DatasetFrameProps) {
  const query = useQuery(datasetQuery(datasetId));
  const dataset = query.data;
  if (!dataset) {
    return query.error ? (
      <Failure error={query.error} onRetry={() => void query.refetch()} />
    ) : (
      <Loading />
    );
  }
  const params = { datasetId };
  const here = path.at(-1);
  return (
    <Page
      title={here?.name ?? dataset.name}
      aside={here ? null : dataset.role ? <Badge>{roleName(dataset.role)}</Badge> : null}
      lead={
        here
          ? undefined
          : t("datasets.summary", { count: dataset.objects, size: formatBytes(dataset.bytes) })
      }
      parents={
        <>
          <Parent to="/datasets">{t("nav.datasets")}</Parent>
          {here && (
            <Parent to="/datasets/$datasetId" params={params} search={{}}>
              {dataset.name}
            </Parent>
          )}
          {path.slice(0, -1).map((step) => (
            <Parent
              key={step.nodeId}
              to="/datasets/$datasetId"
              params={params}
              search={{ parent: step.nodeId }}
            >
              {step.name}
            </Parent>
          ))}
        </>
      }
      actions={actions?.(dataset)}
      tabs={
        <>
          <Tab to="/datasets/$datasetId" params={params} search={{}}>
            {t("datasets.tree")}
          </Tab>
          <Tab to="/datasets/$datasetId/changes" params={params}>
            {t("datasets.changes")}
          </Tab>
          {mayManage(dataset.role) && (
            <Tab to="/datasets/$datasetId/members" params={params}>
              {t("spaces.members")}
            </Tab>
          )}
        </>
      }
      filled
    >
      {children(dataset)}
    </Page>
  );
}
