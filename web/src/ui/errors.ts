/** Says in the language of the page what a failure means. */
import { TidegateError } from "@tidegate/client";
import { i18n, type MessageId, t } from "../i18n/i18n.ts";
import { archiveText } from "../lib/archived.ts";
import { OidcError, type OidcReason } from "../session/oidc.ts";

const BY_CODE: Record<string, MessageId> = {
  NETWORK: "error.network",
  FORBIDDEN: "error.forbidden",
  NOT_FOUND: "error.notFound",
  UNAUTHENTICATED: "error.unauthenticated",
  QUOTA_EXCEEDED: "error.quota",
  TOO_LARGE: "error.tooLarge",
  RATE_LIMITED: "error.rateLimited",
  STORE_UNAVAILABLE: "error.unavailable",
  INSUFFICIENT_STORAGE: "error.diskFull",
  INVALID_STATE: "error.state",
  ARCHIVED: "error.archived",
  InvalidObjectState: "error.archived",
  INTERNAL: "error.internal",
};

const OIDC: Record<OidcReason, MessageId> = {
  insecure: "oidc.insecure",
  unreachable: "oidc.unreachable",
  discovery: "oidc.discovery",
  issuer: "oidc.issuer",
  endpoint: "oidc.endpoint",
  denied: "oidc.denied",
  refused: "oidc.refused",
  state: "oidc.state",
  code: "oidc.code",
  token: "oidc.token",
  idToken: "oidc.idToken",
  nonce: "oidc.nonce",
  clock: "oidc.clock",
  expired: "oidc.expired",
};

function oidcMessage({ reason, detail }: OidcError): string {
  return detail ? `${t(OIDC[reason])} (${detail})` : t(OIDC[reason]);
}

/** Returns one sentence for a person; the server's own words are put behind it where they add. */
export function messageOf(failure: unknown): string {
  if (failure instanceof OidcError) return oidcMessage(failure);
  if (!(failure instanceof TidegateError)) {
    return failure instanceof Error ? failure.message : String(failure);
  }
  if (failure.archive?.state === "THAWING") return archiveText(failure.archive) ?? failure.message;
  const id = BY_CODE[failure.code];
  const said = failure.message;
  if (!id) return said;
  const repeats =
    i18n.locale !== "en" || failure.code === "NETWORK" || failure.code === "NOT_FOUND";
  return repeats || !said ? t(id) : `${t(id)} (${said})`;
}
