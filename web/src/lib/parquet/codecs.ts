/** Decompressors beyond Snappy, which the parser has itself. All are plain JavaScript: the policy allows no WebAssembly. */
import { decompress } from "fzstd";
import type { Compressors } from "hyparquet";
import { gunzip } from "hyparquet-compressors/src/gzip.js";
import { decompressLz4, decompressLz4Raw } from "hyparquet-compressors/src/lz4.js";

const COMMON: Compressors = {
  GZIP: (input, length) => gunzip(input, new Uint8Array(length)),
  ZSTD: (input, length) => decompress(input, new Uint8Array(length)),
  LZ4: decompressLz4,
  LZ4_RAW: decompressLz4Raw,
};

/** Returns the decompressors for a file with these compressions, as far as there are any. */
export async function compressorsFor(codecs: ReadonlySet<string>): Promise<Compressors> {
  if (!codecs.has("BROTLI")) return COMMON;
  return { ...COMMON, ...(await import("./brotli.ts")).brotli };
}
