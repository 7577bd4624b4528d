/** One media item: shown or played, with what is known of it, and tried again if it failed. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { UrlKeeper } from "@tidegate/client";
import { RotateCcw, Trash2 } from "lucide-react";
import { type Media, mediaHistoryQuery, retryMedia, sessionKeys } from "../../api/sessions.ts";
import { t } from "../../i18n/i18n.ts";
import { formatBytes, formatDateTime, formatDuration, formatInstant } from "../../lib/format.ts";
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

function Video({ keeper, media }: { keeper: UrlKeeper<Media>; media: Media }) {
  const { value, attempt } = useKept(keeper, media.id);
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

export function MediaDialog({ media, keeper, onClose, onRemove }: MediaDialogProps) {
  const queries = useQueryClient();
  const { sessionId: session, id } = media;
  const retry = useMutation({
    mutationFn: () => retryMedia(session, id),
    onError: tellFailure,
    onSuccess: () => queries.invalidateQueries({ queryKey: sessionKeys.history(session, id) }),
  });
  return (
    <Dialog title={mediaName(media)} onClose={onClose} wide>
      {media.status === "COMPLETED" && (
        <div className="media-stage">
          {media.contentType.startsWith("video/") ? (
            <Video keeper={keeper} media={media} />
          ) : (
            <Picture
              contain
              keeper={keeper}
              id={id}
              alt={media.alt || mediaName(media)}
              source={whole}
              blurhash={media.blurhash}
            />
          )}
        </div>
      )}
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
