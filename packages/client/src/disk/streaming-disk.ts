import type { TidegateClient } from "../client.js";
import { asTidegateError } from "../error.js";
import { DEFAULT_RETRY, type RetryOptions } from "../retry.js";
import type { Block } from "./block-cache.js";
import { BlockLoader } from "./block-loader.js";
import { diskGrants, GrantKeeper, type LoadGrant } from "./grant.js";
import { type RangeSource, readRange } from "./range.js";

/** Settings of a `StreamingDisk`. All have defaults. Sizes are bytes. */
export interface StreamingDiskOptions {
  /** Bytes that are read at least, aligned; 256 KiB by default. */
  blockSize?: number;
  /** Bytes of blocks that are kept; 64 MiB by default. */
  cacheBytes?: number;
  /** Most bytes that are read ahead of sequential reads; 8 MiB by default, at most half of the cache. */
  readAhead?: number;
  /** Most bytes of one request; 8 MiB by default. */
  maxRequest?: number;
  /** Requests at a time; 4 by default. */
  parallel?: number;
  retry?: Partial<RetryOptions>;
  /** Replaces `globalThis.fetch` for reads of bytes. */
  fetch?: (request: Request) => Promise<Response>;
}

/** How a read can be stopped. */
export interface ReadOptions {
  signal?: AbortSignal;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const FIRST_READ_AHEAD = 512 * KIB;

/** Opens a disk image of the signed-in user. */
export function openDisk(
  client: TidegateClient,
  imageId: string,
  options: StreamingDiskOptions = {},
): Promise<StreamingDisk> {
  return StreamingDisk.open(client, diskGrants(client, imageId), options);
}

/**
 * Random and sequential reads of one stored object by `Range` requests. All bytes are of the same version
 * of the object: a changed one is an error of the kind `changed`.
 */
export class StreamingDisk {
  /** Bytes of the object. */
  readonly size: number;
  /** Its strong ETag, with quotes. */
  readonly etag: string;
  readonly #source: RangeSource;
  readonly #blocks: BlockLoader;
  readonly #blockSize: number;
  readonly #maxReadAhead: number;
  readonly #closed = new AbortController();
  #readAhead = 0;
  #nextOffset = 0;
  /** Where what was read ahead ends. */
  #aheadEnd = 0;

  /** Gets the first grant, and with it the size. */
  static async open(
    client: TidegateClient,
    load: LoadGrant,
    options: StreamingDiskOptions = {},
  ): Promise<StreamingDisk> {
    const grants = new GrantKeeper(load, client.clock);
    const { size, etag } = await grants.get();
    const source = {
      client,
      grants,
      retry: { ...DEFAULT_RETRY, ...options.retry },
      fetch: options.fetch ?? ((request: Request) => globalThis.fetch(request)),
    };
    return new StreamingDisk(source, size, etag, options);
  }

  private constructor(
    source: RangeSource,
    size: number,
    etag: string,
    options: StreamingDiskOptions,
  ) {
    this.size = size;
    this.etag = etag;
    this.#source = source;
    this.#blockSize = options.blockSize ?? 256 * KIB;
    const cache = options.cacheBytes ?? 64 * MIB;
    this.#maxReadAhead = Math.min(options.readAhead ?? 8 * MIB, cache / 2);
    const maxRun = options.maxRequest ?? 8 * MIB;
    this.#blocks = new BlockLoader(
      (start, end, signal) => readRange(source, start, end, signal),
      { object: size, block: this.#blockSize, maxRun, cache },
      options.parallel ?? 4,
    );
  }

  /**
   * Returns the bytes from `offset` on: `length` of them, or fewer at the end of the object.
   * Throws a `RangeError` for anything but whole numbers from 0.
   */
  async read(offset: number, length: number, options: ReadOptions = {}): Promise<Uint8Array> {
    checkPosition(offset);
    checkPosition(length);
    this.#closed.signal.throwIfAborted();
    const end = Math.min(offset + length, this.size);
    if (offset >= end) return new Uint8Array(0);
    const first = Math.floor(offset / this.#blockSize);
    const last = Math.floor((end - 1) / this.#blockSize);
    try {
      const loading = this.#blocks.get(first, last, options.signal);
      this.#plan(offset, end);
      return this.#join(await loading, first, offset, end);
    } catch (error) {
      throw asTidegateError(error);
    }
  }

  /** Returns the bytes from `offset` on as a stream, by one request as long as nothing breaks. */
  stream(
    offset = 0,
    length = this.size - offset,
    options: ReadOptions = {},
  ): ReadableStream<Uint8Array> {
    checkPosition(offset);
    checkPosition(length);
    const end = Math.min(offset + length, this.size);
    const signals = [
      this.#closed.signal,
      ...(options.signal === undefined ? [] : [options.signal]),
    ];
    const pieces = readRange(this.#source, offset, end, AbortSignal.any(signals));
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await pieces.next().catch((error: unknown) => {
            throw asTidegateError(error);
          });
          if (done) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          await pieces.return(undefined);
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Stops all reads and frees the cache. */
  close(): void {
    this.#closed.abort();
    this.#source.grants.close();
    this.#blocks.close();
  }

  /** Reads ahead of sequential reads, further with each one; another position ends that. */
  #plan(offset: number, end: number): void {
    const sequential = offset === this.#nextOffset;
    this.#nextOffset = end;
    if (!sequential) {
      this.#readAhead = 0;
      this.#aheadEnd = end;
      this.#blocks.cancelUnwanted();
      return;
    }
    this.#readAhead = Math.min(Math.max(this.#readAhead * 2, FIRST_READ_AHEAD), this.#maxReadAhead);
    this.#aheadEnd = Math.max(this.#aheadEnd, end);
    // Asking in halves keeps requests large when reads are small.
    if (this.#aheadEnd >= this.size || this.#aheadEnd - end > this.#readAhead / 2) return;
    const aheadEnd = Math.min(end + this.#readAhead, this.size);
    if (aheadEnd <= this.#aheadEnd) return;
    const first = Math.floor(this.#aheadEnd / this.#blockSize);
    const last = Math.floor((aheadEnd - 1) / this.#blockSize);
    this.#aheadEnd = (last + 1) * this.#blockSize;
    // Reads that went on this long have earned a request of their own to the end.
    if (this.#readAhead < this.#maxReadAhead) this.#blocks.prefetch(first, last);
    else this.#blocks.follow(first, last);
  }

  #join(blocks: Block[], first: number, offset: number, end: number): Uint8Array {
    const bytes = new Uint8Array(end - offset);
    let start = first * this.#blockSize;
    for (const piece of blocks.flat()) {
      const from = Math.max(offset - start, 0);
      const to = Math.min(end - start, piece.length);
      if (from < to) bytes.set(piece.subarray(from, to), start + from - offset);
      start += piece.length;
    }
    return bytes;
  }
}

function checkPosition(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${value} is not a whole number from 0`);
  }
}
