/**
 * A list or grid of any length of which only what is seen is in the document. It has one tab stop:
 * arrow keys, Home, End, Page Up and Page Down move among the items, the last one included.
 */
import { useVirtualizer, type Virtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  type MouseEvent,
  type ReactNode,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import {
  elementHeight,
  type Mapping,
  newMapping,
  scrolled,
  scrollTopFor,
} from "../lib/virtual-height.ts";
import { moveTo } from "./grid-keys.ts";
import "./grid.css";
import "./selection.css";

export interface GridItem {
  index: number;
  /** Whether this item is the one that arrow keys start from. */
  active: boolean;
}

export interface GridEvents {
  /** Opened by Enter, and by a click or, where a click picks, by a double click. */
  onOpen?: (index: number) => void;
  /** A click without a key, if it does not open. */
  onPick?: (index: number) => void;
  /** Chosen by the space key, or by a click with Control. */
  onToggle?: (index: number) => void;
  /** Chosen up to here, by Shift with an arrow key or a click. */
  onExtend?: (index: number) => void;
  onSelectAll?: () => void;
  onRemove?: (index: number) => void;
}

interface VirtualGridProps extends GridEvents {
  label: string;
  count: number;
  /** Smallest width of a column in CSS pixels; without it there is one column. */
  columnWidth?: number;
  rowHeight: (columnWidth: number) => number;
  gap?: number;
  renderItem: (item: GridItem) => ReactNode;
  isSelected?: (index: number) => boolean;
  /** Called with the positions that are seen, whenever they change. */
  onRange?: (first: number, last: number) => void;
  /** What stands above the items and scrolls with nothing, such as the names of columns. */
  head?: ReactNode;
  /** The list is no higher than its items. */
  fitted?: boolean;
  /** Scrolls to this position when it changes, and puts the keyboard there. */
  position?: number | null;
}

const isControl = (target: EventTarget) =>
  target instanceof Element && target.closest("button, a, input, label") !== null;

type Observer = (offset: number, isScrolling: boolean) => void;

export function VirtualGrid(props: VirtualGridProps) {
  const { label, count, columnWidth, rowHeight, gap = 0, renderItem, isSelected, head } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [viewport, setViewport] = useState(600);
  const [active, setActive] = useState(0);
  /** Position that gets the keyboard once it is drawn. */
  const wanted = useRef<number>(null);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const measure = () => {
      setWidth(element.clientWidth);
      setViewport(element.clientHeight);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const columns = columnWidth ? Math.max(1, Math.floor((width + gap) / (columnWidth + gap))) : 1;
  const cell = width > 0 ? (width - gap * (columns - 1)) / columns : (columnWidth ?? 300);
  const height = Math.round(rowHeight(cell)) + gap;
  const rows = Math.ceil(count / columns);
  const listHeight = rows * height;

  const mapping = useRef<Mapping>(newMapping(0, 0));
  const current = mapping.current;
  if (current.listHeight !== listHeight || current.viewport !== viewport) {
    current.listHeight = listHeight;
    current.viewport = viewport;
    if (listHeight <= elementHeight(listHeight)) current.shift = 0;
  }

  const observeOffset = useCallback(
    (instance: Virtualizer<HTMLDivElement, Element>, notify: Observer) => {
      const element = instance.scrollElement;
      if (!element) return;
      let rest: ReturnType<typeof setTimeout>;
      const onScroll = () => {
        const position = scrolled(mapping.current, element.scrollTop);
        notify(position, true);
        clearTimeout(rest);
        rest = setTimeout(() => notify(position, false), 150);
      };
      onScroll();
      element.addEventListener("scroll", onScroll, { passive: true });
      return () => {
        clearTimeout(rest);
        element.removeEventListener("scroll", onScroll);
      };
    },
    [],
  );
  const scrollTo = useCallback(
    (offset: number, _: unknown, instance: Virtualizer<HTMLDivElement, Element>) => {
      instance.scrollElement?.scrollTo({ top: scrollTopFor(mapping.current, offset) });
    },
    [],
  );
  const virtualizer = useVirtualizer({
    count: rows,
    getScrollElement: () => scroller.current,
    estimateSize: useCallback(() => height, [height]),
    overscan: 3,
    observeElementOffset: observeOffset,
    scrollToFn: scrollTo,
    useFlushSync: false,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: sizes are kept until the height changes
  useLayoutEffect(() => virtualizer.measure(), [height]);

  const shown = virtualizer.getVirtualItems();
  const first = (shown[0]?.index ?? 0) * columns;
  const last = Math.min(count, ((shown.at(-1)?.index ?? 0) + 1) * columns) - 1;
  const onRange = useRef(props.onRange);
  onRange.current = props.onRange;
  useEffect(() => {
    if (count > 0 && width > 0) onRange.current?.(first, last);
  }, [first, last, count, width]);

  const scrollToRow = useCallback(
    (row: number) => {
      const element = scroller.current;
      if (!element) return;
      const seenFrom = element.scrollTop + mapping.current.shift;
      const top = row * height;
      const below = top + height > seenFrom + viewport;
      if (top >= seenFrom && !below) return;
      const target = below ? top + height - viewport : top;
      element.scrollTop = scrollTopFor(mapping.current, target);
    },
    [height, viewport],
  );
  const activate = useCallback(
    (index: number) => {
      wanted.current = index;
      setActive(index);
      scrollToRow(Math.floor(index / columns));
    },
    [columns, scrollToRow],
  );
  const { position } = props;
  const placed = useRef(position);
  useEffect(() => {
    if (position === placed.current || position === null || position === undefined) return;
    placed.current = position;
    activate(position);
  }, [position, activate]);
  useEffect(() => {
    if (wanted.current !== active) return;
    const element = scroller.current?.querySelector<HTMLElement>(`[data-index="${active}"]`);
    if (!element) return;
    wanted.current = null;
    element.focus({ preventScroll: true });
  });
  useEffect(() => {
    if (active >= count && count > 0) setActive(count - 1);
  }, [active, count]);

  function onKeyDown(event: KeyboardEvent<HTMLDivElement>) {
    if (event.target instanceof HTMLElement && event.target.dataset.index === undefined) return;
    const perPage = Math.max(1, Math.floor(viewport / height)) * columns;
    const next = moveTo(event, active, { count, columns, perPage });
    if (next !== null) {
      event.preventDefault();
      if (event.shiftKey && props.onExtend) props.onExtend(next);
      activate(next);
    } else if (event.key === "Enter" && props.onOpen) {
      event.preventDefault();
      props.onOpen(active);
    } else if (event.key === " " && props.onToggle) {
      event.preventDefault();
      props.onToggle(active);
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey) && props.onSelectAll) {
      event.preventDefault();
      props.onSelectAll();
    } else if (event.key === "Delete" && props.onRemove) {
      event.preventDefault();
      props.onRemove(active);
    }
  }
  function onClick(event: MouseEvent<HTMLElement>, index: number) {
    if (isControl(event.target)) return;
    setActive(index);
    if (event.shiftKey && props.onExtend) props.onExtend(index);
    else if ((event.ctrlKey || event.metaKey) && props.onToggle) props.onToggle(index);
    else (props.onPick ?? props.onOpen)?.(index);
  }
  function onDoubleClick(event: MouseEvent<HTMLElement>, index: number) {
    if (props.onPick && !isControl(event.target)) props.onOpen?.(index);
  }

  const selectable = props.onToggle !== undefined;
  return (
    <div className="grid-frame">
      {head}
      <div
        className="grid-scroller"
        ref={scroller}
        style={props.fitted ? { flexBasis: elementHeight(listHeight) } : undefined}
        onKeyDown={onKeyDown}
      >
        <div
          role="grid"
          aria-label={label}
          aria-rowcount={rows}
          aria-colcount={columns}
          aria-multiselectable={selectable || undefined}
          className="grid-space"
          style={{ height: elementHeight(listHeight) }}
        >
          {shown.map((row) => (
            <div
              key={row.key}
              role="row"
              aria-rowindex={row.index + 1}
              className="grid-row"
              style={{
                height: height - gap,
                gap,
                gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
                transform: `translateY(${row.start - current.shift}px)`,
              }}
            >
              {Array.from(
                { length: Math.min(columns, count - row.index * columns) },
                (_, column) => {
                  const index = row.index * columns + column;
                  return (
                    <div
                      key={index}
                      role="gridcell"
                      aria-colindex={column + 1}
                      aria-selected={selectable ? (isSelected?.(index) ?? false) : undefined}
                      tabIndex={index === active ? 0 : -1}
                      data-index={index}
                      className="grid-cell"
                      onClick={(event) => onClick(event, index)}
                      onDoubleClick={(event) => onDoubleClick(event, index)}
                      onFocus={(event) => event.target === event.currentTarget && setActive(index)}
                    >
                      {renderItem({ index, active: index === active })}
                    </div>
                  );
                },
              )}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
