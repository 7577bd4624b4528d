/** The one session of this tab, and hooks that read it. */
import { useMemo, useSyncExternalStore } from "react";
import { type Principal, principalOf } from "./principal.ts";
import { Session, type SessionState } from "./session.ts";

export const session = new Session(sessionStorage);

export function useSession(): SessionState {
  return useSyncExternalStore(session.subscribe, session.snapshot);
}

export function usePrincipal(): Principal | null {
  const { signIn } = useSession();
  return useMemo(() => (signIn ? principalOf(signIn) : null), [signIn]);
}
