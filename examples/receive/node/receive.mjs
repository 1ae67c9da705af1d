// Hears what happens in your WhatsApp organization:  npm install && WAZAPP_SECRET=whsec_… node receive.mjs
// The secret is the one that was shown when the endpoint was made.
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";

const { WAZAPP_SECRET, PORT = "8000" } = process.env;
if (!WAZAPP_SECRET) throw new Error("WAZAPP_SECRET is not set: it is the endpoint's secret, whsec_…");
const webhook = new Webhook(WAZAPP_SECRET);

/** The newest ids that came. Keep them in a table, as a unique column, where a restart must not forget them. */
const known = new Set();

/** Whether a call came for the first time: one whose answer was lost comes again, under the same id. */
function isNew(id) {
  if (known.has(id)) return false;
  known.add(id);
  if (known.size > 10_000) known.delete(known.values().next().value);
  return true;
}

/** What you do with an event. */
async function work(event) {
  console.log(`${event.type} ${event.id}: ${event.data?.text ?? ""}`);
}

let queue = Promise.resolve();

/** More than any call has: nobody who is not wazapp has us keep what they like. */
const MOST = 8 << 20;

async function hear(request, response) {
  if (request.method !== "POST") return response.writeHead(405).end("send a POST\n");
  if (!(Number(request.headers["content-length"]) <= MOST)) return response.writeHead(413).end("too large\n");
  // The signature is over the bytes as they came: JSON that is read and written again has others.
  const body = await buffer(request);
  let told;
  try {
    // It is refused too if it is older than five minutes: then somebody kept it, and sends it again.
    told = webhook.verify(body, request.headers);
  } catch {
    return response.writeHead(401).end("not signed by wazapp\n");
  }
  // Acknowledged first, then worked on: an answer within 15 seconds means that you have it.
  response.writeHead(202).end();
  if (!isNew(request.headers["webhook-id"])) return;
  // An endpoint that gathers tells several at once.
  for (const event of told.type === "events" ? told.events : [told]) {
    queue = queue.then(() => work(event)).catch((error) => console.error(`event ${event.id}:`, error));
  }
}

const server = createServer((request, response) => {
  hear(request, response).catch(() => response.destroy());
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
