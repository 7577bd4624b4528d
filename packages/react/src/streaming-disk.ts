import {
  openDisk,
  type StreamingDisk,
  type StreamingDiskOptions,
  type TidegateClient,
  TidegateError,
} from "@tidegate/client";
import { useEffect, useState } from "react";

/** A disk that is being opened, is open, or could not be opened. */
export interface OpenedDisk {
  disk?: StreamingDisk;
  error?: TidegateError;
}

/**
 * Opens a disk image, and closes it when the component goes or `imageId` changes. `options` count when the
 * disk is opened.
 */
export function useStreamingDisk(
  client: TidegateClient,
  imageId: string,
  options?: StreamingDiskOptions,
): OpenedDisk {
  const [opened, setOpened] = useState<OpenedDisk>({});
  // biome-ignore lint/correctness/useExhaustiveDependencies: Options of a later render change nothing.
  useEffect(() => {
    let left = false;
    let disk: StreamingDisk | undefined;
    setOpened({});
    openDisk(client, imageId, options).then(
      (open) => {
        disk = open;
        if (left) open.close();
        else setOpened({ disk: open });
      },
      (error: unknown) => {
        if (left) return;
        if (!(error instanceof TidegateError)) throw error;
        setOpened({ error });
      },
    );
    return () => {
      left = true;
      disk?.close();
    };
  }, [client, imageId]);
  return opened;
}
