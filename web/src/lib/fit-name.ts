/** Names are as long as the server takes them, which counts the bytes of UTF-8. */

export const SPACE_NAME_BYTES = 200;
export const DATASET_NAME_BYTES = 200;
export const COLLECTION_NAME_BYTES = 255;

const encoder = new TextEncoder();

/** Returns the beginning of a text that fits, without a part of a character, and whether it is full. */
export function fitName(text: string, most: number): { name: string; full: boolean } {
  const { read } = encoder.encodeInto(text, new Uint8Array(most));
  if (read === text.length) return { name: text, full: encoder.encode(text).length === most };
  // A character may be several code points, such as a letter with its accent or a family of emoji.
  const characters = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text);
  const cut = characters.containing(read)?.index ?? read;
  return { name: text.slice(0, cut), full: true };
}
