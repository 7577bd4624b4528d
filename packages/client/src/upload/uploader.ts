import type { TidegateClient } from "../client.js";
import { DEFAULT_RETRY, type RetryOptions } from "../retry.js";
import { Semaphore } from "../semaphore.js";
import { Hasher } from "./hasher.js";
import { browserHints, type HintStore, type UploadHint } from "./hints.js";
import type { UploadSource, UploadSurface } from "./surface.js";
import { type PutBytes, putBytes } from "./transport.js";
import { type ChecksumMode, Upload, type UploadSettings } from "./upload.js";

/** Settings of an uploader. All have defaults. */
export interface UploaderOptions {
  /** Files at a time; 3 by default. */
  parallelFiles?: number;
  /** Parts of one file at a time, and of all files together; 4 by default. Browsers open 6 connections. */
  parallelParts?: number;
  /** Part URLs signed by one request, up to 1,000; 50 by default. */
  signBatch?: number;
  /** Checksums of whole files. `auto`: up to 64 MiB where it is announced, 256 MiB where it is sent at the end. */
  checksum?: ChecksumMode;
  /** Whether stored parts are compared with the file after a reload; true by default. */
  verifyResumed?: boolean;
  /** Milliseconds without progress after which an upload fails; 15 minutes by default. */
  giveUpAfter?: number;
  /** Milliseconds after which a connection that moves no bytes is given up; 60 seconds by default. */
  stallTimeout?: number;
  /** Delays between attempts. `retries` is not used: `giveUpAfter` ends them. */
  retry?: Partial<RetryOptions>;
  hints?: HintStore;
  /** Makes the worker that hashes, for pages that need a way of their own. */
  createWorker?: () => Worker;
  put?: PutBytes;
}

const DEFAULT_GIVE_UP = 15 * 60 * 1000;
const DEFAULT_STALL = 60 * 1000;

/** Uploads files, some at a time. */
export class Uploader {
  readonly #settings: UploadSettings;
  readonly #listeners = new Set<() => void>();
  #uploads: readonly Upload[] = [];

  constructor(client: TidegateClient, options: UploaderOptions = {}) {
    const parallelParts = options.parallelParts ?? 4;
    this.#settings = {
      client,
      hasher: new Hasher(options.createWorker),
      connections: new Semaphore(parallelParts),
      files: new Semaphore(options.parallelFiles ?? 3),
      put: options.put ?? putBytes,
      parallelParts,
      signBatch: Math.min(options.signBatch ?? 50, 1000),
      retry: { ...DEFAULT_RETRY, ...options.retry },
      giveUpAfter: options.giveUpAfter ?? DEFAULT_GIVE_UP,
      stallTimeout: options.stallTimeout ?? DEFAULT_STALL,
      hints: options.hints ?? browserHints(),
      checksum: options.checksum ?? "auto",
      verifyResumed: options.verifyResumed ?? true,
    };
  }

  /** All uploads that were added and not removed, in their order. The same array until that changes. */
  get uploads(): readonly Upload[] {
    return this.#uploads;
  }

  /** Uploads that earlier visits left unfinished. Add the same file again to continue one. */
  interrupted(): UploadHint[] {
    return this.#settings.hints.list();
  }

  /**
   * Adds a file and starts its upload once it is its turn. An unfinished upload of the same file to the
   * same place is continued, also one of an earlier visit.
   */
  add<Result>(file: File | UploadSource, surface: UploadSurface<Result>): Upload<Result> {
    const upload = new Upload<Result>(sourceOf(file), surface, this.#settings);
    this.#uploads = [...this.#uploads, upload];
    this.#notify();
    // The snapshot says how it ends; whoever wants a promise calls `start` as well.
    upload.start().catch(() => undefined);
    return upload;
  }

  /** Takes an upload off the list, and aborts it if it is not done. */
  async remove(upload: Upload): Promise<void> {
    this.#uploads = this.#uploads.filter((other) => other !== upload);
    this.#notify();
    await upload.abort();
  }

  /** Calls `listener` when uploads are added or removed. Returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Pauses all uploads and ends the worker. The server keeps what it holds. */
  close(): void {
    for (const upload of this.#uploads) upload.pause();
    this.#settings.hasher.close();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function sourceOf(file: File | UploadSource): UploadSource {
  if (!(file instanceof Blob)) return file;
  return { blob: file, name: file.name, type: file.type, lastModified: file.lastModified };
}
