import type { TidegateClient } from "../client.js";
import { asTidegateError, TidegateError } from "../error.js";
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
    let refresh = false;
    for (let attempt = 0; ; attempt++) {
      const sent = await this.#putPart(number, refresh);
      this.#moving.delete(number);
      if (!(sent instanceof TidegateError)) {
        this.#retries.progressed();
        this.#stored.set(number, sent);
        this.#events.stored(sent);
        this.#report();
        return;
      }
      this.#report();
      if (sent.status === 401 && !refresh) {
        refresh = true;
      } else if (sent.status === 403 && renewals++ < MAX_URL_RENEWALS) {
        // Expired, by the store's clock. Those that were signed with it are as old.
        this.#urls.clear();
      } else {
        await this.#retries.wait(sent, attempt);
      }
    }
  }

  /** Returns the stored part, or why it is not. Rejects if signing is refused. */
  async #putPart(number: number, refresh: boolean): Promise<StoredPart | TidegateError> {
    const { connections, put, stallTimeout } = this.#context;
    return connections.run(this.#signal, async () => {
      const target = await this.#urls.take(number, this.#pending);
      const body = this.#slice(number);
      try {
        const etag = await put({
          url: target.url,
          headers: await this.#headers(target, refresh),
          body,
          signal: this.#signal,
          credentials: target.signIn === true && this.#context.client.credentials === "include",
          stallTimeout,
          onProgress: (bytes) => this.#moved(number, Math.min(bytes, body.size)),
        });
        return { partNumber: number, size: body.size, etag };
      } catch (error) {
        const refusal = asTidegateError(error);
        // A single PUT of a file is accepted once; this one's response was lost.
        const held = refusal.status === 412 && this.partCount === 1;
        return held ? { partNumber: number, size: body.size, etag: "" } : refusal;
      }
    });
  }

  async #headers(target: PartTarget, refresh: boolean): Promise<Record<string, string>> {
    if (target.signIn !== true) return target.headers ?? {};
    return { ...target.headers, ...(await this.#context.client.authHeaders(refresh)) };
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
