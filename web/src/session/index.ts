/** The one session of this tab, and a hook that reads it. */
import { useSyncExternalStore } from "react";
import { type OidcEnvironment, refreshSignIn } from "./oidc.ts";
import { Session, type SessionState } from "./session.ts";

export const environment: OidcEnvironment = {
  fetch: (input, init) => fetch(input, init),
  storage: sessionStorage,
  origin: location.origin,
  now: Date.now,
};

export const session = new Session(sessionStorage, (signIn) => refreshSignIn(signIn, environment));

export function useSession(): SessionState {
  return useSyncExternalStore(session.subscribe, session.snapshot);
}
