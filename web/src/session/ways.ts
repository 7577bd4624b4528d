/** How this server is signed in to. Asked for without a sign-in. */
import { queryOptions } from "@tanstack/react-query";
import { createClient, dataOf, type TidegateError } from "@tidegate/client";
import type { SignInMethods } from "../api/admin.ts";
import { OidcError } from "./oidc.ts";
import { type SignIn, signInHeaders } from "./session.ts";

export const waysQuery = queryOptions({
  queryKey: ["sign-in"],
  queryFn: async ({ signal }): Promise<SignInMethods | null> => {
    const client = createClient({ baseUrl: location.origin, credentials: "omit" });
    try {
      return await dataOf(client.api.GET("/v1/sign-in", { signal }));
    } catch (failure) {
      // A server of before that route: both forms are offered, and it decides.
      if (isAbsent(failure)) return null;
      throw failure;
    }
  },
  staleTime: Number.POSITIVE_INFINITY,
});

const isAbsent = (failure: unknown) => {
  const { status } = failure as TidegateError;
  return status === 404 || status === 401 || status === 405;
};

/** Asks the server whether it takes a sign-in, before anything of the page depends on it. */
export async function tryOut(signIn: SignIn): Promise<void> {
  const headers = signInHeaders(signIn);
  const client = createClient({ baseUrl: location.origin, headers, retry: { retries: 0 } });
  try {
    const { kind } = await dataOf(client.api.GET("/v1/me"));
    if (kind === "anonymous" && signIn.kind !== "none") throw new OidcError("token", kind);
  } catch (failure) {
    if ((failure as TidegateError).status !== 404) throw failure;
    await tryOutByList(client);
  }
}

/** For a server that does not say who is signed in. */
async function tryOutByList(client: ReturnType<typeof createClient>): Promise<void> {
  try {
    await client.api.GET("/api/spaces", { params: { query: { limit: 1 } } });
  } catch (failure) {
    // A server without spaces, or a user who may not see any, is a sign-in all the same.
    const { status } = failure as TidegateError;
    if (status !== 403 && status !== 404) throw failure;
  }
}
