/** How much work waits, by its class. */
import { useQuery } from "@tanstack/react-query";
import { type JobQueue, queuesQuery } from "../../api/admin.ts";
import { type MessageId, t } from "../../i18n/i18n.ts";
import { formatDuration, formatNumber } from "../../lib/format.ts";
import { Failure, Loading } from "../../ui/Note.tsx";
import { Card } from "../../ui/Page.tsx";
import "../../ui/plain-table.css";

const CLASSES: Record<string, MessageId> = {
  upkeep: "jobs.upkeep",
  scans: "health.scans",
  images: "spaces.images",
  videos: "jobs.videos",
};

function Row({ queue }: { queue: JobQueue }) {
  const { oldestSeconds } = queue;
  const name = CLASSES[queue.class];
  return (
    <tr>
      <th scope="row">{name ? t(name) : queue.class}</th>
      <td>{formatNumber(queue.waiting)}</td>
      <td>{formatNumber(queue.running)}</td>
      <td>{formatNumber(queue.retrying)}</td>
      <td className={queue.dead > 0 ? "bad" : undefined}>{formatNumber(queue.dead)}</td>
      <td className="only-wide">{oldestSeconds == null ? "" : formatDuration(oldestSeconds)}</td>
    </tr>
  );
}

export function Queues() {
  const { data, error, refetch } = useQuery(queuesQuery);
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  if (!data) return <Loading />;
  return (
    <Card title={t("jobs.queues")}>
      {data.length === 0 ? (
        <p className="soft">{t("jobs.noQueues")}</p>
      ) : (
        <table className="plain-table">
          <thead>
            <tr>
              <th scope="col">{t("jobs.class")}</th>
              <th scope="col">{t("jobs.waiting")}</th>
              <th scope="col">{t("jobs.running")}</th>
              <th scope="col">{t("jobs.retrying")}</th>
              <th scope="col">{t("jobs.dead")}</th>
              <th scope="col" className="only-wide">
                {t("jobs.oldest")}
              </th>
            </tr>
          </thead>
          <tbody>
            {data.map((queue) => (
              <Row key={queue.class} queue={queue} />
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}
