/** Blocks of one object that were read last, up to a number of bytes. */
export class BlockCache {
  readonly #limit: number;
  readonly #blocks = new Map<number, Uint8Array>();
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Returns a block and counts it as used. */
  get(index: number): Uint8Array | undefined {
    const block = this.#blocks.get(index);
    if (block !== undefined) {
      // A Map keeps the order of insertion: the first is the one unused for longest.
      this.#blocks.delete(index);
      this.#blocks.set(index, block);
    }
    return block;
  }

  has(index: number): boolean {
    return this.#blocks.has(index);
  }

  /** Holds a block, and drops those that were unused for longest. */
  set(index: number, block: Uint8Array): void {
    this.#bytes += block.length - (this.#blocks.get(index)?.length ?? 0);
    this.#blocks.delete(index);
    this.#blocks.set(index, block);
    for (const [oldest, { length }] of this.#blocks) {
      if (this.#bytes <= this.#limit) return;
      this.#blocks.delete(oldest);
      this.#bytes -= length;
    }
  }

  clear(): void {
    this.#blocks.clear();
    this.#bytes = 0;
  }
}
