import { asTidegateError } from "../error.js";
import { type HashAlgorithm, hashBlob } from "./hash.js";

/** Asks the worker to hash; without a blob, to stop. */
export type HashRequest =
  | { id: number; blob: Blob; algorithm: HashAlgorithm }
  | { id: number; blob?: undefined };

/** What the worker says of one request. */
export type HashReply =
  | { id: number; digest: string; error?: undefined }
  | { id: number; digest?: undefined; error: { name: string; message: string } };

/** Makes the worker. Pages with Trusted Types or a bundler of their own may pass one. */
export type CreateWorker = () => Worker;

const createHashWorker: CreateWorker = () =>
  new Worker(new URL("./hash-worker.js", import.meta.url), {
    type: "module",
    name: "tidegate-hash",
  });

interface Waiting {
  resolve(digest: string): void;
  reject(error: unknown): void;
}

/** Hashes blobs in one web worker, or in the page where there are no workers. */
export class Hasher {
  readonly #createWorker: CreateWorker;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #broken = typeof Worker === "undefined";
  #nextId = 0;

  constructor(createWorker: CreateWorker = createHashWorker) {
    this.#createWorker = createWorker;
  }

  /** Returns the digest in hexadecimal digits. */
  async digest(blob: Blob, algorithm: HashAlgorithm, signal: AbortSignal): Promise<string> {
    try {
      const worker = this.#start();
      if (worker !== undefined) return await this.#ask(worker, blob, algorithm, signal);
    } catch (error) {
      if (!(error instanceof WorkerFailed)) throw asTidegateError(error);
    }
    return hashBlob(blob, algorithm, () => signal.aborted).catch((error: unknown) => {
      throw asTidegateError(error);
    });
  }

  /** Ends the worker. The next digest starts a new one. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#failAll(new DOMException("aborted", "AbortError"));
  }

  #start(): Worker | undefined {
    if (this.#broken || this.#worker !== undefined) return this.#worker;
    try {
      this.#worker = this.#createWorker();
    } catch (error) {
      this.#giveUp(error);
      return undefined;
    }
    this.#worker.onmessage = ({ data }: MessageEvent<HashReply>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if (data.error === undefined) waiting?.resolve(data.digest);
      else waiting?.reject(new DOMException(data.error.message, data.error.name));
    };
    this.#worker.onerror = (event) => this.#giveUp(event.message);
    return this.#worker;
  }

  /** A policy of the page may refuse the worker; digests are then made in the page, between its tasks. */
  #giveUp(reason: unknown): void {
    console.warn("tidegate: the hash worker does not start; hashing in the page", reason);
    this.#broken = true;
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#failAll(new WorkerFailed());
  }

  #failAll(error: unknown): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }

  #ask(worker: Worker, blob: Blob, algorithm: HashAlgorithm, signal: AbortSignal): Promise<string> {
    const id = this.#nextId++;
    return new Promise<string>((resolve, reject) => {
      const abort = () => {
        worker.postMessage({ id } satisfies HashRequest);
        this.#waiting.delete(id);
        reject(new DOMException("aborted", "AbortError"));
      };
      if (signal.aborted) {
        reject(new DOMException("aborted", "AbortError"));
        return;
      }
      signal.addEventListener("abort", abort, { once: true });
      const settled =
        <T>(then: (value: T) => void) =>
        (value: T) => {
          signal.removeEventListener("abort", abort);
          then(value);
        };
      this.#waiting.set(id, { resolve: settled(resolve), reject: settled(reject) });
      worker.postMessage({ id, blob, algorithm } satisfies HashRequest);
    });
  }
}

class WorkerFailed extends Error {}
