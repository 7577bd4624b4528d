/** Reads the beginning of a Parquet file in a worker of its own. */
import { ParquetError, type ParquetReason, type Preview } from "./preview.ts";

export interface PreviewRequest {
  url: string;
  size: number;
}

export type PreviewReply =
  | { preview: Preview; reason?: undefined }
  | { preview?: undefined; reason: ParquetReason; detail: string };

const TIMEOUT = 60_000;

export async function previewOf(request: PreviewRequest, signal: AbortSignal): Promise<Preview> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    type: "module",
    name: "tidegate-parquet",
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await new Promise<Preview>((resolve, reject) => {
      timer = setTimeout(() => reject(new ParquetError("late")), TIMEOUT);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      worker.onerror = ({ message }) => reject(new ParquetError("broken", message ?? ""));
      worker.onmessage = ({ data }: MessageEvent<PreviewReply>) => {
        if (data.preview) resolve(data.preview);
        else reject(new ParquetError(data.reason, data.detail));
      };
      worker.postMessage(request);
    });
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
}
