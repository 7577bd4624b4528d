/** Brotli alone: its dictionary is larger than all other decompressors. */
import { decompressBrotli } from "hyparquet-compressors/src/brotli.js";

export const brotli = { BROTLI: decompressBrotli };
