/** Who is signed in, as the server says it. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, take } from "../api/client.ts";
import { useSession } from "./index.ts";
import { type Principal, principalOf } from "./principal.ts";

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: ({ signal }) => take(api.GET("/v1/me", { signal })),
  staleTime: 300_000,
});

export function usePrincipal(): Principal | null {
  const { signIn } = useSession();
  const { data } = useQuery({ ...meQuery, enabled: signIn !== null });
  return useMemo(() => (signIn ? principalOf(signIn, data) : null), [signIn, data]);
}
