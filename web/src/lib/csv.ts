/** A table as CSV (RFC 4180), safe to open in a spreadsheet. */

/** Spreadsheets run cells that begin like a formula, so these get a quote before them. */
function cell(value: string): string {
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function toCsv(head: readonly string[], rows: Iterable<readonly string[]>): string {
  return [head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
