/**
 * What the address of `/sign-in` holds when the page is opened. It is read, and removed from the address
 * and the history, before anything else of the page runs.
 */
import { REDIRECT_PATH } from "./oidc.ts";

export interface Callback {
  /** The issuer's answer, if the user comes from there. */
  answer: URLSearchParams | null;
  /** Name of the tab that waits for a sign-in, if it opened this one. */
  renewal: string | null;
}

const ANSWERS = ["code", "state", "error"];

export function takeCallback(
  location: Pick<Location, "pathname" | "search">,
  history: Pick<History, "replaceState">,
): Callback {
  const none = { answer: null, renewal: null };
  if (location.pathname !== REDIRECT_PATH || location.search === "") return none;
  const query = new URLSearchParams(location.search);
  history.replaceState(null, "", REDIRECT_PATH);
  return {
    answer: ANSWERS.some((name) => query.has(name)) ? query : null,
    renewal: query.get("renew"),
  };
}

export const callback: Callback =
  typeof location === "undefined"
    ? { answer: null, renewal: null }
    : takeCallback(location, history);
