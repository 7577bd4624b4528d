/** The schema and the first rows of a Parquet file, read by ranges. */
import { useQuery } from "@tanstack/react-query";
import { packageUrl } from "../../api/datasets.ts";
import { type MessageId, t } from "../../i18n/i18n.ts";
import { archiveOf } from "../../lib/archived.ts";
import { formatNumber } from "../../lib/format.ts";
import { previewOf } from "../../lib/parquet/index.ts";
import { ParquetError, type ParquetReason, type Preview } from "../../lib/parquet/preview.ts";
import { Archive, type Thaw } from "../../ui/Archive.tsx";
import { Dialog } from "../../ui/Dialog.tsx";
import { messageOf } from "../../ui/errors.ts";
import { Loading, Note } from "../../ui/Note.tsx";
import "./datasets.css";

const REASONS: Record<ParquetReason, MessageId> = {
  notParquet: "parquet.notParquet",
  encrypted: "parquet.encrypted",
  broken: "parquet.broken",
  codec: "parquet.codec",
  tooLarge: "parquet.tooLarge",
  range: "parquet.range",
  unreachable: "parquet.unreachable",
  archived: "archive.archived",
  late: "parquet.late",
};

function wordsFor(failure: unknown): string {
  if (!(failure instanceof ParquetError)) return messageOf(failure);
  const words = t(REASONS[failure.reason]);
  return failure.detail ? `${words} (${failure.detail})` : words;
}

/** Why there is no preview, with the thaw where that helps. */
function Failure({ failure, thaw }: { failure: unknown; thaw: Thaw | undefined }) {
  const isOfBytes = failure instanceof ParquetError && failure.reason === "archived";
  const archive = isOfBytes ? ({ state: "ARCHIVED" } as const) : archiveOf(failure);
  if (archive) return <Archive archive={archive} thaw={thaw} />;
  return <Note look="bad">{wordsFor(failure)}</Note>;
}

function Rows({ preview, name }: { preview: Preview; name: string }) {
  const shown = preview.columns.slice(0, preview.shown);
  return (
    <section
      className="preview-rows"
      aria-label={t("parquet.rowsOf", { name })}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard
      tabIndex={0}
    >
      <table>
        <thead>
          <tr>
            {shown.map(({ name, type }, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: names may come twice
              <th key={at} scope="col">
                <span dir="auto">{name}</span>
                <span className="soft small">{type}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {preview.rows.map((row, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity
            <tr key={at}>
              {row.map((value, column) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a cell is known by its column
                <td key={column} dir="auto">
                  {value ?? <span className="soft">null</span>}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Contents({ preview, name }: { preview: Preview; name: string }) {
  const { columns, shown, rows, rowCount, rowGroups } = preview;
  return (
    <>
      <dl className="facts">
        <dt>{t("parquet.rows")}</dt>
        <dd>{formatNumber(rowCount)}</dd>
        <dt>{t("parquet.groups")}</dt>
        <dd>{formatNumber(rowGroups)}</dd>
        <dt>{t("parquet.columns")}</dt>
        <dd>{formatNumber(columns.length)}</dd>
      </dl>
      {rows.length > 0 ? (
        <>
          <p className="soft small">
            {t("parquet.shown", { rows: rows.length, shown, columns: columns.length })}
          </p>
          <Rows preview={preview} name={name} />
        </>
      ) : (
        <ul className="schema">
          {columns.map(({ name, type }, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: names may come twice
            <li key={at}>
              <code>{name}</code> <span className="soft small">{type}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

interface ParquetDialogProps {
  datasetId: string;
  nodeId: string;
  /** Path of an asset; the package's source file if left out. */
  path?: string;
  name: string;
  size: number;
  /** Only for those who may. */
  thaw: Thaw | undefined;
  onClose: () => void;
}

export function ParquetDialog(props: ParquetDialogProps) {
  const { datasetId, nodeId, path, name, size, thaw, onClose } = props;
  const { data, error } = useQuery({
    queryKey: ["parquet", datasetId, nodeId, path ?? "", size],
    queryFn: async ({ signal }) =>
      previewOf({ url: await packageUrl(datasetId, nodeId, path), size }, signal),
    // A broken file stays broken; the user closes and opens the preview to try again.
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  return (
    <Dialog title={name} onClose={onClose} wide>
      {error ? (
        <Failure failure={error} thaw={thaw} />
      ) : data ? (
        <Contents preview={data} name={name} />
      ) : (
        <Loading />
      )}
    </Dialog>
  );
}
