/** Which of an image's thumbnails the browser may choose from. */
export interface SizedUrl {
  width: number;
  contentType: string;
  url?: string | null;
}

/** Returns a `srcset` by width: the WebP files, or all where there are none. Empty without URLs. */
export function srcSet(variants: readonly SizedUrl[]): string {
  const usable = variants.filter((variant) => variant.url);
  const webp = usable.filter(({ contentType }) => contentType === "image/webp");
  const chosen = webp.length > 0 ? webp : usable;
  return [...chosen]
    .sort((one, other) => one.width - other.width)
    .map(({ url, width }) => `${url} ${width}w`)
    .join(", ");
}

/** Returns the smallest URL, for browsers that know no `srcset`, or undefined without any. */
export function smallestUrl(variants: readonly SizedUrl[]): string | undefined {
  const [first] = variants
    .filter((variant) => variant.url)
    .sort((one, other) => one.width - other.width);
  return first?.url ?? undefined;
}
