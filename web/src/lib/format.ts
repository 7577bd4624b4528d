/** Numbers, sizes and times in the language of the page. */
import { i18n } from "../i18n/i18n.ts";

/** The browser's own form of the page's language, such as `en-GB`, so that dates are as people write them. */
function formatLocale(): string {
  const region = globalThis.navigator?.languages ?? [];
  return region.find((tag) => tag.split("-")[0] === i18n.locale) ?? i18n.locale;
}

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Returns a count of bytes as people read it, in decimal units: `1.5 MB`. */
export function formatBytes(bytes: number, locale = formatLocale()): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  const text = new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value);
  return `${text} ${UNITS[unit]}`;
}

export function formatNumber(value: number, locale = formatLocale()): string {
  return new Intl.NumberFormat(locale).format(value);
}

export function formatPercent(part: number, locale = formatLocale()): string {
  return new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 }).format(part);
}

export function formatDateTime(time: string | number | Date, locale = formatLocale()): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(
    new Date(time),
  );
}

/** As `formatDateTime` with seconds, for logs and timelines. */
export function formatInstant(time: string | number | Date, locale = formatLocale()): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" }).format(
    new Date(time),
  );
}

/** Returns a day in UTC without its year, as on the axis of a chart. */
export function formatDay(day: Date, locale = formatLocale()): string {
  const options = { day: "numeric", month: "short", timeZone: "UTC" } as const;
  return new Intl.DateTimeFormat(locale, options).format(day);
}

export function formatTime(time: string | number | Date, locale = formatLocale()): string {
  return new Intl.DateTimeFormat(locale, { timeStyle: "short" }).format(new Date(time));
}

const STEPS: ReadonlyArray<[Intl.RelativeTimeFormatUnit, number]> = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/**
 * Returns how far a time is from `now`: `3 hours ago`, `in 29 days`. Times of the server need the server's
 * clock: `client.clock.now()`.
 */
export function formatAgo(time: string | number | Date, now: number, locale = formatLocale()) {
  const seconds = (new Date(time).getTime() - now) / 1000;
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return format.format(Math.trunc(seconds / length), unit);
  }
  return format.format(0, "second");
}

/** Returns a length of time in the two largest units that matter: `2 h 5 min`. */
export function formatDuration(seconds: number, locale = formatLocale()): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts: Array<[number, string]> = [
    [Math.floor(whole / 3600), "hour"],
    [Math.floor((whole % 3600) / 60), "minute"],
    [whole % 60, "second"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  const shown = first === -1 ? parts.slice(2) : parts.slice(first, first + 2);
  return shown
    .filter(([value], index) => value > 0 || index === 0)
    .map(([value, unit]) =>
      new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }).format(value),
    )
    .join(" ");
}
