/** A space among others: its newest images, name, role and size. */
import { useQuery } from "@tanstack/react-query";
import { type LoadedUrls, spaceImageUrls, type UrlKeeper } from "@tidegate/client";
import { Images } from "lucide-react";
import { useEffect, useMemo, useRef } from "react";
import { client } from "../../api/client.ts";
import { coverQuery, type Space, type SpaceImage } from "../../api/spaces.ts";
import { t } from "../../i18n/i18n.ts";
import { formatBytes } from "../../lib/format.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Blurhash } from "../../ui/Blurhash.tsx";
import { Picture } from "../../ui/Picture.tsx";
import { useSeen } from "../../ui/use-seen.ts";
import { roleName } from "./roles.ts";
import { thumbnailsOf } from "./thumbnails.ts";
import "./space-card.css";

/** Height of the words below the cover in CSS pixels. */
const WORDS = 74;
const COVER = 0.58;

/** Returns the height of a card of some width. */
export const cardHeight = (width: number) => width * COVER + WORDS;

interface CoverImageProps {
  image: SpaceImage;
  keeper: UrlKeeper<SpaceImage>;
  sizes: string;
}

/** A server without an edge or a CDN signs no URLs: the colours of the image are all there is. */
function CoverImage({ image, keeper, sizes }: CoverImageProps) {
  const { id, blurhash } = image;
  if (!thumbnailsOf(image).src) return <div>{blurhash && <Blurhash hash={blurhash} />}</div>;
  return (
    <Picture
      alt=""
      keeper={keeper}
      id={id}
      source={thumbnailsOf}
      sizes={sizes}
      blurhash={blurhash}
    />
  );
}

interface CoverProps {
  spaceId: string;
  images: readonly SpaceImage[];
  urls: LoadedUrls<SpaceImage> | undefined;
  width: number;
}

function Cover({ spaceId, images, urls, width }: CoverProps) {
  const keeper = useMemo(() => {
    const made = spaceImageUrls(client, spaceId);
    if (urls) made.put(urls);
    return made;
  }, [spaceId, urls]);
  useEffect(() => () => keeper.close(), [keeper]);
  const sizes = `${Math.round(images.length === 1 ? width : width / 2)}px`;
  return (
    <div className="cover-images" data-count={images.length}>
      {images.map((image) => (
        <CoverImage key={image.id} image={image} keeper={keeper} sizes={sizes} />
      ))}
    </div>
  );
}

interface SpaceCardProps {
  space: Space | undefined;
  /** Width of the card in CSS pixels, from which the browser chooses thumbnails. */
  width: number;
}

export function SpaceCard({ space, width }: SpaceCardProps) {
  if (!space) return <div className="space-card waiting" />;
  return <KnownSpace key={space.id} space={space} width={width} />;
}

function KnownSpace({ space, width }: { space: Space; width: number }) {
  const { id, name, role, imageCount, bytes } = space;
  const place = useRef<HTMLDivElement>(null);
  const seen = useSeen(place);
  const { data } = useQuery({ ...coverQuery(space), enabled: seen && imageCount > 0 });
  const images = data?.items ?? [];
  return (
    <div className="space-card">
      <div className="space-cover" ref={place}>
        {images.length > 0 ? (
          <Cover spaceId={id} images={images} urls={data?.urls} width={width} />
        ) : (
          imageCount === 0 && <Images size={30} strokeWidth={1.25} aria-hidden />
        )}
      </div>
      <div className="space-words">
        <div className="space-name">
          <strong className="clip" dir="auto" title={name}>
            {name}
          </strong>
          {role && <Badge>{roleName(role)}</Badge>}
        </div>
        <span className="soft small number clip">
          {t("spaces.summary", { count: imageCount, size: formatBytes(bytes) })}
        </span>
      </div>
    </div>
  );
}
