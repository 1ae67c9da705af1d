// Hears what happens in your WhatsApp organization:  WAZAPP_SECRET=whsec_… deno run --allow-env --allow-net receive.ts
// The secret is the one that was shown when the endpoint was made. No package is needed: Web Crypto checks the signature.

type Event = { id: string; type: string; data: { text?: string } | null };

const secret = Deno.env.get("WAZAPP_SECRET")?.match(/^whsec_(.+)$/)?.[1];
if (!secret) throw new Error("WAZAPP_SECRET is not the endpoint's secret, whsec_…");
const hmac = { name: "HMAC", hash: "SHA-256" };
const key = await crypto.subtle.importKey("raw", Uint8Array.fromBase64(secret), hmac, false, ["verify"]);

/** The newest ids that came. Keep them in a table, as a unique column, where a restart must not forget them. */
const known = new Set<string>();

/** Whether a call came for the first time: one whose answer was lost comes again, under the same id. */
function isNew(id: string): boolean {
  if (known.has(id)) return false;
  known.add(id);
  if (known.size > 10_000) known.delete(known.values().next().value!);
  return true;
}

/** Standard Webhooks: whether our secret made one of the signatures, within the last five minutes. */
async function isSigned(headers: Headers, body: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const [id, at, signatures] = ["id", "timestamp", "signature"].map((name) => headers.get(`webhook-${name}`) ?? "");
  if (!id || !(Math.abs(Date.now() / 1000 - Number(at)) <= 300)) return false;
  const signed = await new Blob([`${id}.${at}.`, body]).bytes();
  // While a secret is changed, the one before signs too. `verify` compares in constant time.
  for (const text of signatures.split(" ").filter((one) => one.startsWith("v1,"))) {
    if (await crypto.subtle.verify("HMAC", key, Uint8Array.fromBase64(text.slice(3)), signed)) return true;
  }
  return false;
}

/** What you do with an event. */
async function work(event: Event) {
  await Promise.resolve();
  console.log(`${event.type} ${event.id}: ${event.data?.text ?? ""}`);
}

let queue = Promise.resolve();
/** More than any call has: nobody who is not wazapp has us keep what they like. */
const MOST = 8 << 20;

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.env.get("PORT") ?? 8000) }, async (request) => {
  if (request.method !== "POST") return new Response("send a POST\n", { status: 405 });
  const length = request.headers.get("content-length");
  if (length === null || !(Number(length) <= MOST)) return new Response("too large\n", { status: 413 });
  // The signature is over the bytes as they came: JSON that is read and written again has others.
  const body = await request.bytes();
  const signed = await isSigned(request.headers, body).catch(() => false);
  if (!signed) return new Response("not signed by wazapp\n", { status: 401 });
  const told = JSON.parse(new TextDecoder().decode(body));
  // Acknowledged first, then worked on: an answer within 15 seconds means that you have it.
  if (isNew(request.headers.get("webhook-id")!)) {
    // An endpoint that gathers tells several at once.
    for (const event of told.type === "events" ? told.events : [told]) {
      queue = queue.then(() => work(event)).catch((error) => console.error(`event ${event.id}:`, error));
    }
  }
  return new Response(null, { status: 202 });
});
