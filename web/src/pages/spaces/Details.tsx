/** What is known of one image: facts, how it came to be, and the files derived from it. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link2, RotateCcw } from "lucide-react";
import {
  historyQuery,
  retryImage,
  type Space,
  type SpaceImage,
  spaceKeys,
} from "../../api/spaces.ts";
import { t } from "../../i18n/i18n.ts";
import { isUnreadable } from "../../lib/archived.ts";
import { formatBytes, formatDateTime, formatInstant, formatNumber } from "../../lib/format.ts";
import { Archive, ArchiveBadge } from "../../ui/Archive.tsx";
import { StatusBadge, statusName } from "../../ui/Badge.tsx";
import { Button } from "../../ui/Button.tsx";
import { Failure, Loading } from "../../ui/Note.tsx";
import { tellFailure } from "../../ui/toast.tsx";
import "../../ui/timeline.css";

const SCANS = ["clean", "unscanned", "skipped"] as const;

function scanName(scan: string): string {
  const known = SCANS.find((name) => name === scan);
  return known ? t(`scan.${known}`) : scan;
}

/** The second PENDING of an image is when its bytes were confirmed. */
function stepName(status: string, before: string | undefined): string {
  return status === "PENDING" && before === "PENDING" ? t("status.uploaded") : statusName(status);
}

function Timeline({ space, image }: { space: Space; image: SpaceImage }) {
  const history = useQuery(historyQuery(space.id, image.id));
  if (history.error) return <Failure error={history.error} />;
  if (!history.data) return <Loading />;
  return (
    <ol className="timeline">
      {history.data.map((change, index) => (
        <li key={`${change.at} ${change.status}`}>
          <strong>{stepName(change.status, history.data[index - 1]?.status)}</strong>
          <time dateTime={change.at} className="soft small">
            {formatInstant(change.at)}
          </time>
          {change.reason && <span className="small">{change.reason}</span>}
        </li>
      ))}
    </ol>
  );
}

interface DetailsProps {
  space: Space;
  image: SpaceImage;
  editable: boolean;
  onLink: () => void;
}

export function Details({ space, image, editable, onLink }: DetailsProps) {
  const queries = useQueryClient();
  const retry = useMutation({
    mutationFn: () => retryImage(space.id, image.id),
    onError: tellFailure,
    onSuccess: () => queries.invalidateQueries({ queryKey: spaceKeys.history(space.id, image.id) }),
  });
  return (
    <aside className="lightbox-details" aria-label={t("image.details")}>
      <div className="toolbar">
        <StatusBadge status={image.status} />
        <ArchiveBadge archive={image.archive} />
        {image.status === "FAILED" && editable && (
          <Button icon={RotateCcw} isPending={retry.isPending} onPress={() => retry.mutate()}>
            {t("common.tryAgain")}
          </Button>
        )}
        {image.status === "READY" && (
          <Button icon={Link2} onPress={onLink}>
            {t("imageLink.copy")}
          </Button>
        )}
      </div>
      {/* The rest is said over the picture, where the thaw is. */}
      {!isUnreadable(image.archive) && <Archive archive={image.archive} />}
      {image.reason && <p>{image.reason}</p>}
      <dl className="facts">
        <dt>{t("common.name")}</dt>
        <dd dir="auto">{image.name || t("image.unnamed")}</dd>
        {image.width != null && image.height != null && (
          <>
            <dt>{t("image.dimensions")}</dt>
            <dd className="number">
              {formatNumber(image.width)} × {formatNumber(image.height)}
            </dd>
          </>
        )}
        {image.size != null && (
          <>
            <dt>{t("common.size")}</dt>
            <dd>{formatBytes(image.size)}</dd>
          </>
        )}
        <dt>{t("common.type")}</dt>
        <dd>{image.contentType}</dd>
        <dt>{t("common.created")}</dt>
        <dd>{formatDateTime(image.createdAt)}</dd>
        <dt>{t("common.by")}</dt>
        <dd dir="auto">{image.createdBy}</dd>
        {image.scan && (
          <>
            <dt>{t("scan.label")}</dt>
            <dd>{scanName(image.scan)}</dd>
          </>
        )}
      </dl>
      <section>
        <h3>{t("image.timeline")}</h3>
        <Timeline space={space} image={image} />
      </section>
      {image.thumbnails.length > 0 && (
        <section>
          <h3>{t("image.variants")}</h3>
          <ul className="variants">
            {image.thumbnails.map(({ width, height, contentType }) => (
              <li key={`${width} ${contentType}`}>
                <span className="number">
                  {width} × {height}
                </span>
                <span className="soft">{contentType}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </aside>
  );
}
