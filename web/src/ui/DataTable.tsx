/** A list of any length in rows with columns; on a phone the less important columns are left out. */
import { Check } from "lucide-react";
import type { ReactNode } from "react";
import { t } from "../i18n/i18n.ts";
import { type GridEvents, VirtualGrid } from "./VirtualGrid.tsx";
import "./table.css";

export interface Column<Row> {
  id: string;
  name: string;
  /** Width as in `grid-template-columns`. */
  width: string;
  align?: "end";
  /** The column is left out on narrow screens. */
  wide?: boolean;
  cell: (row: Row) => ReactNode;
}

interface DataTableProps<Row> extends GridEvents {
  label: string;
  count: number;
  columns: ReadonlyArray<Column<Row>>;
  rowAt: (index: number) => Row | undefined;
  /** What the box says that selects a row. Without it rows have no box. */
  nameOf?: (row: Row) => string;
  rowHeight?: number;
  isSelected?: (index: number) => boolean;
  onRange?: (first: number, last: number) => void;
}

function widths<Row>(columns: ReadonlyArray<Column<Row>>): string {
  return columns.map(({ width }) => width).join(" ");
}

const CHECK = "check";

function checkColumn<Row>(): Column<Row> {
  return { id: CHECK, name: "", width: "1.25rem", cell: () => null };
}

export function DataTable<Row>(props: DataTableProps<Row>) {
  const { rowAt, nameOf, rowHeight = 48, ...rest } = props;
  const { onToggle } = props;
  const columns = onToggle && nameOf ? [checkColumn<Row>(), ...props.columns] : props.columns;
  const style = {
    "--wide-columns": widths(columns),
    "--narrow-columns": widths(columns.filter(({ wide }) => !wide)),
  } as React.CSSProperties;
  const cellClass = ({ align, wide }: Column<Row>) =>
    `cell ${align === "end" ? "end" : ""} ${wide ? "only-wide" : ""}`;
  return (
    <div className="table" style={style}>
      <VirtualGrid
        {...rest}
        fitted
        rowHeight={() => rowHeight}
        head={
          <div className="table-head" aria-hidden>
            {columns.map((column) => (
              <div key={column.id} className={cellClass(column)}>
                {column.name}
              </div>
            ))}
          </div>
        }
        renderItem={({ index }) => {
          const row = rowAt(index);
          const selected = props.isSelected?.(index) ?? false;
          return (
            <div className={`table-row ${selected ? "selected" : ""}`}>
              {row === undefined ? (
                <div className="cell waiting" />
              ) : (
                columns.map((column) => (
                  <div key={column.id} className={cellClass(column)}>
                    {column.id === CHECK ? (
                      <button
                        type="button"
                        className="row-check"
                        tabIndex={-1}
                        aria-label={t("gallery.select", { name: nameOf?.(row) })}
                        aria-pressed={selected}
                        onClick={() => onToggle?.(index)}
                      >
                        <Check size={14} strokeWidth={3} aria-hidden />
                      </button>
                    ) : (
                      column.cell(row)
                    )}
                  </div>
                ))
              )}
            </div>
          );
        }}
      />
    </div>
  );
}
