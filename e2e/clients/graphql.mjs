// Talks to GraphQL as urql (queries by GET), Apollo (batches and persisted queries) and graphql-sse
// do: `node graphql.mjs API`. Checks which requests they sent.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { BatchHttpLink } from "@apollo/client/link/batch-http";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { Client, fetchExchange } from "@urql/core";
import { createClient } from "graphql-sse";

const [api] = process.argv.slice(2);
const url = `${api}/graphql`;
const headers = { "X-User-Id": "ann", "X-Org-Id": "garage" };
const sent = [];

/** Sends a request, and remembers it and its answer. */
async function recorded(input, options = {}) {
  const answer = await fetch(input, options);
  sent.push({ method: options.method ?? "GET", body: options.body, status: answer.status, text: await answer.clone().text() });
  return answer;
}

const urql = new Client({ url, exchanges: [fetchExchange], fetch: recorded, preferGetMethod: "force", fetchOptions: { headers } });
const made = await urql.mutation("mutation { createSession { id } }", {}).toPromise();
assert.ok(made.data, String(made.error));
const session = made.data.createSession.id;
const MEDIA = "query Media($id: UUID!) { sessionMedia(sessionId: $id) { media { id } next } }";
const listed = await urql.query(MEDIA, { id: session }).toPromise();
assert.deepEqual(listed.data?.sessionMedia.media, [], String(listed.error));
assert.deepEqual(sent.map(({ method }) => method), ["POST", "GET"]);

sent.length = 0;
const apollo = (link) => new ApolloClient({ link, cache: new InMemoryCache(), defaultOptions: { query: { fetchPolicy: "no-cache" } } });
const batching = apollo(new BatchHttpLink({ uri: url, headers, fetch: recorded, batchInterval: 20 }));
const both = await Promise.all(["A", "B"].map((name) =>
  batching.query({ query: gql(MEDIA.replace("Media", name)), variables: { id: session } })));
assert.ok(both.every(({ data }) => data.sessionMedia.media.length === 0));
assert.equal(sent.length, 1, "one request for both");
assert.equal(JSON.parse(sent[0].body).length, 2);

sent.length = 0;
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const persisting = apollo(ApolloLink.from([new PersistedQueryLink({ sha256 }), new HttpLink({ uri: url, headers, fetch: recorded })]));
const persisted = await persisting.query({ query: gql(MEDIA), variables: { id: session } });
assert.deepEqual(persisted.data.sessionMedia.media, []);
assert.match(sent[0].text, /PersistedQueryNotSupported/);
assert.equal(sent.length, 2, "the query follows the refusal");

const sse = createClient({ url, headers, singleConnection: false, fetchFn: recorded });
const answers = [];
for await (const answer of sse.iterate({ query: MEDIA, variables: { id: session } })) {
  answers.push(answer);
}
assert.deepEqual(answers.map(({ data }) => data.sessionMedia.media), [[]]);
console.log("the clients work");
