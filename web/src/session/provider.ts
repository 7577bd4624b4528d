/** Takes the user to the provider and back: in this tab, or in another one that signs this one in again. */
import { callback } from "./callback.ts";
import { environment, session } from "./index.ts";
import { beginSignIn, finishSignIn, type OidcSettings, REDIRECT_PATH } from "./oidc.ts";
import { parseSignIn } from "./session.ts";
import { tryOut } from "./ways.ts";

const channelOf = (renewal: string) => new BroadcastChannel(`tidegate.sign-in.${renewal}`);

/** Leaves this page for the provider. */
export async function goToProvider(settings: OidcSettings): Promise<void> {
  const here = location.pathname + location.search;
  location.assign(await beginSignIn(settings, environment, here, callback.renewal));
}

let waiting: BroadcastChannel | undefined;

/** Opens a tab that goes to the provider, and signs this tab in with what it sends back. */
export function openRenewal(): void {
  const renewal = crypto.randomUUID();
  waiting?.close();
  const channel = channelOf(renewal);
  waiting = channel;
  channel.onmessage = ({ data }) => {
    const signIn = parseSignIn(typeof data === "string" ? data : null);
    if (signIn?.kind !== "oidc") return;
    channel.close();
    session.signIn(signIn);
  };
  // Without an opener, the provider's page has no hold on this one.
  const address = `${REDIRECT_PATH}?${new URLSearchParams({ renew: renewal })}`;
  window.open(address, "_blank", "noopener");
}

/** Who was signed in: this tab, or the one that waits for it. */
export type Outcome = "here" | "sent";

/** Finishes what the provider answered, and signs in here or in the tab that waits. */
async function finish(answer: URLSearchParams): Promise<Outcome> {
  const { signIn, returnTo, renewal } = await finishSignIn(answer, environment);
  await tryOut(signIn);
  if (renewal === null) {
    // Before the pages are drawn, so that they begin with this address.
    history.replaceState(null, "", returnTo);
    session.signIn(signIn);
    return "here";
  }
  const channel = channelOf(renewal);
  channel.postMessage(JSON.stringify(signIn));
  channel.close();
  return "sent";
}

let finishing: Promise<Outcome> | undefined;

/** Returns how the sign-in went that this page was opened for, or null if it was opened for none. */
export function finished(): Promise<Outcome> | null {
  if (callback.answer === null) return null;
  finishing ??= finish(callback.answer);
  return finishing;
}
