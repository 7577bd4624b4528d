/** A link to an image of a space, or to one of its thumbnails, for anybody who has it. */
import { linkImage, type SpaceImage } from "../../api/spaces.ts";
import { t } from "../../i18n/i18n.ts";
import { formatNumber } from "../../lib/format.ts";
import type { Thaw } from "../../ui/Archive.tsx";
import type { Choice } from "../../ui/Field.tsx";
import { LinkDialog } from "../../ui/LinkDialog.tsx";

const pixels = (width: number, height: number) =>
  `${formatNumber(width)} × ${formatNumber(height)}`;

/** Returns the sizes of an image, the original first and then the largest. */
function sizesOf({ width, height, thumbnails }: SpaceImage): [Choice<string>, ...Choice<string>[]] {
  const original = t("imageLink.original");
  const name = width && height ? `${original}, ${pixels(width, height)}` : original;
  const smaller = [...thumbnails]
    .sort((one, other) => other.width - one.width)
    .map((small) => ({
      id: small.name,
      name: `${pixels(small.width, small.height)}, ${small.contentType}`,
    }));
  return [{ id: "original", name }, ...smaller];
}

interface ImageLinkDialogProps {
  image: SpaceImage;
  thaw: Thaw | undefined;
  onClose: () => void;
}

export function ImageLinkDialog({ image, thaw, onClose }: ImageLinkDialogProps) {
  return (
    <LinkDialog
      title={t("imageLink.title")}
      name={image.name || t("image.unnamed")}
      lifetime="900"
      label={t("imageLink.size")}
      choices={sizesOf(image)}
      until={(time) => t("imageLink.until", { time })}
      create={(seconds, variant) => linkImage(image.spaceId, image.id, seconds, variant)}
      thaw={thaw}
      onClose={onClose}
    />
  );
}
