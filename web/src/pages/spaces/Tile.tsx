/** One image of the grid. */
import type { UrlKeeper } from "@tidegate/client";
import type { SpaceImage } from "../../api/spaces.ts";
import { t } from "../../i18n/i18n.ts";
import { ArchiveBadge } from "../../ui/Archive.tsx";
import { statusName } from "../../ui/Badge.tsx";
import { Picture } from "../../ui/Picture.tsx";
import { checkable, TileCheck } from "../../ui/TileCheck.tsx";
import { thumbnailsOf } from "./thumbnails.ts";

interface TileProps {
  image: SpaceImage | undefined;
  selected: boolean;
  selecting: boolean;
  /** Width of the tile in CSS pixels, from which the browser chooses a thumbnail. */
  width: number;
  onToggle?: () => void;
  keeper: UrlKeeper<SpaceImage>;
}

function Unfinished({ image }: { image: SpaceImage }) {
  const busy = ["PENDING", "SCANNING", "PROCESSING", "RESTORING"].includes(image.status);
  return (
    <div className="tile-unfinished">
      {busy && <span className="spinner" aria-hidden />}
      <strong>{statusName(image.status)}</strong>
      {image.reason && <span className="tile-reason">{image.reason}</span>}
    </div>
  );
}

export function Tile({ image, selected, selecting, width, onToggle, keeper }: TileProps) {
  if (!image) return <div className="tile waiting" />;
  const name = image.name || t("image.unnamed");
  return (
    <div className={`tile ${checkable(selected, selecting)}`}>
      {image.status === "READY" ? (
        <Picture
          alt={name}
          keeper={keeper}
          id={image.id}
          source={thumbnailsOf}
          sizes={`${Math.round(width)}px`}
          blurhash={image.blurhash}
        />
      ) : (
        <Unfinished image={image} />
      )}
      <span className="tile-archive">
        <ArchiveBadge archive={image.archive} />
      </span>
      <span className="tile-name clip" dir="auto" aria-hidden>
        {name}
      </span>
      {onToggle && <TileCheck name={name} selected={selected} onToggle={onToggle} />}
    </div>
  );
}
