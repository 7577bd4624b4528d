import type { TidegateClient } from "../client.js";
import { asTidegateError, type TidegateError } from "../error.js";
import type { RetryOptions } from "../retry.js";
import type { Semaphore } from "../semaphore.js";
import type { Hasher } from "./hasher.js";
import { PartUrls } from "./part-urls.js";
import type { RetryLoop } from "./retry-loop.js";
import type { OpenUpload, PartTarget, StoredPart, UploadSource, UploadSurface } from "./surface.js";
import type { PutBytes } from "./transport.js";

/** What all uploads of an uploader share. */
export interface UploadContext {
  client: TidegateClient;
  hasher: Hasher;
  /** Limits PUTs of all uploads together. */
  connections: Semaphore;
  put: PutBytes;
  parallelParts: number;
  /** Part URLs that are signed by one request. */
  signBatch: number;
  retry: RetryOptions;
  /** Milliseconds without progress after which an upload fails; it can be resumed. */
  giveUpAfter: number;
  stallTimeout: number;
}

/** Reports of a `PartSender`. */
export interface SendingEvents {
  /** The server holds this part. */
  stored(part: StoredPart): void;
  /** Bytes are held or on their way. */
  progress(sent: number): void;
}

const MAX_URL_RENEWALS = 3;

/** What became of one PUT, and the headers that it had. */
interface PutOutcome {
  part?: StoredPart;
  error?: TidegateError;
  headers: Record<string, string>;
}

/** Sends the parts of one open upload, several at a time. */
export class PartSender {
  readonly #context: UploadContext;
  readonly #source: UploadSource;
  readonly #open: OpenUpload;
  readonly #retries: RetryLoop;
  /** Stops the other parts once one has failed for good. */
  readonly #failure = new AbortController();
  readonly #signal: AbortSignal;
  readonly #events: SendingEvents;
  readonly #stored = new Map<number, StoredPart>();
  readonly #moving = new Map<number, number>();
  readonly #urls: PartUrls;
  readonly #pending = new Set<number>();

  constructor(
    context: UploadContext,
    surface: UploadSurface<unknown>,
    source: UploadSource,
    open: OpenUpload,
    retries: RetryLoop,
    signal: AbortSignal,
    events: SendingEvents,
  ) {
    this.#context = context;
    this.#source = source;
    this.#open = open;
    this.#retries = retries;
    this.#signal = AbortSignal.any([signal, this.#failure.signal]);
    this.#events = events;
    this.#urls = new PartUrls(
      (numbers) => retries.run(() => surface.sign(open.handle, numbers, this.#signal)),
      context.signBatch,
      open.targets,
    );
  }

  /**
   * Sends what the server lacks and returns all parts. `held` are parts of the server that match the file;
   * `doubtful` ones are compared with the file first.
   */
  async send(held: StoredPart[], doubtful: StoredPart[]): Promise<StoredPart[]> {
    for (const part of [...held, ...doubtful]) this.#stored.set(part.partNumber, part);
    for (let number = 1; number <= this.partCount; number++) {
      if (!this.#stored.has(number)) this.#pending.add(number);
    }
    this.#report();
    const lanes = Array.from({ length: this.#context.parallelParts }, () => this.#sendPending());
    await this.#all([this.#verify(doubtful), ...lanes]);
    return [...this.#stored.values()].sort((a, b) => a.partNumber - b.partNumber);
  }

  /** Waits for all lanes. The first that fails stops the others, so that nothing is sent after it. */
  async #all(lanes: Promise<void>[]): Promise<void> {
    const failures: unknown[] = [];
    const stop = (error: unknown) => {
      failures.push(error);
      this.#failure.abort();
    };
    await Promise.all(lanes.map((lane) => lane.catch(stop)));
    if (failures.length > 0) throw failures[0];
  }

  /** An empty file has one part without bytes. */
  get partCount(): number {
    return Math.max(1, Math.ceil(this.#source.blob.size / this.#open.partSize));
  }

  async #sendPending(): Promise<void> {
    for (;;) {
      const [number] = this.#pending;
      if (number === undefined) return;
      this.#pending.delete(number);
      await this.#sendPart(number);
    }
  }

  /** Compares parts that an earlier visit sent with the file, and sends those again that differ. */
  async #verify(parts: StoredPart[]): Promise<void> {
    for (const part of parts) {
      const digest = await this.#context.hasher.digest(
        this.#slice(part.partNumber),
        "md5",
        this.#signal,
      );
      if (digest === part.etag.replaceAll('"', "").toLowerCase()) {
        this.#events.stored(part);
      } else {
        this.#stored.delete(part.partNumber);
        await this.#sendPart(part.partNumber);
      }
    }
  }

  #slice(partNumber: number): Blob {
    const start = (partNumber - 1) * this.#open.partSize;
    return this.#source.blob.slice(start, start + this.#open.partSize);
  }

  async #sendPart(number: number): Promise<void> {
    let renewals = 0;
    let refused: Record<string, string> | undefined;
    for (let attempt = 0; ; attempt++) {
      const { part, error, headers } = await this.#putPart(number, refused);
      this.#moving.delete(number);
      if (part !== undefined) this.#keep(part);
      this.#report();
      if (error === undefined) return;
      if (error.status === 401 && refused === undefined) {
        refused = headers;
      } else if (error.status === 403 && renewals++ < MAX_URL_RENEWALS) {
        // Expired, by the store's clock. Those that were signed with it are as old.
        this.#urls.clear();
      } else {
        await this.#retries.wait(error, attempt);
      }
    }
  }

  #keep(part: StoredPart): void {
    this.#retries.progressed();
    this.#stored.set(part.partNumber, part);
    this.#events.stored(part);
  }

  /** Sends a part. Rejects if signing is refused. */
  async #putPart(number: number, refused?: Record<string, string>): Promise<PutOutcome> {
    const { connections, put, stallTimeout } = this.#context;
    return connections.run(this.#signal, async () => {
      const target = await this.#urls.take(number, this.#pending);
      const body = this.#slice(number);
      const headers = await this.#headers(target, refused);
      try {
        const etag = await put({
          url: target.url,
          headers,
          body,
          signal: this.#signal,
          credentials: target.signIn === true && this.#context.client.credentials === "include",
          stallTimeout,
          onProgress: (bytes) => this.#moved(number, Math.min(bytes, body.size)),
        });
        return { part: { partNumber: number, size: body.size, etag }, headers };
      } catch (caught) {
        const error = asTidegateError(caught);
        // A single PUT of a file is accepted once; this one's response was lost.
        const held = error.status === 412 && this.partCount === 1;
        return held
          ? { part: { partNumber: number, size: body.size, etag: "" }, headers }
          : { error, headers };
      }
    });
  }

  async #headers(
    target: PartTarget,
    refused?: Record<string, string>,
  ): Promise<Record<string, string>> {
    if (target.signIn !== true) return target.headers ?? {};
    return { ...target.headers, ...(await this.#context.client.authHeaders(refused)) };
  }

  #moved(number: number, bytes: number): void {
    if (bytes > (this.#moving.get(number) ?? 0)) this.#retries.progressed();
    this.#moving.set(number, bytes);
    this.#report();
  }

  #report(): void {
    let sent = 0;
    for (const part of this.#stored.values()) sent += part.size;
    for (const bytes of this.#moving.values()) sent += bytes;
    this.#events.progress(sent);
  }
}
