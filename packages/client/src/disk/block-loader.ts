import { Semaphore } from "../semaphore.js";
import { type Block, BlockCache } from "./block-cache.js";

/** Reads the bytes from `start` to before `end` in pieces. */
export type ReadPieces = (
  start: number,
  end: number,
  signal: AbortSignal,
) => AsyncGenerator<Uint8Array>;

/** Neighbouring blocks that one request reads. */
class Run {
  readonly controller = new AbortController();
  readonly blocks = new Map<number, PromiseWithResolvers<Block>>();
  /** Reads that wait for a block of this run. */
  waiters = 0;
}

/** A run to the end of the object that reads no further than it is told. */
class Lane extends Run {
  /** The first block that nobody has asked for. */
  next: number;
  #wake: (() => void) | undefined;

  constructor(first: number) {
    super();
    this.next = first;
  }

  /** Lets it read up to and with block `last`. */
  extend(last: number): void {
    this.next = Math.max(this.next, last + 1);
    this.#wake?.();
  }

  /** Waits until a block after `index` is wanted. Meanwhile the connection is not read. */
  async wanted(index: number): Promise<void> {
    const { signal } = this.controller;
    while (index + 1 >= this.next) {
      signal.throwIfAborted();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
    }
  }
}

// A connection that nobody reads is given back.
const LANE_IDLE = 5000;

/** A block that is there or on its way. */
interface Wanted {
  block: Block | Promise<Block>;
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
  #lane: Lane | undefined;
  #laneTimer: ReturnType<typeof setTimeout> | undefined;

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
  async get(first: number, last: number, signal?: AbortSignal | undefined): Promise<Block[]> {
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

  /**
   * As `prefetch`, for reads that go on and on: one request to the end of the object, which is read no
   * faster than this is called for the blocks that follow.
   */
  follow(first: number, last: number): void {
    let lane = this.#lane;
    if (lane === undefined || lane.next !== first) {
      this.#dropLane();
      lane = new Lane(first);
      this.#lane = lane;
      this.#run(lane, (run) => this.#loadLane(run, first));
    }
    for (let index = first; index <= last; index++) {
      if (!this.#cache.has(index) && !this.#loading.has(index)) this.#expect(lane, index);
    }
    lane.extend(last);
    clearTimeout(this.#laneTimer);
    this.#laneTimer = setTimeout(() => this.#dropLane(), LANE_IDLE);
  }

  /** Stops what nobody waits for. */
  cancelUnwanted(): void {
    this.#dropLane();
    for (const run of new Set(this.#loading.values())) {
      if (run.waiters === 0) this.#cancel(run);
    }
  }

  /** Stops everything and drops the cache. */
  close(): void {
    clearTimeout(this.#laneTimer);
    this.#lane?.controller.abort();
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
    for (const index of indices) this.#expect(run, index);
    this.#run(run, () => this.#load(run, indices[0] ?? 0, indices.at(-1) ?? 0));
  }

  #expect(run: Run, index: number): void {
    const block = Promise.withResolvers<Block>();
    // Blocks that were read ahead may have nobody who waits.
    block.promise.catch(() => undefined);
    run.blocks.set(index, block);
    this.#loading.set(index, run);
  }

  #run<R extends Run>(run: R, load: (run: R) => Promise<void>): void {
    this.#requests
      .run(run.controller.signal, () => load(run))
      .catch((error: unknown) => this.#fail(run, error));
  }

  async #load(run: Run, first: number, last: number): Promise<void> {
    const end = Math.min((last + 1) * this.#blockSize, this.#size);
    for await (const [index, block] of this.#blocks(first, end, run)) {
      this.#finish(run, index, block);
    }
  }

  async #loadLane(lane: Lane, first: number): Promise<void> {
    for await (const [index, block] of this.#blocks(first, this.#size, lane)) {
      this.#finish(lane, index, block);
      lane.blocks.delete(index);
      await lane.wanted(index);
    }
  }

  /** Joins pieces to blocks, from block `first` to the byte before `end`. */
  async *#blocks(first: number, end: number, run: Run): AsyncGenerator<[number, Block]> {
    let index = first;
    let block: Uint8Array[] = [];
    const lengthOf = (index: number) => Math.min(this.#blockSize, end - index * this.#blockSize);
    let missing = lengthOf(index);
    for await (let piece of this.#read(first * this.#blockSize, end, run.controller.signal)) {
      while (piece.length > 0) {
        const part = piece.subarray(0, missing);
        block.push(part);
        missing -= part.length;
        piece = piece.subarray(part.length);
        if (missing > 0) continue;
        yield [index++, block];
        block = [];
        missing = lengthOf(index);
      }
    }
  }

  #finish(run: Run, index: number, block: Block): void {
    if (this.#loading.get(index) !== run) return;
    this.#loading.delete(index);
    this.#cache.set(index, block);
    run.blocks.get(index)?.resolve(block);
  }

  #fail(run: Run, error: unknown): void {
    if (this.#lane === run) this.#lane = undefined;
    for (const [index, block] of run.blocks) {
      if (this.#loading.get(index) === run) this.#loading.delete(index);
      block.reject(error);
    }
  }

  /** Ends the lane, unless a read waits for a block of it; then its idle time ends it. */
  #dropLane(): void {
    const lane = this.#lane;
    if (lane === undefined || lane.waiters > 0) return;
    clearTimeout(this.#laneTimer);
    this.#cancel(lane);
  }

  #cancel(run: Run): void {
    if (this.#lane === run) this.#lane = undefined;
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
