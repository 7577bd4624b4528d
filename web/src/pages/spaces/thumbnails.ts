/** Which files of an image a small picture of it is shown from. */
import type { SpaceImage } from "../../api/spaces.ts";
import { smallestUrl, srcSet } from "../../lib/variants.ts";

export const thumbnailsOf = ({ thumbnails, cloudfrontUrl }: SpaceImage) => ({
  src: smallestUrl(thumbnails) ?? cloudfrontUrl ?? undefined,
  srcSet: srcSet(thumbnails),
});
