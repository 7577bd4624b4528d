/** The cache of what the server answered. */

import { QueryClient } from "@tanstack/react-query";
import { TidegateError } from "@tidegate/client";
import { session } from "../session/index.ts";
import { identityOf } from "../session/session.ts";

/** What a repeat cannot change: refusals. */
function isFinal(failure: unknown): boolean {
  return failure instanceof TidegateError && failure.status >= 400 && failure.status < 500;
}

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      retry: (count, failure) => count < 2 && !isFinal(failure),
      refetchOnWindowFocus: true,
    },
  },
});

// What one user saw is not shown to the next one.
let user = identityOf(session.state.signIn);
session.subscribe(() => {
  const { signIn } = session.state;
  const now = identityOf(signIn);
  if (signIn === null) queries.clear();
  else if (now !== user) void queries.invalidateQueries();
  user = now;
});
