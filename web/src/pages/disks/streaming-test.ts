/** Reads a disk image as an emulator would, and measures how long that takes. */
import { openDisk } from "@tidegate/client";
import { client } from "../../api/client.ts";

export interface TestPlan {
  kind: "random" | "sequential";
  /** Bytes of one read. */
  length: number;
  reads: number;
}

export interface Reading {
  /** Milliseconds from asking to having all bytes. */
  milliseconds: number;
  bytes: number;
}

/** Returns where each read of a plan begins. `random` gives numbers from 0 to 1. */
export function offsetsOf(plan: TestPlan, size: number, random: () => number): number[] {
  const places = Math.max(1, Math.floor(size / plan.length));
  return Array.from({ length: plan.reads }, (_, index) => {
    const place = plan.kind === "random" ? Math.floor(random() * places) : index % places;
    return place * plan.length;
  });
}

/**
 * Runs a plan, and calls back after each read. Nothing is read twice from the cache and nothing is read
 * ahead, so that each figure is of one request.
 */
export async function runTest(
  imageId: string,
  plan: TestPlan,
  signal: AbortSignal,
  onReading: (reading: Reading) => void,
): Promise<void> {
  const { length } = plan;
  const disk = await openDisk(client, imageId, {
    blockSize: length,
    cacheBytes: length,
    readAhead: 0,
    maxRequest: length,
  });
  try {
    for (const offset of offsetsOf(plan, disk.size, Math.random)) {
      const start = performance.now();
      const bytes = await disk.read(offset, length, { signal });
      onReading({ milliseconds: performance.now() - start, bytes: bytes.length });
    }
  } finally {
    disk.close();
  }
}
