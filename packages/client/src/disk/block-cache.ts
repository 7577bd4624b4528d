/** The bytes of a block, in the pieces in which they arrived: they are copied once, to who reads them. */
export type Block = readonly Uint8Array[];

/** Returns the bytes of a block. */
export function blockLength(block: Block): number {
  return block.reduce((length, piece) => length + piece.length, 0);
}

/** Blocks of one object that were read last, up to a number of bytes. */
export class BlockCache {
  readonly #limit: number;
  readonly #blocks = new Map<number, Block>();
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Returns a block and counts it as used. */
  get(index: number): Block | undefined {
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
  set(index: number, block: Block): void {
    this.#bytes += blockLength(block) - blockLength(this.#blocks.get(index) ?? []);
    this.#blocks.delete(index);
    this.#blocks.set(index, block);
    for (const [oldest, unused] of this.#blocks) {
      if (this.#bytes <= this.#limit) return;
      this.#blocks.delete(oldest);
      this.#bytes -= blockLength(unused);
    }
  }

  clear(): void {
    this.#blocks.clear();
    this.#bytes = 0;
  }
}
