// whatsapp-api-js's own receiver behind endpoints of the format `meta`: says of every body what came of it, a line of JSON each.
// SECRETS: the endpoints' secrets by path, as JSON; VERIFY_TOKEN: the word of the handshake.
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { WhatsAppAPI } from "whatsapp-api-js/middleware/node-http";

/** What becomes of the body that is at work. */
const atWork = new AsyncLocalStorage();
const note = (kind) => (event) =>
  atWork.getStore().read.push({ kind, id: event.message?.id ?? event.call?.id ?? event.id ?? null });

function receiver(appSecret) {
  const api = new WhatsAppAPI({ token: "none", appSecret, webhookVerifyToken: process.env.VERIFY_TOKEN, secure: true });
  api.on.message = note("message");
  api.on.status = note("status");
  api.on.call = { connect: note("call"), terminate: note("call"), status: note("call status") };
  return api;
}

const receivers = Object.fromEntries(
  Object.entries(JSON.parse(process.env.SECRETS)).map(([path, secret]) => [path, receiver(secret)]),
);

async function answer(api, request) {
  if (request.method === "POST") return [await api.handle_post(request), ""];
  try {
    return [200, api.handle_get(request)];
  } catch (status) {
    return [status, ""];
  }
}

const server = createServer(async (request, response) => {
  const path = new URL(request.url, "http://receiver").pathname;
  const bytes = await buffer(request);
  // The request anew, whose bytes we have looked at.
  const { method, headers, url } = request;
  const same = Object.assign(Readable.from(bytes.length ? [bytes] : []), { method, headers, url });
  const became = { path, method, read: [], complaints: [] };
  const [status, text] = await atWork.run(became, () => answer(receivers[path], same));
  response.writeHead(status).end(text);
  console.log(JSON.stringify({ ...became, status, body: createHash("sha256").update(bytes).digest("hex") }));
});
server.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
