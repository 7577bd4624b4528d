/** The content security policy of the dashboard's page. */
import { styleHashes } from "./style-hashes.mjs";

/**
 * Returns the policy. `{edge}` and `{store}` stand for the origins of `EDGE_URL` and of presigned
 * URLs (`S3_URL`, or the bucket's), `{issuer}` for that of `OIDC_ISSUER`. The server fills them in.
 */
export async function contentSecurityPolicy() {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' ${(await styleHashes()).join(" ")}`,
    "img-src 'self' {edge}",
    "media-src 'self' {edge}",
    "font-src 'none'",
    "connect-src 'self' {edge} {store} {issuer}",
    "worker-src 'self'",
    "manifest-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types default",
  ].join("; ");
}

/** Returns the policy with the origins filled in. One that is not set leaves nothing in its place. */
export function fillOrigins(policy, { edge = "", store = "", issuer = "" }) {
  const origins = { edge, store, issuer };
  return policy.replace(/ ?\{(edge|store|issuer)\}/g, (_, name) =>
    origins[name] ? ` ${origins[name]}` : "",
  );
}
