/**
 * Actions on many objects while they go on: one job of the server after the other, or a request for
 * each object where there are few. They belong to the tab and not to a page, so that a page may be left.
 */
import { TidegateError } from "@tidegate/client";
import { forEachId } from "../lib/each.ts";

/** So many objects are done by a request each, which is sooner than a job. */
export const FEW = 5;
/** Objects of one job at most. */
export const MOST_OF_JOB = 10_000;
/** Failures that are kept of one action. */
const MOST_FAILURES = 1_000;
/** Milliseconds between two questions to the server how far a job is: doubled from the first to the last. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 2_000;
/** Attempts to start a job while others of the same user are running. */
const STARTS = 30;

export type BulkKind = "space" | "session" | "files" | "disks";
export type BulkAction = "delete" | "restore" | "purge";

export interface BulkTarget {
  kind: BulkKind;
  owner: string;
}

export interface ItemFailure {
  id: string;
  code: string;
  message: string;
}

/** What the server says of a job. Objects are done in the order in which they were given. */
export interface JobProgress {
  state: string;
  /** Objects that were tried, those that failed included. */
  done: number;
  failedTotal: number;
  /** The first failures, in the order of the objects. */
  failed: ItemFailure[];
}

export interface BulkIo {
  start: (target: BulkTarget, action: BulkAction, ids: string[]) => Promise<string>;
  read: (job: string, signal: AbortSignal) => Promise<JobProgress>;
  /** Resolves after some milliseconds. */
  wait: (milliseconds: number) => Promise<void>;
}

export interface BulkWork {
  /** By which a page finds its actions. */
  place: string;
  /** Without one, each object is done by a request. */
  target: BulkTarget | null;
  action: BulkAction;
  ids: readonly string[];
  /** Names of the objects, for those that fail. */
  names: ReadonlyMap<string, string>;
  /** Does it with one object. */
  one: (id: string) => Promise<unknown>;
  /** Called with objects that were done, as soon as that is known. */
  onDone?: (ids: string[]) => void;
}

export interface NamedFailure extends ItemFailure {
  name: string;
}

/** How far an action is. */
export interface BulkRun {
  id: number;
  place: string;
  action: BulkAction;
  total: number;
  done: number;
  failedTotal: number;
  failures: readonly NamedFailure[];
  /** Jobs that the server does not have yet. */
  unsent: number;
  /** Few objects: over before a progress bar says anything. */
  quiet: boolean;
  over: boolean;
}

export interface BulkOutcome {
  done: string[];
  failedTotal: number;
  /** What kept the rest from being tried, or from being known. */
  stopped: unknown;
  /** Some objects may be done that `done` does not name. */
  unsure: boolean;
  /** The user signed out. */
  aborted: boolean;
}

/** Returns the ids in parts for one job each. */
export function partsOf(ids: readonly string[], most = MOST_OF_JOB): string[][] {
  const parts: string[][] = [];
  for (let start = 0; start < ids.length; start += most) parts.push(ids.slice(start, start + most));
  return parts;
}

/**
 * Returns which objects from a position on are done, and up to where that is known: a job names its
 * first failures only.
 */
export function doneSince(ids: readonly string[], from: number, job: JobProgress) {
  const failed = new Set(job.failed.map(({ id }) => id));
  const last = job.failed.at(-1);
  const known = job.failed.length >= job.failedTotal;
  const end = Math.max(from, known || !last ? job.done : ids.indexOf(last.id) + 1);
  return { done: ids.slice(from, end).filter((id) => !failed.has(id)), end };
}

/** Whether asking again may bring a response: none came, or the server was busy. */
function isPassing(failure: unknown): boolean {
  if (!(failure instanceof TidegateError)) return false;
  return failure.kind === "network" || failure.kind === "server";
}

const isBusy = (failure: unknown) =>
  failure instanceof TidegateError && failure.code === "RATE_LIMITED";

function itemFailure(id: string, failure: unknown): ItemFailure {
  if (failure instanceof TidegateError) {
    return { id, code: failure.code, message: failure.message };
  }
  return { id, code: "UNKNOWN", message: String(failure) };
}

export class BulkRuns {
  #runs: readonly BulkRun[] = [];
  #listeners = new Set<() => void>();
  #next = 1;
  #user = new AbortController();

  constructor(private readonly io: BulkIo) {}

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): readonly BulkRun[] => this.#runs;

  /** Does the work to its end. Never rejects. */
  async perform(work: BulkWork): Promise<BulkOutcome> {
    const { signal } = this.#user;
    const going = new Going(work, this.io, signal);
    const id = this.#next++;
    const { place, action, ids } = work;
    const quiet = ids.length <= FEW;
    const show = () => {
      if (signal.aborted) return;
      const { done, failures, failedTotal, unsent } = going;
      const total = ids.length;
      const over = false;
      this.#put({ id, place, action, total, done, failures, failedTotal, unsent, quiet, over });
    };
    show();
    going.onChange = show;
    const outcome = await going.finish();
    const run = this.#runs.find((one) => one.id === id);
    if (run && run.failedTotal > 0) this.#put({ ...run, over: true });
    else this.dismiss(id);
    return outcome;
  }

  /** Forgets an action, of which somebody has read what failed. */
  dismiss(id: number): void {
    this.#set(this.#runs.filter((run) => run.id !== id));
  }

  /** Stops to ask about all actions, and forgets them. Jobs that were started go on. */
  clear(): void {
    this.#user.abort();
    this.#user = new AbortController();
    this.#set([]);
  }

  #put(run: BulkRun): void {
    if (this.#runs.some(({ id }) => id === run.id)) {
      this.#set(this.#runs.map((one) => (one.id === run.id ? run : one)));
    } else this.#set([...this.#runs, run]);
  }

  #set(runs: readonly BulkRun[]): void {
    this.#runs = runs;
    for (const listener of this.#listeners) listener();
  }
}

/** One action as it goes on. */
class Going {
  done = 0;
  failedTotal = 0;
  failures: NamedFailure[] = [];
  unsent = 0;
  onChange: () => void = () => undefined;
  #doneIds: string[] = [];
  #unsure = false;

  constructor(
    private readonly work: BulkWork,
    private readonly io: BulkIo,
    private readonly signal: AbortSignal,
  ) {}

  async finish(): Promise<BulkOutcome> {
    let stopped: unknown;
    try {
      await this.#run();
    } catch (failure) {
      stopped = failure;
    }
    return {
      done: this.#doneIds,
      failedTotal: this.failedTotal,
      stopped,
      unsure: this.#unsure,
      aborted: this.signal.aborted,
    };
  }

  async #run(): Promise<void> {
    const { target, ids } = this.work;
    if (target === null || ids.length <= FEW) return this.#each();
    const parts = partsOf(ids);
    this.unsent = parts.length;
    for (const part of parts) await this.#job(target, part);
  }

  async #each(): Promise<void> {
    await forEachId(this.work.ids, async (id) => {
      this.signal.throwIfAborted();
      try {
        await this.work.one(id);
        this.#addDone([id]);
      } catch (failure) {
        this.#addFailures([itemFailure(id, failure)], 1);
      }
      this.done += 1;
      this.onChange();
    });
  }

  async #job(target: BulkTarget, ids: string[]): Promise<void> {
    const job = await this.#start(target, ids);
    this.unsent -= 1;
    this.onChange();
    const { done: doneBefore, failures: failuresBefore, failedTotal: failedBefore } = this;
    const unsureBefore = this.#unsure;
    let known = 0;
    // Until the last response, more may be done than is known.
    this.#unsure = true;
    for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      await this.io.wait(pause);
      const progress = await this.#read(job);
      if (progress === null) continue;
      this.done = doneBefore + progress.done;
      this.failures = failuresBefore;
      this.failedTotal = failedBefore;
      this.#addFailures(progress.failed, progress.failedTotal);
      const { done, end } = doneSince(ids, known, progress);
      known = end;
      this.#addDone(done);
      this.onChange();
      if (progress.state !== "done") continue;
      this.#unsure = unsureBefore || known < ids.length;
      return;
    }
  }

  async #start(target: BulkTarget, ids: string[]): Promise<string> {
    for (let attempt = 1; ; attempt += 1) {
      this.signal.throwIfAborted();
      try {
        return await this.io.start(target, this.work.action, ids);
      } catch (failure) {
        // It may have been started though no response came.
        if (isPassing(failure) && !isBusy(failure)) this.#unsure = true;
        if (!isBusy(failure) || attempt >= STARTS) throw failure;
      }
      await this.io.wait(LONGEST_PAUSE);
    }
  }

  /** Returns null if there was no response this time. */
  async #read(job: string): Promise<JobProgress | null> {
    this.signal.throwIfAborted();
    try {
      return await this.io.read(job, this.signal);
    } catch (failure) {
      if (isPassing(failure) && !this.signal.aborted) return null;
      throw failure;
    }
  }

  #addDone(ids: string[]): void {
    if (ids.length === 0 || this.signal.aborted) return;
    this.#doneIds.push(...ids);
    this.work.onDone?.(ids);
  }

  #addFailures(failed: readonly ItemFailure[], total: number): void {
    const named = failed.map((failure) => ({
      ...failure,
      name: this.work.names.get(failure.id) ?? failure.id,
    }));
    this.failures = [...this.failures, ...named].slice(0, MOST_FAILURES);
    this.failedTotal += total;
  }
}
