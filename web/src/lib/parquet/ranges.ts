/** Reads ranges of a file over HTTP, so many bytes and no more. */
import { ParquetError, type Source } from "./preview.ts";

/** Bytes that are read of one file, at most. */
const BUDGET = 64 * 2 ** 20;

export function rangeSource(url: string, size: number, fetchRange: typeof fetch = fetch): Source {
  let left = BUDGET;
  async function slice(start: number, end: number): Promise<ArrayBuffer> {
    left -= end - start;
    if (left < 0) throw new ParquetError("tooLarge");
    const headers = { Range: `bytes=${start}-${end - 1}` };
    let response: Response;
    try {
      response = await fetchRange(url, {
        headers,
        credentials: "omit",
        referrerPolicy: "no-referrer",
      });
    } catch {
      throw new ParquetError("unreachable");
    }
    if (response.status !== 206) {
      // All of the file would come instead, however long it is.
      await response.body?.cancel();
      if (response.status === 409) throw new ParquetError("archived");
      throw new ParquetError(response.ok ? "range" : "unreachable", String(response.status));
    }
    const bytes = await response.arrayBuffer();
    if (bytes.byteLength !== end - start) throw new ParquetError("range");
    return bytes;
  }
  return { size, slice };
}
