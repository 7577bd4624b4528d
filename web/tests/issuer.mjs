/** An OpenID provider in a few lines, for tests: it asks nobody, and signs in whom it is told to. */
import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Starts the provider. `user`, `lifetime`, `deny` and `wrongNonce` may be changed while it runs. */
export async function startIssuer() {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const codes = new Map();
  const refreshes = new Map();
  const issuer = {
    url: "",
    user: { sub: "olga", org: "lab", roles: ["admin"] },
    lifetime: 300,
    deny: false,
    wrongNonce: false,
    grants: [],
  };

  function jwt(claims) {
    const now = Math.floor(Date.now() / 1000);
    const all = { iss: issuer.url, iat: now, exp: now + issuer.lifetime, ...claims };
    const text = `${encode({ alg: "RS256", typ: "JWT", kid: "k" })}.${encode(all)}`;
    return `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}`;
  }

  function tokens({ client_id: aud, nonce }) {
    const refresh = randomUUID();
    refreshes.set(refresh, { client_id: aud });
    return {
      access_token: jwt({ ...issuer.user, aud: "tidegate" }),
      id_token: jwt({ sub: issuer.user.sub, aud, ...(nonce && { nonce }) }),
      refresh_token: refresh,
      token_type: "Bearer",
      expires_in: issuer.lifetime,
    };
  }

  function authorize(query) {
    const back = new URL(query.redirect_uri);
    back.searchParams.set("state", query.state);
    if (issuer.deny) back.searchParams.set("error", "access_denied");
    else {
      const code = randomUUID();
      codes.set(code, { ...query, ...(issuer.wrongNonce && { nonce: "other" }) });
      back.searchParams.set("code", code);
    }
    return back.href;
  }

  /** Returns tokens, or null for a grant that is not good (RFC 6749, section 5.2). */
  function grant(form) {
    issuer.grants.push(form.grant_type);
    if (form.grant_type === "refresh_token") {
      const held = refreshes.get(form.refresh_token);
      refreshes.delete(form.refresh_token);
      return held && held.client_id === form.client_id ? tokens(held) : null;
    }
    const held = codes.get(form.code);
    codes.delete(form.code);
    const challenge = createHash("sha256")
      .update(form.code_verifier ?? "")
      .digest("base64url");
    const good = held?.code_challenge === challenge && held.redirect_uri === form.redirect_uri;
    return good ? tokens(held) : null;
  }

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, issuer.url);
    const json = (status, body) => {
      const headers = { "Content-Type": "application/json", "Access-Control-Allow-Origin": "*" };
      response.writeHead(status, headers).end(JSON.stringify(body));
    };
    if (pathname === "/.well-known/openid-configuration") {
      json(200, {
        issuer: issuer.url,
        authorization_endpoint: `${issuer.url}/authorize`,
        token_endpoint: `${issuer.url}/token`,
        jwks_uri: `${issuer.url}/jwks`,
        code_challenge_methods_supported: ["S256"],
      });
    } else if (pathname === "/jwks") {
      const key = { ...publicKey.export({ format: "jwk" }), kid: "k", alg: "RS256", use: "sig" };
      json(200, { keys: [key] });
    } else if (pathname === "/authorize") {
      const query = Object.fromEntries(searchParams);
      response.writeHead(302, { Location: authorize(query) }).end();
    } else if (pathname === "/token" && request.method === "POST") {
      let text = "";
      for await (const chunk of request) text += chunk;
      const answer = grant(Object.fromEntries(new URLSearchParams(text)));
      json(answer ? 200 : 400, answer ?? { error: "invalid_grant" });
    } else json(404, {});
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  issuer.url = `http://127.0.0.1:${server.address().port}`;
  issuer.close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return issuer;
}
