/** A list of any length in rows with columns; on a phone the less important columns are left out. */
import type { ReactNode } from "react";
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
  rowHeight?: number;
  isSelected?: (index: number) => boolean;
  onRange?: (first: number, last: number) => void;
}

function widths<Row>(columns: ReadonlyArray<Column<Row>>): string {
  return columns.map(({ width }) => width).join(" ");
}

export function DataTable<Row>(props: DataTableProps<Row>) {
  const { columns, rowAt, rowHeight = 48, ...rest } = props;
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
                    {column.cell(row)}
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
