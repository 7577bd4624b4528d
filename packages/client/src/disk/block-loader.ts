import { Semaphore } from "../semaphore.js";
import { BlockCache } from "./block-cache.js";

/** Reads the bytes from `start` to before `end` in pieces. */
export type ReadPieces = (
  start: number,
  end: number,
  signal: AbortSignal,
) => AsyncGenerator<Uint8Array>;

/** Neighbouring blocks that one request reads. */
class Run {
  readonly controller = new AbortController();
  readonly blocks = new Map<number, PromiseWithResolvers<Uint8Array>>();
  /** Reads that wait for a block of this run. */
  waiters = 0;
}

/** A block that is there or on its way. */
interface Wanted {
  block: Uint8Array | Promise<Uint8Array>;
  run?: Run;
}

/** Loads aligned blocks, each once however many reads want it, and caches them. */
export class BlockLoader {
  readonly #read: ReadPieces;
  readonly #blockSize: number;
  readonly #size: number;
  readonly #maxRun: number;
  readonly #cache: BlockCache;
  readonly #requests: Semaphore;
  readonly #loading = new Map<number, Run>();

  /** All sizes are bytes. */
  constructor(
    read: ReadPieces,
    sizes: { object: number; block: number; maxRun: number; cache: number },
    parallel: number,
  ) {
    this.#read = read;
    this.#blockSize = sizes.block;
    this.#size = sizes.object;
    this.#maxRun = Math.max(1, Math.floor(sizes.maxRun / sizes.block));
    this.#cache = new BlockCache(sizes.cache);
    this.#requests = new Semaphore(parallel);
  }

  /** Returns the blocks from `first` to `last`, both included. */
  async get(first: number, last: number, signal?: AbortSignal | undefined): Promise<Uint8Array[]> {
    signal?.throwIfAborted();
    const wanted = this.#want(first, last);
    const runs = new Set(wanted.flatMap(({ run }) => run ?? []));
    for (const run of runs) run.waiters++;
    try {
      return await abortable(Promise.all(wanted.map(({ block }) => block)), signal);
    } finally {
      for (const run of runs) {
        run.waiters--;
        if (signal?.aborted && run.waiters === 0) this.#cancel(run);
      }
    }
  }

  /** Starts to load blocks that will be wanted. */
  prefetch(first: number, last: number): void {
    this.#want(first, last);
  }

  /** Stops what nobody waits for. */
  cancelUnwanted(): void {
    for (const run of new Set(this.#loading.values())) {
      if (run.waiters === 0) this.#cancel(run);
    }
  }

  /** Stops everything and drops the cache. */
  close(): void {
    for (const run of new Set(this.#loading.values())) this.#cancel(run);
    this.#cache.clear();
  }

  #want(first: number, last: number): Wanted[] {
    const wanted: Wanted[] = [];
    let missing: number[] = [];
    const flush = () => {
      if (missing.length > 0) this.#start(missing);
      missing = [];
    };
    for (let index = first; index <= last; index++) {
      if (this.#cache.has(index) || this.#loading.has(index)) flush();
      else missing.push(index);
      if (missing.length === this.#maxRun) flush();
    }
    flush();
    for (let index = first; index <= last; index++) wanted.push(this.#lookUp(index));
    return wanted;
  }

  #lookUp(index: number): Wanted {
    const cached = this.#cache.get(index);
    if (cached !== undefined) return { block: cached };
    const run = this.#loading.get(index);
    const promise = run?.blocks.get(index)?.promise;
    if (run === undefined || promise === undefined)
      throw new Error(`block ${index} is not loading`);
    return { block: promise, run };
  }

  #start(indices: number[]): void {
    const run = new Run();
    for (const index of indices) {
      const block = Promise.withResolvers<Uint8Array>();
      // Blocks that were read ahead may have nobody who waits.
      block.promise.catch(() => undefined);
      run.blocks.set(index, block);
      this.#loading.set(index, run);
    }
    this.#requests
      .run(run.controller.signal, () => this.#load(run))
      .catch((error: unknown) => this.#fail(run, error));
  }

  async #load(run: Run): Promise<void> {
    const indices = [...run.blocks.keys()];
    const start = (indices[0] ?? 0) * this.#blockSize;
    const end = Math.min(((indices.at(-1) ?? 0) + 1) * this.#blockSize, this.#size);
    let position = start;
    let block = new Uint8Array(0);
    let filled = 0;
    for await (let piece of this.#read(start, end, run.controller.signal)) {
      while (piece.length > 0) {
        if (filled === 0) block = new Uint8Array(Math.min(this.#blockSize, end - position));
        const part = piece.subarray(0, block.length - filled);
        block.set(part, filled);
        filled += part.length;
        position += part.length;
        piece = piece.subarray(part.length);
        if (filled < block.length) continue;
        this.#finish(run, Math.floor((position - 1) / this.#blockSize), block);
        filled = 0;
      }
    }
  }

  #finish(run: Run, index: number, block: Uint8Array): void {
    if (this.#loading.get(index) !== run) return;
    this.#loading.delete(index);
    this.#cache.set(index, block);
    run.blocks.get(index)?.resolve(block);
  }

  #fail(run: Run, error: unknown): void {
    for (const [index, block] of run.blocks) {
      if (this.#loading.get(index) === run) this.#loading.delete(index);
      block.reject(error);
    }
  }

  #cancel(run: Run): void {
    // A read that comes now starts a run of its own.
    for (const index of run.blocks.keys()) {
      if (this.#loading.get(index) === run) this.#loading.delete(index);
    }
    run.controller.abort();
  }
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
