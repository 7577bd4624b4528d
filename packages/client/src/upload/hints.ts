import type { UploadHandle, UploadSource } from "./surface.js";

/**
 * What the browser remembers of an unfinished upload. It only tells where to ask: the server says what it
 * holds, and parts are compared with the file.
 */
export interface UploadHint {
  handle: UploadHandle;
  name: string;
  /** Bytes. */
  size: number;
  lastModified: number;
  target: string;
  /** Milliseconds since the epoch when it began. */
  begun: number;
  /** Parts that were acknowledged, where the server can't list them: `1-5,7`. */
  parts?: string;
  /** Bytes of each part, where the server can't say it. */
  partSize?: number;
}

/** Where hints are kept between visits. */
export interface HintStore {
  get(key: string): UploadHint | undefined;
  set(key: string, hint: UploadHint): void;
  delete(key: string): void;
  /** All hints, also of files that are not chosen yet. */
  list(): UploadHint[];
}

const PREFIX = "tidegate-upload:";
// The server drops an upload after a week, unless it is set up otherwise.
const MAX_AGE = 31 * 24 * 3600 * 1000;

/** Returns what tells one file and its target from others. */
export function hintKey(baseUrl: string, target: string, source: UploadSource): string {
  return JSON.stringify([baseUrl, target, source.name, source.blob.size, source.lastModified]);
}

/** Keeps hints in `localStorage`, or for this page only where a browser has or allows none. */
export function browserHints(): HintStore {
  const storage = usableStorage();
  return storage === undefined ? memoryHints() : storageHints(storage);
}

/** Keeps hints as long as the page is open. */
export function memoryHints(): HintStore {
  const hints = new Map<string, UploadHint>();
  return {
    get: (key) => hints.get(key),
    set: (key, hint) => void hints.set(key, hint),
    delete: (key) => void hints.delete(key),
    list: () => [...hints.values()],
  };
}

function usableStorage(): Storage | undefined {
  try {
    const storage = globalThis.localStorage;
    storage.setItem(`${PREFIX}probe`, "");
    storage.removeItem(`${PREFIX}probe`);
    return storage;
  } catch {
    // Absent, forbidden or full: uploads still work, and are not resumed after a reload.
    return undefined;
  }
}

function storageHints(storage: Storage): HintStore {
  const read = (key: string) => parseHint(storage.getItem(key));
  const keys = () => Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "");
  for (const key of keys().filter((key) => key.startsWith(PREFIX))) {
    const hint = read(key);
    if (hint === undefined || hint.begun < Date.now() - MAX_AGE) storage.removeItem(key);
  }
  return {
    get: (key) => read(PREFIX + key),
    set(key, hint) {
      try {
        storage.setItem(PREFIX + key, JSON.stringify(hint));
      } catch (error) {
        // A full storage costs the resume of this file, not its upload.
        console.warn(
          "tidegate: the browser's storage is full; this upload can't be resumed",
          error,
        );
      }
    },
    delete: (key) => storage.removeItem(PREFIX + key),
    list: () =>
      keys()
        .filter((key) => key.startsWith(PREFIX))
        .flatMap((key) => read(key) ?? []),
  };
}

function parseHint(text: string | null): UploadHint | undefined {
  if (text === null) return undefined;
  try {
    const hint = JSON.parse(text) as Partial<UploadHint> | null;
    const whole =
      typeof hint?.handle === "object" &&
      hint.handle !== null &&
      Object.values(hint.handle).every((value) => typeof value === "string") &&
      typeof hint.name === "string" &&
      typeof hint.target === "string" &&
      [hint.size, hint.lastModified, hint.begun].every(Number.isFinite);
    return whole ? (hint as UploadHint) : undefined;
  } catch {
    return undefined;
  }
}

/** Writes part numbers as ranges. */
export function formatRanges(numbers: Iterable<number>): string {
  const ranges: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && number <= last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}

/** Reads what `formatRanges` wrote, up to `max`; anything else counts as no parts. */
export function parseRanges(text: string, max: number): number[] {
  const numbers: number[] = [];
  for (const range of text.split(",")) {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(range);
    if (match === null) return [];
    const to = Math.min(Number(match[2] ?? match[1]), max);
    for (let number = Math.max(1, Number(match[1])); number <= to; number++) numbers.push(number);
  }
  return numbers;
}
