/** Fills a running server: `node web/demo/run.mjs [ORIGIN]`. The development sign-in must be on. */
import { demoUser, fill, isFilled } from "./fill.mjs";

const origin = (process.argv[2] ?? "http://127.0.0.1:3000").replace(/\/$/, "");

async function run() {
  const api = demoUser(origin);
  if (await isFilled(api)) console.log("The server has the demo data already.");
  else await fill(api, (step) => console.log(`Uploading ${step} …`));
  console.log(`Open ${origin}/ and sign in as ann, organization lab, as administrator.`);
}

try {
  await run();
} catch (error) {
  const reason = error.cause?.message ?? error.message;
  console.error(`error: ${origin} could not be filled: ${reason}`);
  process.exitCode = 1;
}
