import { renewalDelay, ServerClock } from "../clock.js";
import { asTidegateError, type TidegateError } from "../error.js";
import { DEFAULT_RETRY, isTransient, type RetryOptions, retryDelay } from "../retry.js";
import { Channel } from "./channel.js";

/** What one request for URLs brought. */
export interface LoadedUrls<Value> {
  /** By id. Ids that are absent are gone. */
  values: Map<string, Value>;
  /** Milliseconds since the epoch, by the server's clock; undefined if nothing ends. */
  expiresAt?: number | undefined;
  /** Milliseconds since the epoch from which asking again gives URLs that end later. */
  refreshAfter?: number | undefined;
}

/** Settings of a `UrlKeeper`. */
export interface UrlKeeperOptions<Value> {
  /** Gets URLs of all these ids by one request. */
  load(ids: string[]): Promise<LoadedUrls<Value>>;
  /** Ids of one request; 1,000 by default. */
  maxBatch?: number;
  /** Name under which tabs of this origin share URLs. Without one they don't. */
  channel?: string;
  clock?: ServerClock;
  retry?: Partial<RetryOptions>;
}

/** What is known of one id. A new object with each change. */
export interface KeptUrl<Value> {
  /** `broken`: fresh URLs were tried and nothing loads; `gone`: there is no such thing any more. */
  readonly status: "loading" | "ready" | "broken" | "gone";
  readonly value?: Value | undefined;
  /**
   * Counts renewals after a failed load. The fresh URL may be the same as before, so a page that shows it
   * must try anew with each count: in React, as the `key` of the `<img>`.
   */
  readonly attempt: number;
  /** Why the last request for URLs failed. An older value may still work. */
  readonly error?: TidegateError | undefined;
}

interface Entry<Value> {
  kept: KeptUrl<Value>;
  readonly listeners: Set<() => void>;
  /** By this computer's clock. */
  dueAt: number;
  /** Whether a load with the present value failed already after a renewal. */
  renewedForFailure: boolean;
}

const LOADING = Object.freeze({ status: "loading", attempt: 0 });
// Refusals are asked again after this, so that a role that was given back works.
const REFUSED_DELAY = 60_000;

/**
 * Keeps signed URLs fresh while somebody shows them: before they end, when a page comes back into view,
 * and after the first failed load. Ids that are due at the same time share one request.
 */
export class UrlKeeper<Value> {
  readonly #options: UrlKeeperOptions<Value>;
  readonly #clock: ServerClock;
  readonly #retry: RetryOptions;
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #wanted = new Set<string>();
  readonly #channel: Channel<LoadedUrls<Value>>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #batching = false;
  #failures = 0;

  constructor(options: UrlKeeperOptions<Value>) {
    this.#options = options;
    this.#clock = options.clock ?? new ServerClock();
    this.#retry = { ...DEFAULT_RETRY, ...options.retry };
    this.#channel = new Channel(options.channel, (loaded) => this.#accept(loaded));
    globalThis.addEventListener?.("focus", this.#onReturn);
    globalThis.document?.addEventListener("visibilitychange", this.#onReturn);
  }

  /** Returns what is known of an id. The same object until it changes. */
  get(id: string): KeptUrl<Value> {
    return this.#entries.get(id)?.kept ?? LOADING;
  }

  /**
   * Keeps an id fresh until the returned function is called, and calls `listener` with each change. An id
   * that is not known yet is asked for.
   */
  watch(id: string, listener: () => void): () => void {
    const entry = this.#entry(id);
    entry.listeners.add(listener);
    if (entry.kept.value === undefined || entry.dueAt <= Date.now()) this.#want(id);
    this.#schedule();
    return () => {
      entry.listeners.delete(listener);
      this.#schedule();
    };
  }

  /** Adds what a list brought, so that nothing is asked twice. */
  put(loaded: LoadedUrls<Value>): void {
    this.#accept(loaded);
    this.#channel.send(loaded);
  }

  /**
   * Says that what `value` leads to did not load. The first time this asks for a fresh URL; if that does
   * not load either, the id is `broken`.
   */
  failed(id: string, value: Value): void {
    const entry = this.#entries.get(id);
    // A picture of a value that was replaced meanwhile says nothing of the present one.
    if (entry === undefined || entry.kept.value !== value) return;
    if (entry.renewedForFailure) {
      this.#change(entry, { ...entry.kept, status: "broken" });
      return;
    }
    this.#renewForFailure(id, entry);
  }

  /** Says that what an id leads to was loaded: the next failure counts as the first again. */
  loaded(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.renewedForFailure = false;
  }

  /** Tries a broken id again. */
  retry(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) this.#renewForFailure(id, entry);
  }

  /** Stops all timers and listeners. */
  close(): void {
    clearTimeout(this.#timer);
    this.#entries.clear();
    this.#channel.close();
    globalThis.removeEventListener?.("focus", this.#onReturn);
    globalThis.document?.removeEventListener("visibilitychange", this.#onReturn);
  }

  /** Timers of pages in the background are late or stand still. */
  readonly #onReturn = () => {
    if (globalThis.document?.visibilityState !== "hidden") this.#renewDue();
  };

  #renewForFailure(id: string, entry: Entry<Value>): void {
    entry.renewedForFailure = true;
    entry.kept = { ...entry.kept, attempt: entry.kept.attempt + 1 };
    this.#want(id);
  }

  #entry(id: string): Entry<Value> {
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      entry = { kept: LOADING, listeners: new Set(), dueAt: 0, renewedForFailure: false };
      this.#entries.set(id, entry);
    }
    return entry;
  }

  #want(id: string): void {
    this.#wanted.add(id);
    if (this.#batching) return;
    this.#batching = true;
    // What one render of a page asks for comes within one task.
    setTimeout(() => void this.#loadWanted(), 0);
  }

  async #loadWanted(): Promise<void> {
    try {
      while (this.#wanted.size > 0) {
        const ids = [...this.#wanted].slice(0, this.#options.maxBatch ?? 1000);
        for (const id of ids) this.#wanted.delete(id);
        await this.#channel.exclusive(() => this.#loadBatch(ids));
      }
    } finally {
      this.#batching = false;
      this.#schedule();
    }
  }

  async #loadBatch(ids: string[]): Promise<void> {
    // Another tab may have brought them while this one waited for its turn.
    const needed = ids.filter((id) => this.#stillNeeded(id));
    if (needed.length === 0) return;
    try {
      const loaded = await this.#options.load(needed);
      this.#failures = 0;
      this.#accept(loaded);
      for (const id of needed) {
        if (!loaded.values.has(id)) this.#change(this.#entry(id), { status: "gone", attempt: 0 });
      }
      this.#channel.send(loaded);
    } catch (error) {
      this.#postpone(needed, asTidegateError(error));
    }
  }

  #stillNeeded(id: string): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    return entry.kept.value === undefined || entry.renewedForFailure || entry.dueAt <= Date.now();
  }

  #postpone(ids: string[], error: TidegateError): void {
    const delay = isTransient(error)
      ? retryDelay(this.#retry, this.#failures++, error.retryAfter)
      : REFUSED_DELAY;
    for (const id of ids) {
      const entry = this.#entry(id);
      entry.dueAt = Date.now() + delay;
      this.#change(entry, { ...entry.kept, error });
    }
  }

  #accept({ values, refreshAfter, expiresAt }: LoadedUrls<Value>): void {
    const ends = refreshAfter !== undefined && expiresAt !== undefined;
    const dueAt = ends
      ? Date.now() + renewalDelay(this.#clock, refreshAfter, expiresAt)
      : Number.POSITIVE_INFINITY;
    for (const [id, value] of values) {
      const entry = this.#entry(id);
      entry.dueAt = dueAt;
      this.#change(entry, { status: "ready", value, attempt: entry.kept.attempt });
    }
    this.#schedule();
  }

  #change(entry: Entry<Value>, kept: KeptUrl<Value>): void {
    entry.kept = kept;
    for (const listener of [...entry.listeners]) listener();
  }

  #renewDue(): void {
    const now = Date.now();
    for (const [id, entry] of this.#entries) {
      if (entry.listeners.size > 0 && entry.kept.status !== "gone" && entry.dueAt <= now) {
        this.#want(id);
      }
    }
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#batching) return;
    let dueAt = Number.POSITIVE_INFINITY;
    for (const { listeners, dueAt: at, kept } of this.#entries.values()) {
      if (listeners.size > 0 && kept.status !== "gone") dueAt = Math.min(dueAt, at);
    }
    if (dueAt === Number.POSITIVE_INFINITY) return;
    const delay = Math.min(Math.max(dueAt - Date.now(), 0), MAX_TIMER);
    this.#timer = setTimeout(() => this.#renewDue(), delay);
  }
}

// Longer delays overflow and fire at once.
const MAX_TIMER = 2 ** 31 - 1;
