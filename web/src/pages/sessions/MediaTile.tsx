/** One media item of a session: its picture, name, stage and status. */
import type { UrlKeeper } from "@tidegate/client";
import { Film, ImageIcon } from "lucide-react";
import type { Media } from "../../api/sessions.ts";
import { t } from "../../i18n/i18n.ts";
import { smallestUrl, srcSet } from "../../lib/variants.ts";
import { StateBadge } from "../../ui/Archive.tsx";
import { Picture } from "../../ui/Picture.tsx";
import { checkable, TileCheck } from "../../ui/TileCheck.tsx";
import { stageName } from "./stages.ts";

export const mediaName = (media: Media) => media.filename || t("sessions.unnamed");

const isVideo = ({ contentType }: Media) => contentType.startsWith("video/");

/** The pictures derived from an item; an image without any is its own. */
export function thumbnailsOf(media: Media) {
  const pictures = media.variants.filter(({ contentType }) => contentType.startsWith("image/"));
  return {
    src: smallestUrl(pictures) ?? (isVideo(media) ? undefined : media.url),
    srcSet: srcSet(pictures),
  };
}

interface MediaTileProps {
  media: Media | undefined;
  keeper: UrlKeeper<Media>;
  width: number;
  selected: boolean;
  selecting: boolean;
  onToggle: () => void;
}

export function MediaTile(props: MediaTileProps) {
  const { media, keeper, width, selected, selecting, onToggle } = props;
  if (!media) return <div className="media-tile" />;
  const Icon = isVideo(media) ? Film : ImageIcon;
  return (
    <div className={`media-tile ${checkable(selected, selecting)}`}>
      <div className="media-picture">
        {media.status === "COMPLETED" ? (
          <Picture
            keeper={keeper}
            id={media.id}
            alt={media.alt || mediaName(media)}
            source={thumbnailsOf}
            sizes={`${Math.round(width)}px`}
            blurhash={media.blurhash}
          />
        ) : (
          <div className="media-unfinished">
            <Icon size={24} aria-hidden />
            {media.reason && <span className="small">{media.reason}</span>}
          </div>
        )}
      </div>
      <div className="media-caption">
        <span className="clip" dir="auto">
          {mediaName(media)}
        </span>
        <span className="media-facts">
          <span className="soft small clip">{stageName(media.stage)}</span>
          <StateBadge status={media.status} archive={media.archive} />
        </span>
      </div>
      <TileCheck name={mediaName(media)} selected={selected} onToggle={onToggle} />
    </div>
  );
}
