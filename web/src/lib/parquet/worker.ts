// A web worker that reads one Parquet file. A file that takes too long ends with it, not with the page.

import type { PreviewReply, PreviewRequest } from "./index.ts";
import { type ParquetError, previewParquet } from "./preview.ts";
import { rangeSource } from "./ranges.ts";

const loadCompressors = async (codecs: ReadonlySet<string>) =>
  (await import("./codecs.ts")).compressorsFor(codecs);

self.addEventListener("message", async ({ data }: MessageEvent<PreviewRequest>) => {
  let reply: PreviewReply;
  try {
    const source = rangeSource(data.url, data.size);
    reply = { preview: await previewParquet(source, loadCompressors) };
  } catch (failure) {
    const { reason, detail } = failure as ParquetError;
    reply = { reason, detail };
  }
  self.postMessage(reply);
});
