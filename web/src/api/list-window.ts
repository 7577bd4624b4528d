/**
 * Loads the parts of a long list that are seen, by their positions. What is only passed on the way, as
 * when somebody drags the scroll bar, is not asked for.
 */

import type { LoadedUrls } from "@tidegate/client";
import type { ListPage } from "./paged-list.ts";
import {
  type Chunk,
  keepNearest,
  missingChunks,
  type Segment,
  type Segments,
  withPart,
} from "./segments.ts";

export interface PositionedPage<Item> extends ListPage<Item> {
  /** Items of the whole list; left out by servers that do not count them. */
  total?: number | undefined;
  /** Signed URLs that came with the page, where it has some. */
  urls?: LoadedUrls<Item>;
}

export type FetchAt<Item> = (
  offset: number,
  limit: number,
  signal: AbortSignal,
) => Promise<PositionedPage<Item>>;

interface Io<Item> {
  fetchAt: FetchAt<Item>;
  read: () => Segments<Item> | undefined;
  write: (list: Segments<Item>) => void;
  /** Called with what went wrong with a chunk, and with null when chunks come again. */
  onFailure: (failure: unknown) => void;
}

export const CHUNK = 200;
export const MOST_PARTS = 50;
/** Milliseconds that positions must be seen before they are asked for. */
export const REST = 60;

export class ListWindow<Item> {
  #first = 0;
  #last = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #inFlight = new Map<number, { chunk: Chunk; abort: AbortController }>();

  constructor(private readonly io: Io<Item>) {}

  /** Says which positions are seen now. */
  need(first: number, last: number): void {
    this.#first = Math.max(0, first);
    this.#last = Math.max(first, last);
    clearTimeout(this.#timer);
    if (this.#missing().length > 0) this.#timer = setTimeout(() => this.#load(), REST);
  }

  /** Looks again whether all that is seen is there, after the list was replaced. */
  lookAgain(): void {
    this.need(this.#first, this.#last);
  }

  /** Reads anew what is seen, and forgets the rest. */
  async refresh(signal: AbortSignal): Promise<Segments<Item>> {
    this.close();
    const version = (this.io.read()?.version ?? 0) + 1;
    const from = this.#first - (this.#first % CHUNK);
    let list = await this.#readFrom(from, this.#last, version, signal);
    // The list has become shorter than what was seen of it.
    if (from >= list.total && list.total > 0) {
      const last = list.total - 1;
      list = await this.#readFrom(last - (last % CHUNK), last, version, signal);
    }
    this.io.onFailure(null);
    return list;
  }

  /** Stops all requests. */
  close(): void {
    clearTimeout(this.#timer);
    for (const { abort } of this.#inFlight.values()) abort.abort();
    this.#inFlight.clear();
  }

  async #readFrom(from: number, last: number, version: number, signal: AbortSignal) {
    const offsets: number[] = [];
    for (let offset = from; offset <= last || offset === from; offset += CHUNK) {
      offsets.push(offset);
    }
    const pages = await Promise.all(
      offsets.map(async (offset) => partOf(await this.io.fetchAt(offset, CHUNK, signal), offset)),
    );
    let list: Segments<Item> = { total: 0, parts: [], version };
    for (const { part, total } of pages) {
      list = withPart({ ...list, total: Number.POSITIVE_INFINITY }, part, total);
    }
    // An empty list has an empty beginning, into which the first item can be put.
    if (list.total === 0) list = { ...list, parts: [{ start: 0, items: [] }] };
    return list;
  }

  /** What of the seen positions is not in memory. The next ones are read ahead, unless they were just left. */
  #missing(): Chunk[] {
    const list = this.io.read();
    if (!list) return [];
    const ahead = Math.floor(CHUNK / 4);
    return missingChunks(list, this.#first - ahead, this.#last + ahead, CHUNK);
  }

  #load(): void {
    const wanted = this.#missing();
    const offsets = new Set(wanted.map(({ offset }) => offset));
    for (const [offset, { abort }] of this.#inFlight) {
      if (offsets.has(offset)) continue;
      abort.abort();
      this.#inFlight.delete(offset);
    }
    for (const chunk of wanted) {
      if (!this.#inFlight.has(chunk.offset)) void this.#loadChunk(chunk);
    }
  }

  async #loadChunk(chunk: Chunk): Promise<void> {
    const abort = new AbortController();
    this.#inFlight.set(chunk.offset, { chunk, abort });
    const version = this.io.read()?.version;
    try {
      const page = await this.io.fetchAt(chunk.offset, chunk.limit, abort.signal);
      if (abort.signal.aborted) return;
      this.#inFlight.delete(chunk.offset);
      this.io.onFailure(null);
      const list = this.io.read();
      if (!list) return;
      if (list.version === version) this.#add(list, page, chunk.offset);
      // Positions changed meanwhile: what came may belong elsewhere.
      else this.lookAgain();
    } catch (failure) {
      if (abort.signal.aborted) return;
      this.#inFlight.delete(chunk.offset);
      // Asked for again when other positions are seen, or the list is read anew.
      this.io.onFailure(failure);
    }
  }

  #add(list: Segments<Item>, page: PositionedPage<Item>, offset: number): void {
    const { part, total } = partOf(page, offset);
    const middle = Math.floor((this.#first + this.#last) / 2);
    this.io.write(keepNearest(withPart(list, part, total), middle, MOST_PARTS));
  }
}

/** Returns a page as a part of the list. A page that is empty too early ends the list. */
function partOf<Item>(page: PositionedPage<Item>, offset: number) {
  const { items, total = offset + items.length } = page;
  const part: Segment<Item> = { start: offset, items };
  return { part, total: items.length === 0 ? Math.min(total, offset) : total };
}
