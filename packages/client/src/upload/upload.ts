import { abortedError, asTidegateError, TidegateError } from "../error.js";
import type { Semaphore } from "../semaphore.js";
import { formatRanges, type HintStore, hintKey, parseRanges, type UploadHint } from "./hints.js";
import { withUploadLock } from "./lock.js";
import { RateMeter, type UploadProgress } from "./rate.js";
import { RetryLoop } from "./retry-loop.js";
import { PartSender, type UploadContext } from "./sending.js";
import type {
  FoundOpenUpload,
  FoundUpload,
  OpenUpload,
  StoredPart,
  UploadSource,
  UploadSurface,
} from "./surface.js";

/** Where an upload stands. */
export type UploadState =
  /** Other files come first. */
  | "queued"
  /** Another tab uploads the same file to the same place. This one continues if that tab closes. */
  | "waiting"
  /** The checksum is made that must be announced. */
  | "hashing"
  | "uploading"
  /** All bytes are there; the server checks and publishes them. */
  | "completing"
  | "paused"
  | "done"
  /** `resume` tries again, without the parts that the server holds. */
  | "failed"
  | "aborted";

/** What a page shows of an upload. A new object with each change. */
export interface UploadSnapshot<Result> {
  readonly id: string;
  /** As the file is called. Text of a stranger: never markup. */
  readonly name: string;
  readonly state: UploadState;
  readonly progress: UploadProgress;
  /** Why it failed. */
  readonly error?: TidegateError | undefined;
  /** What the server said at completion. */
  readonly result?: Result | undefined;
}

/** Whether checksums of whole files are made: of files up to a size, of all, or of none. */
export type ChecksumMode = "auto" | "always" | "never";

/** What an `Upload` needs of its uploader. */
export interface UploadSettings extends UploadContext {
  hints: HintStore;
  files: Semaphore;
  checksum: ChecksumMode;
  /** Whether parts of earlier visits are compared with the file. */
  verifyResumed: boolean;
}

// Making one takes the time of a read of the file, at about 100 MiB/s where the browser has no faster way.
const CHECKSUM_AT_BEGIN_MAX = 64 * 1024 * 1024;
const CHECKSUM_AT_COMPLETE_MAX = 256 * 1024 * 1024;
const MAX_RESTARTS = 5;
const PROGRESS_INTERVAL = 100;

/** One file on its way to the server. Made by `Uploader.add`. */
export class Upload<Result = unknown> {
  readonly id: string = crypto.getRandomValues(new Uint32Array(2)).join("-");
  readonly source: UploadSource;
  readonly #surface: UploadSurface<Result>;
  readonly #settings: UploadSettings;
  readonly #key: string;
  readonly #listeners = new Set<() => void>();
  readonly #meter = new RateMeter();
  /** Parts that this page sent or compared, by their ETag. */
  readonly #trusted = new Map<number, StoredPart>();
  #snapshot: UploadSnapshot<Result>;
  #controller = new AbortController();
  #running: Promise<Result> | undefined;
  #open: OpenUpload | undefined;
  #begun = 0;
  #digest: string | undefined;
  #lastReport = 0;

  constructor(source: UploadSource, surface: UploadSurface<Result>, settings: UploadSettings) {
    this.source = source;
    this.#surface = surface;
    this.#settings = settings;
    this.#key = hintKey(settings.client.baseUrl, surface.target, source);
    const progress = { sent: 0, total: source.blob.size, rate: 0, eta: undefined };
    this.#snapshot = { id: this.id, name: source.name, state: "queued", progress };
  }

  /** The state now. The same object until something changes. */
  get snapshot(): UploadSnapshot<Result> {
    return this.#snapshot;
  }

  /** Calls `listener` with each change. Returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Starts or continues. Resolves with the server's response once the upload is done; rejects with a
   * `TidegateError` if it fails, is paused or is aborted. Does nothing if it runs.
   */
  start(): Promise<Result> {
    const { state, result } = this.#snapshot;
    if (state === "done") return Promise.resolve(result as Result);
    if (state === "aborted") return Promise.reject(abortedError());
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Stops sending. Parts that are on their way are sent again after `resume`. */
  pause(): void {
    if (!this.#isActive()) return;
    this.#controller.abort("paused");
    this.#change({ state: "paused" });
  }

  /** Continues after a pause or a failure. */
  resume(): void {
    if (this.#snapshot.state !== "paused" && this.#snapshot.state !== "failed") return;
    const previous = this.#running;
    this.#change({ state: "queued", error: undefined });
    // The paused run still lets go of its lock.
    void Promise.resolve(previous)
      .catch(() => undefined)
      .then(async () => {
        if (this.#snapshot.state === "queued") await this.start();
      })
      .catch(() => undefined);
  }

  /** Stops for good and frees what the server reserved. Rejects if the server can't be told. */
  async abort(): Promise<void> {
    if (this.#snapshot.state === "done" || this.#snapshot.state === "aborted") return;
    this.#controller.abort("aborted");
    this.#change({ state: "aborted" });
    await this.#running?.catch(() => undefined);
    const handle = this.#open?.handle ?? this.#settings.hints.get(this.#key)?.handle;
    this.#settings.hints.delete(this.#key);
    if (handle !== undefined) await this.#surface.abort(handle);
  }

  #isActive(): boolean {
    return !["paused", "done", "failed", "aborted"].includes(this.#snapshot.state);
  }

  async #run(): Promise<Result> {
    this.#controller = new AbortController();
    const { signal } = this.#controller;
    this.#change({ state: "queued", error: undefined });
    try {
      this.#surface.validate?.(this.source);
      const result = await withUploadLock(
        this.#key,
        signal,
        () => this.#changeUnless(signal, { state: "waiting" }),
        () => this.#settings.files.run(signal, () => this.#uploadWithRestarts(signal)),
      );
      // Aborted while the server completed it: `abort` now removes what was published.
      if (signal.aborted) throw abortedError(signal.reason);
      this.#settings.hints.delete(this.#key);
      this.#change({ state: "done", result });
      return result;
    } catch (error) {
      const failure = signal.aborted ? abortedError(error) : asTidegateError(error);
      this.#changeUnless(signal, { state: "failed", error: failure });
      throw failure;
    }
  }

  async #uploadWithRestarts(signal: AbortSignal): Promise<Result> {
    for (let restarts = 0; ; restarts++) {
      try {
        return await this.#uploadOnce(signal);
      } catch (error) {
        const { kind } = asTidegateError(error);
        const resumed = kind === "invalid" && this.#open !== undefined && this.#forgetParts();
        const dropped = kind === "gone" && this.#open !== undefined;
        if (signal.aborted || restarts >= MAX_RESTARTS || !(dropped || resumed)) throw error;
        if (dropped) await this.#replace();
      }
    }
  }

  async #uploadOnce(signal: AbortSignal): Promise<Result> {
    const retries = new RetryLoop(this.#settings.retry, this.#settings.giveUpAfter, signal);
    const found = await retries.run(() => this.#find(signal));
    if (found !== undefined && "result" in found) return found.result;
    const sha256 = this.#checksum(found === undefined, signal);
    // An early failure is reported when it is awaited.
    sha256.catch(() => undefined);
    const open = found ?? (await retries.run(() => this.#begin(sha256, signal)));
    this.#open = open;
    this.#changeUnless(signal, { state: "uploading" });
    const sender = this.#sender(open, retries, signal);
    const parts = await sender.send(...this.#sortParts(found));
    this.#changeUnless(signal, { state: "completing" });
    const late = this.#surface.checksum === "complete" ? await sha256 : undefined;
    return retries.run(() => this.#surface.complete(open.handle, parts, late, signal));
  }

  async #find(signal: AbortSignal): Promise<FoundUpload<Result> | undefined> {
    const hint = this.#settings.hints.get(this.#key);
    const handle = this.#open?.handle ?? hint?.handle;
    if (handle === undefined) return undefined;
    const found = await this.#surface.find(handle, this.source, signal);
    if (found === undefined) {
      this.#forget();
      return undefined;
    }
    if ("result" in found) return found;
    if (found.size !== undefined && found.size !== this.source.blob.size) {
      this.#forget();
      return undefined;
    }
    const partSize =
      found.parts === undefined ? (hint?.partSize ?? found.partSize) : found.partSize;
    return { ...found, partSize, parts: found.parts ?? this.#hintedParts(partSize, hint) };
  }

  /** Parts that the server can't list. Its check of the checksum at completion covers them. */
  #hintedParts(partSize: number, hint: UploadHint | undefined): StoredPart[] {
    const { size } = this.source.blob;
    const numbers = parseRanges(hint?.parts ?? "", Math.max(1, Math.ceil(size / partSize)));
    return numbers.map((partNumber) => ({
      partNumber,
      size: Math.min(partSize, size - (partNumber - 1) * partSize),
      etag: "",
    }));
  }

  /** Splits the server's parts into those that are known to be the file's, and those that may not be. */
  #sortParts(found: FoundOpenUpload | undefined): [StoredPart[], StoredPart[]] {
    const held: StoredPart[] = [];
    const doubtful: StoredPart[] = [];
    const size = this.source.blob.size;
    for (const part of found?.parts ?? []) {
      const partSize = found?.partSize ?? 0;
      const start = (part.partNumber - 1) * partSize;
      // A part of another length is sent again.
      if (start >= size || part.size !== Math.min(partSize, size - start)) continue;
      const trusted = this.#trusted.get(part.partNumber);
      const known = part.etag === "" || (trusted !== undefined && trusted.etag === part.etag);
      const compare = this.#settings.verifyResumed && this.#surface.partEtagsAreMd5;
      (known || !compare ? held : doubtful).push(part);
    }
    return [held, doubtful];
  }

  async #checksum(fresh: boolean, signal: AbortSignal): Promise<string | undefined> {
    const { checksum } = this.#surface;
    const { blob } = this.source;
    const max = checksum === "begin" ? CHECKSUM_AT_BEGIN_MAX : CHECKSUM_AT_COMPLETE_MAX;
    // Parts of an earlier visit that the server can't list are covered by nothing else.
    const needed = checksum === "complete" && !fresh;
    const wanted = needed || this.#settings.checksum === "always" || blob.size <= max;
    if (checksum === "never" || this.#settings.checksum === "never" || !wanted) return undefined;
    if (checksum === "begin" && !fresh) return undefined;
    if (checksum === "begin") this.#changeUnless(signal, { state: "hashing" });
    this.#digest ??= await this.#settings.hasher.digest(blob, "sha256", signal);
    return this.#digest;
  }

  async #begin(sha256: Promise<string | undefined>, signal: AbortSignal): Promise<OpenUpload> {
    const early = this.#surface.checksum === "begin" ? await sha256 : undefined;
    const open = await this.#surface.begin(this.source, early, signal);
    this.#begun = Date.now();
    this.#trusted.clear();
    this.#remember(open);
    return open;
  }

  #sender(open: OpenUpload, retries: RetryLoop, signal: AbortSignal): PartSender {
    return new PartSender(this.#settings, this.#surface, this.source, open, retries, signal, {
      stored: (part) => {
        this.#trusted.set(part.partNumber, part);
        if (part.etag === "" && open.partSize < this.source.blob.size) this.#remember(open);
      },
      progress: (sent) => this.#progress(sent, signal),
    });
  }

  #remember(open: OpenUpload): void {
    const { name, lastModified, blob } = this.source;
    this.#settings.hints.set(this.#key, {
      handle: open.handle,
      name,
      size: blob.size,
      lastModified,
      target: this.#surface.target,
      begun: this.#begun || Date.now(),
      parts: formatRanges(this.#trusted.keys()),
      partSize: open.partSize,
    });
  }

  /** Gives an upload up that can't go on, so that it reserves nothing, and lets the next one begin. */
  async #replace(): Promise<void> {
    const handle = this.#open?.handle;
    this.#forget();
    if (handle !== undefined) await this.#surface.abort(handle);
  }

  #forget(): void {
    this.#open = undefined;
    this.#trusted.clear();
    this.#settings.hints.delete(this.#key);
  }

  /** Returns whether there was any part of an earlier visit to forget. */
  #forgetParts(): boolean {
    const hint = this.#settings.hints.get(this.#key);
    const any = (hint?.parts ?? "") !== "" && this.#surface.checksum === "complete";
    this.#trusted.clear();
    if (hint !== undefined) this.#settings.hints.set(this.#key, { ...hint, parts: "" });
    return any;
  }

  #progress(sent: number, signal: AbortSignal): void {
    const now = Date.now();
    this.#meter.note(sent, now);
    const total = this.source.blob.size;
    if (now - this.#lastReport < PROGRESS_INTERVAL && sent < total) return;
    this.#lastReport = now;
    const rate = this.#meter.rate(now);
    const eta = rate > 0 ? (total - sent) / rate : undefined;
    this.#changeUnless(signal, { progress: { sent, total, rate, eta } });
  }

  /** A run that was paused or aborted says no more. */
  #changeUnless(signal: AbortSignal, change: Partial<UploadSnapshot<Result>>): void {
    if (!signal.aborted) this.#change(change);
  }

  #change(change: Partial<UploadSnapshot<Result>>): void {
    this.#snapshot = { ...this.#snapshot, ...change };
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Returns the error of a file that the surface does not accept. */
export function typeError(type: string, accepted: readonly string[]): TidegateError {
  const what = type === "" ? "a file of unknown type" : type;
  return new TidegateError(
    "type",
    "TYPE_NOT_ACCEPTED",
    `${what} is not accepted; accepted are ${accepted.join(", ")}`,
  );
}
