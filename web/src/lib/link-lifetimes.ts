/** For how long a link works, and what a server says that allows less. */
import { TidegateError } from "@tidegate/client";
import { t } from "../i18n/i18n.ts";
import { messageOf } from "../ui/errors.ts";
import { formatDuration } from "./format.ts";

const HOUR = 3600;
/** In seconds. */
export const LIFETIMES = ["900", String(HOUR), String(24 * HOUR), String(7 * 24 * HOUR)] as const;
export type Lifetime = (typeof LIFETIMES)[number];

export const lifetimes = () => [
  { id: LIFETIMES[0], name: t("link.minutes", { count: 15 }) },
  { id: LIFETIMES[1], name: t("link.hours", { count: 1 }) },
  { id: LIFETIMES[2], name: t("link.days", { count: 1 }) },
  { id: LIFETIMES[3], name: t("link.days", { count: 7 }) },
];

/** Returns why there is no link. A server that allows less says how many seconds at most. */
export function refusalOf(failure: unknown): string {
  if (!(failure instanceof TidegateError) || failure.code !== "BAD_REQUEST") {
    return messageOf(failure);
  }
  const most = /^ttl\w* must be from 1 to (\d{1,9})\b/.exec(failure.message)?.[1];
  return most ? t("link.tooLong", { most: formatDuration(Number(most)) }) : messageOf(failure);
}
