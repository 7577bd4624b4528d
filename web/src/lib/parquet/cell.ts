/** Values of a table as text. */

const LONGEST = 300;
const LONGEST_BYTES = 32;

const cut = (text: string) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

function hex(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, LONGEST_BYTES), (byte) =>
    byte.toString(16).padStart(2, "0"),
  );
  return `0x${shown.join("")}${bytes.length > LONGEST_BYTES ? "…" : ""}`;
}

function dateText(date: Date): string {
  return Number.isNaN(date.getTime()) ? "—" : date.toISOString();
}

/** What JSON has no form for. Dates come to a replacer as texts already. */
function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (ArrayBuffer.isView(value))
    return hex(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  return value;
}

/** Returns the text of a value, cut to what a cell can show, or null where there is no value. */
export function cellText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return cut(value);
  if (value instanceof Date) return dateText(value);
  if (value instanceof Uint8Array) return hex(value);
  if (typeof value === "object") return cut(JSON.stringify(value, plain) ?? "");
  return cut(String(value));
}
