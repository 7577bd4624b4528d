/**
 * Server-sent events, read by `fetch` so that the headers of the sign-in can be sent, which
 * `EventSource` cannot. After an interruption the server tells what came meanwhile.
 */
import { createParser } from "eventsource-parser";
import { useEffect, useRef } from "react";
import { signedFetch } from "./client.ts";

interface Reader {
  onEvent: (data: string) => void;
  /** The connection came back without the events between; what is shown may be old. */
  onGap: () => void;
}

const SHORTEST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;

async function follow(path: string, reader: Reader, signal: AbortSignal): Promise<void> {
  let lastId: string | undefined;
  let wait = SHORTEST_WAIT;
  let connected = false;
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (lastId !== undefined) headers["Last-Event-ID"] = lastId;
      const response = await signedFetch(path, { headers, signal });
      if (response.status >= 400 && response.status < 500 && response.status !== 429) return;
      if (response.ok && response.body) {
        if (connected && lastId === undefined) reader.onGap();
        connected = true;
        wait = SHORTEST_WAIT;
        const parser = createParser({
          onEvent(event) {
            lastId = event.id ?? lastId;
            reader.onEvent(event.data);
          },
        });
        for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
          parser.feed(text);
        }
      }
    } catch (failure) {
      if (signal.aborted) return;
      // A cut connection is the usual end of a stream; anything else ends up in the same retry.
      if (!(failure instanceof TypeError) && !(failure instanceof DOMException)) throw failure;
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}

/** Calls back for each event of a stream as long as the component is there. */
export function useServerEvents(path: string | null, reader: Reader): void {
  const current = useRef(reader);
  current.current = reader;
  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    const onEvent = (data: string) => current.current.onEvent(data);
    const onGap = () => current.current.onGap();
    void follow(path, { onEvent, onGap }, abort.signal);
    return () => abort.abort();
  }, [path]);
}
