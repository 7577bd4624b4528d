/** Files that are shown as a table. */

/** The source file of a package, or with `path` an asset of it. */
export interface Previewed {
  path?: string;
  name: string;
  size: number;
}

export function isParquet(name: string, contentType: string | null | undefined): boolean {
  return /\.(parquet|geoparquet|pqt)$/i.test(name) || /\bparquet$/i.test(contentType ?? "");
}
