/** One media item: shown or played, with what is known of it, and tried again if it failed. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { UrlKeeper } from "@tidegate/client";
import { RotateCcw, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import {
  type Media,
  mediaHistoryQuery,
  mediaQuery,
  retryMedia,
  sessionKeys,
  thawMedia,
} from "../../api/sessions.ts";
import { t } from "../../i18n/i18n.ts";
import { isUnreadable } from "../../lib/archived.ts";
import { formatBytes, formatDateTime, formatDuration, formatInstant } from "../../lib/format.ts";
import { Archive } from "../../ui/Archive.tsx";
import { StatusBadge, statusName } from "../../ui/Badge.tsx";
import { Button } from "../../ui/Button.tsx";
import { Dialog } from "../../ui/Dialog.tsx";
import { Note } from "../../ui/Note.tsx";
import { Picture, useKept } from "../../ui/Picture.tsx";
import { tellFailure } from "../../ui/toast.tsx";
import { mediaName, thumbnailsOf } from "./MediaTile.tsx";
import { stageName } from "./stages.ts";
import "../../ui/timeline.css";

const whole = (media: Media) => ({ src: media.url });

interface StageProps {
  keeper: UrlKeeper<Media>;
  media: Media;
  onBroken: () => void;
}

function Video({ keeper, media, onBroken }: StageProps) {
  const { value, attempt, status } = useKept(keeper, media.id);
  // biome-ignore lint/correctness/useExhaustiveDependencies: told once, whatever function is told
  useEffect(() => {
    if (status === "broken") onBroken();
  }, [status]);
  if (!value) return null;
  return (
    // biome-ignore lint/a11y/useMediaCaption: uploaded clips have no captions
    <video
      key={attempt}
      controls
      preload="metadata"
      src={value.url}
      poster={thumbnailsOf(value).src}
      onError={() => keeper.failed(media.id, value)}
      onLoadedMetadata={() => keeper.loaded(media.id)}
    />
  );
}

/** The video or picture, or the thumbnails of what cannot be read now. */
function Stage({ keeper, media, onBroken }: StageProps) {
  const { id } = media;
  const unreadable = isUnreadable(media.archive);
  useEffect(() => {
    // Its thumbnails may be readable.
    if (unreadable && keeper.get(id).status === "broken") keeper.retry(id);
  }, [unreadable, keeper, id]);
  if (media.contentType.startsWith("video/") && !unreadable) {
    return <Video keeper={keeper} media={media} onBroken={onBroken} />;
  }
  return (
    <Picture
      key={String(unreadable)}
      contain
      keeper={keeper}
      id={id}
      alt={media.alt || mediaName(media)}
      source={unreadable ? thumbnailsOf : whole}
      blurhash={media.blurhash}
      onBroken={onBroken}
    />
  );
}

function Timeline({ media }: { media: Media }) {
  const { data } = useQuery(mediaHistoryQuery(media.sessionId, media.id));
  return (
    <ol className="timeline">
      {(data ?? []).map(({ at, status, reason }) => (
        <li key={`${at} ${status}`}>
          <strong>{statusName(status)}</strong>
          <time dateTime={at} className="soft small">
            {formatInstant(at)}
          </time>
          {reason && <span className="small">{reason}</span>}
        </li>
      ))}
    </ol>
  );
}

interface MediaDialogProps {
  media: Media;
  keeper: UrlKeeper<Media>;
  onClose: () => void;
  onRemove: () => void;
}

export function MediaDialog({ media: known, keeper, onClose, onRemove }: MediaDialogProps) {
  const queries = useQueryClient();
  const { sessionId: session, id } = known;
  /** The item whose URL does not load. Lists do not know of every archived item; the item does. */
  const [broken, setBroken] = useState<string>();
  const { data: asked } = useQuery({ ...mediaQuery(session, id), enabled: broken === id });
  const media = asked ? { ...known, archive: asked.archive ?? null } : known;
  async function thaw() {
    const archive = await thawMedia(session, id);
    queries.setQueryData<Media>(sessionKeys.item(session, id), {
      ...media,
      archive: archive ?? null,
    });
    return archive;
  }
  const retry = useMutation({
    mutationFn: () => retryMedia(session, id),
    onError: tellFailure,
    onSuccess: () => queries.invalidateQueries({ queryKey: sessionKeys.history(session, id) }),
  });
  return (
    <Dialog title={mediaName(media)} onClose={onClose} wide>
      {media.status === "COMPLETED" && (
        <div className="media-stage">
          <Stage key={id} keeper={keeper} media={media} onBroken={() => setBroken(id)} />
        </div>
      )}
      <Archive key={id} archive={media.archive} thaw={thaw} />
      {media.reason && (
        <Note look={media.status === "COMPLETED" ? "info" : "bad"}>{media.reason}</Note>
      )}
      <dl className="facts">
        <dt>{t("common.status")}</dt>
        <dd>
          <StatusBadge status={media.status} />
        </dd>
        <dt>{t("sessions.stage")}</dt>
        <dd>{stageName(media.stage)}</dd>
        {media.alt && (
          <>
            <dt>{t("sessions.alt")}</dt>
            <dd dir="auto">{media.alt}</dd>
          </>
        )}
        <dt>{t("common.type")}</dt>
        <dd>{media.contentType}</dd>
        {media.size != null && (
          <>
            <dt>{t("common.size")}</dt>
            <dd>{formatBytes(media.size)}</dd>
          </>
        )}
        {media.width != null && media.height != null && (
          <>
            <dt>{t("image.dimensions")}</dt>
            <dd className="number">
              {media.width} × {media.height}
            </dd>
          </>
        )}
        {media.duration != null && (
          <>
            <dt>{t("sessions.duration")}</dt>
            <dd>{formatDuration(media.duration / 1000)}</dd>
          </>
        )}
        <dt>{t("common.created")}</dt>
        <dd>{formatDateTime(media.createdAt)}</dd>
        <dt>{t("common.by")}</dt>
        <dd dir="auto">{media.createdBy}</dd>
      </dl>
      <section>
        <h3>{t("image.timeline")}</h3>
        <Timeline media={media} />
      </section>
      <div className="dialog-buttons">
        {media.status === "SCAN_FAILED" && (
          <Button icon={RotateCcw} isPending={retry.isPending} onPress={() => retry.mutate()}>
            {t("common.tryAgain")}
          </Button>
        )}
        <Button icon={Trash2} onPress={onRemove}>
          {t("common.delete")}
        </Button>
      </div>
    </Dialog>
  );
}
