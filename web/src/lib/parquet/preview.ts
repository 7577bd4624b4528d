/**
 * Reads the beginning of a Parquet file by ranges: its schema from the footer, and the first rows of its
 * first row group. The file is a stranger's, so all that it says of sizes is held against a limit before
 * memory is taken for it.
 */
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type SchemaTree,
} from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { cellText } from "./cell.ts";

export interface PreviewColumn {
  name: string;
  /** As `STRING` or `list`. */
  type: string;
}

export interface Preview {
  /** All columns of the file, of which the first `shown` have values in `rows`. */
  columns: PreviewColumn[];
  shown: number;
  rowCount: number;
  rowGroups: number;
  rows: Array<Array<string | null>>;
}

export type ParquetReason =
  | "notParquet"
  | "encrypted"
  | "broken"
  | "codec"
  | "tooLarge"
  | "range"
  | "unreachable"
  | "archived"
  | "late";

export class ParquetError extends Error {
  constructor(
    readonly reason: ParquetReason,
    readonly detail = "",
  ) {
    super(detail ? `${reason}: ${detail}` : reason);
    this.name = "ParquetError";
  }
}

export interface Source {
  size: number;
  /** Returns exactly the bytes from `start` up to `end`. */
  slice(start: number, end: number): Promise<ArrayBuffer>;
}

export const FIRST_ROWS = 100;
const LARGEST_COLUMNS = 50;
/** Bytes that are read for the footer, at once and at most. */
const FOOTER = 64 * 1024;
const LARGEST_FOOTER = 16 * 2 ** 20;
/** Bytes that are read for the rows, at most. Columns that do not fit are left out. */
const LARGEST_ROWS = 32 * 2 ** 20;
const LARGEST_PAGE = 64 * 2 ** 20;
const MOST_VALUES = 2_000_000;
const MAGIC = 0x31524150;
const ENCRYPTED = 0x45524150;

/** Checks both ends of the file before a parser sees it. */
async function checkEnds({ size, slice }: Source): Promise<void> {
  if (size < 12) throw new ParquetError("notParquet");
  const end = new DataView(await slice(size - 8, size));
  const magic = end.getUint32(4, true);
  if (magic === ENCRYPTED) throw new ParquetError("encrypted");
  if (magic !== MAGIC) throw new ParquetError("notParquet");
  const length = end.getUint32(0, true);
  if (length > size - 12) throw new ParquetError("broken", "the footer is longer than the file");
  if (length > LARGEST_FOOTER) throw new ParquetError("tooLarge", "footer");
}

function typeOf({ element, children }: SchemaTree): string {
  const { type, logical_type: logical, converted_type: converted } = element;
  if (children.length > 0) return (logical?.type ?? converted ?? "struct").toLowerCase();
  return String(logical?.type ?? converted ?? type ?? "");
}

interface Range {
  start: number;
  end: number;
}

/** Returns where the first row group has the values of a column, a nested one in several places. */
function rangesOf(metadata: FileMetaData, name: string, size: number): Range[] {
  const chunks = metadata.row_groups[0]?.columns ?? [];
  return chunks.flatMap(({ meta_data: meta, file_path: path }) => {
    if (!meta || meta.path_in_schema[0] !== name) return [];
    if (path) throw new ParquetError("broken", "a column lies in another file");
    const first = meta.dictionary_page_offset || meta.data_page_offset;
    const start = Number(first);
    const end = start + Number(meta.total_compressed_size);
    if (!(start >= 4 && start < end && end <= size)) {
      throw new ParquetError("broken", "a column lies outside of the file");
    }
    return [{ start, end }];
  });
}

/** Refuses a column chunk whose pages claim more than fits into memory. */
function checkPages(bytes: ArrayBuffer): void {
  const reader = { view: new DataView(bytes), offset: 0 };
  let values = 0;
  while (reader.offset < bytes.byteLength - 1) {
    const page = parquetHeader(reader);
    const header = page.data_page_header ?? page.data_page_header_v2 ?? page.dictionary_page_header;
    const { compressed_page_size: packed, uncompressed_page_size: unpacked } = page;
    const count = header?.num_values ?? 0;
    values += count;
    if (!(count >= 0 && packed >= 0 && unpacked >= 0)) throw new ParquetError("broken", "page");
    if (unpacked > LARGEST_PAGE || values > MOST_VALUES) throw new ParquetError("tooLarge", "page");
    reader.offset += packed;
  }
}

interface Span extends Range {
  bytes: ArrayBuffer;
}

/** Joins ranges that touch, so that columns beside each other are one request. */
function join(ranges: readonly Range[]): Range[] {
  const joined: Range[] = [];
  for (const { start, end } of [...ranges].sort((one, other) => one.start - other.start)) {
    const last = joined.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}

/** Serves what was read before. The parser asks for several columns at once; what lies between is left empty. */
function heldBuffer(size: number, spans: readonly Span[]) {
  const slice = (start: number, end = size) => {
    if (end - start > 2 * LARGEST_ROWS) throw new ParquetError("tooLarge");
    const bytes = new Uint8Array(end - start);
    for (const span of spans) {
      const from = Math.max(start, span.start);
      const to = Math.min(end, span.end);
      if (from >= to) continue;
      bytes.set(new Uint8Array(span.bytes, from - span.start, to - from), from - start);
    }
    return bytes.buffer;
  };
  return { byteLength: size, slice } satisfies AsyncBuffer;
}

/** Chooses columns from the left as long as their bytes may be read. */
function choose(metadata: FileMetaData, names: readonly string[], size: number) {
  const chosen: Array<{ name: string; ranges: Range[] }> = [];
  let bytes = 0;
  for (const name of names.slice(0, LARGEST_COLUMNS)) {
    const ranges = rangesOf(metadata, name, size);
    bytes += ranges.reduce((sum, { start, end }) => sum + end - start, 0);
    if (bytes > LARGEST_ROWS) break;
    chosen.push({ name, ranges });
  }
  return chosen;
}

/** Loads what unpacks these compressions. */
type LoadCompressors = (codecs: ReadonlySet<string>) => Promise<Compressors>;

async function compressorsOf(metadata: FileMetaData, load: LoadCompressors): Promise<Compressors> {
  const chunks = metadata.row_groups[0]?.columns ?? [];
  const codecs = new Set<keyof Compressors>();
  for (const { meta_data: meta } of chunks) if (meta) codecs.add(meta.codec);
  codecs.delete("UNCOMPRESSED");
  codecs.delete("SNAPPY");
  if (codecs.size === 0) return {};
  const compressors = await load(codecs);
  for (const codec of codecs) if (!compressors[codec]) throw new ParquetError("codec", codec);
  return compressors;
}

async function readRows(
  source: Source,
  metadata: FileMetaData,
  names: readonly string[],
  load: LoadCompressors,
) {
  const rowEnd = Math.min(FIRST_ROWS, Number(metadata.row_groups[0]?.num_rows ?? 0));
  const chosen = rowEnd > 0 ? choose(metadata, names, source.size) : [];
  if (chosen.length === 0) return { shown: 0, rows: [] };
  const compressors = await compressorsOf(metadata, load);
  const ranges = chosen.flatMap((column) => column.ranges);
  const spans = await Promise.all(
    join(ranges).map(async (range) => ({
      ...range,
      bytes: await source.slice(range.start, range.end),
    })),
  );
  const file = heldBuffer(source.size, spans);
  for (const { start, end } of ranges) checkPages(file.slice(start, end));
  const columns = chosen.map(({ name }) => name);
  const objects = await parquetReadObjects({
    file,
    metadata,
    columns,
    rowStart: 0,
    rowEnd,
    compressors,
  });
  const rows = objects.map((row) => columns.map((name) => cellText(row[name])));
  return { shown: columns.length, rows };
}

async function read(source: Source, load: LoadCompressors): Promise<Preview> {
  await checkEnds(source);
  const file: AsyncBuffer = {
    byteLength: source.size,
    slice: (start, end = source.size) => source.slice(start, end),
  };
  const metadata = await parquetMetadataAsync(file, { initialFetchSize: FOOTER });
  const tree = parquetSchema(metadata);
  const columns = tree.children.map((child) => ({ name: child.element.name, type: typeOf(child) }));
  const names = columns.map(({ name }) => name);
  return {
    columns,
    rowCount: Number(metadata.num_rows),
    rowGroups: metadata.row_groups.length,
    ...(await readRows(source, metadata, names, load)),
  };
}

/** Returns the beginning of a file. All that can be wrong with it is a `ParquetError`. */
export async function previewParquet(source: Source, load: LoadCompressors): Promise<Preview> {
  try {
    return await read(source, load);
  } catch (failure) {
    if (failure instanceof ParquetError) throw failure;
    // Whatever a parser throws about a stranger's bytes is about these bytes.
    throw new ParquetError("broken", failure instanceof Error ? failure.message : "");
  }
}
