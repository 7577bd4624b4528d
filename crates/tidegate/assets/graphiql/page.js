// GraphiQL over our own door: queries by POST, subscriptions as server-sent events, the sign-in by the headers below it.
const fetcher = async function* (params, options) {
  const isSubscription = options?.documentAST?.definitions.some(
    (part) => part.operation === "subscription" && (!params.operationName || part.name?.value === params.operationName),
  );
  const answer = await fetch("/graphql", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: isSubscription ? "text/event-stream" : "application/json",
      ...options?.headers,
    },
    body: JSON.stringify(params),
  });
  if (!isSubscription || !answer.headers.get("content-type")?.startsWith("text/event-stream")) {
    yield await answer.json();
    return;
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.split("\n").find((line) => line.startsWith("data: "))?.slice(6);
      if (data && event.includes("event: next")) yield JSON.parse(data);
    }
  }
};
const page = document.getElementById("graphiql");
ReactDOM.createRoot(page).render(
  React.createElement(GraphiQL, { fetcher, defaultHeaders: page.dataset.headers, shouldPersistHeaders: false }),
);
