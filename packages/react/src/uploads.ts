import {
  type TidegateClient,
  type Upload,
  Uploader,
  type UploaderOptions,
  type UploadSnapshot,
} from "@tidegate/client";
import { useEffect, useState, useSyncExternalStore } from "react";

/**
 * Returns an uploader that lasts as long as the component. Its uploads are paused when the component goes:
 * put it where the pages change below it. `options` count at the first render only.
 */
export function useUploader(client: TidegateClient, options?: UploaderOptions): Uploader {
  const [uploader] = useState(() => new Uploader(client, options));
  useEffect(() => () => uploader.close(), [uploader]);
  return uploader;
}

/** Returns the uploads of an uploader. Renders when one is added or removed. */
export function useUploads(uploader: Uploader): readonly Upload[] {
  return useSyncExternalStore(
    (listener) => uploader.subscribe(listener),
    () => uploader.uploads,
    () => uploader.uploads,
  );
}

/** Returns the state of one upload. Renders with each change, at most ten times a second. */
export function useUpload<Result>(upload: Upload<Result>): UploadSnapshot<Result> {
  return useSyncExternalStore(
    (listener) => upload.subscribe(listener),
    () => upload.snapshot,
    () => upload.snapshot,
  );
}
