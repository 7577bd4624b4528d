/** A line chart by uPlot, in the colours of the theme. */
import { useEffect, useRef } from "react";
import uPlot, { type AlignedData } from "uplot";
import "uplot/dist/uPlot.min.css";
import "./chart.css";

interface ChartProps {
  /** What the chart shows, for those who do not see it. */
  label: string;
  data: AlignedData;
  /** Name of the one series. */
  series: string;
  format: (value: number) => string;
  /** How whole numbers of the horizontal axis are written, if not as numbers. */
  formatX?: (value: number) => string;
}

const HEIGHT = 220;
const WHOLE_STEPS = [1, 2, 7, 14, 28, 56, 112];

/** A custom property that holds `light-dark()` is resolved by using it as a colour. */
function resolved(element: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

export function Chart({ label, data, series, format, formatX }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const formatter = useRef(format);
  formatter.current = format;
  const formatterX = useRef(formatX);
  formatterX.current = formatX;
  // biome-ignore lint/correctness/useExhaustiveDependencies: new data goes into the same plot below
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const axis = {
      stroke: resolved(element, "--soft"),
      grid: { stroke: resolved(element, "--line"), width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif",
    };
    plot.current = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        scales: { x: { time: false } },
        legend: { show: false },
        cursor: { drag: { x: false, y: false } },
        axes: [
          formatterX.current
            ? {
                ...axis,
                incrs: WHOLE_STEPS,
                values: (_, ticks) => ticks.map((v) => formatterX.current?.(v) ?? String(v)),
              }
            : axis,
          { ...axis, size: 64, values: (_, ticks) => ticks.map((v) => formatter.current(v)) },
        ],
        series: [
          {},
          {
            label: series,
            stroke: resolved(element, "--link"),
            width: 1.5,
            points: { show: data[0].length < 80, size: 4 },
          },
        ],
      },
      data,
      element,
    );
    const observer = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [series]);
  useEffect(() => plot.current?.setData(data), [data]);
  return <div ref={place} className="chart" role="img" aria-label={label} />;
}
