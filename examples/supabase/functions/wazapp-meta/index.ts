// Hears what Meta tells your WhatsApp number, byte for byte, from an endpoint of the format `meta`: a handler that was written
// for the Cloud API works here unchanged.
// WAZAPP_META_SECRET is the endpoint's secret, all of it: it is what Meta's App secret is elsewhere.
// WAZAPP_VERIFY_TOKEN is the endpoint's `verify_token`, if it has one.

declare const EdgeRuntime: { waitUntil(work: Promise<unknown>): void } | undefined;

interface Change {
  field: string;
  value: { messages?: { id: string; type: string }[]; statuses?: { id: string; status: string }[] };
}

const secret = Deno.env.get("WAZAPP_META_SECRET");
if (!secret) {
  throw new Error("WAZAPP_META_SECRET is not set: supabase secrets set WAZAPP_META_SECRET=whsec_…");
}
const key = await crypto.subtle.importKey(
  "raw",
  new TextEncoder().encode(secret),
  { name: "HMAC", hash: "SHA-256" },
  false,
  ["verify"],
);

Deno.serve(async (request) => {
  if (request.method === "GET") return handshake(new URL(request.url).searchParams);
  if (request.method !== "POST") return new Response("send a POST", { status: 405 });
  const body = new Uint8Array(await request.arrayBuffer());
  if (!await isSigned(request.headers, body)) return new Response("not signed by wazapp", { status: 401 });
  const told = JSON.parse(new TextDecoder().decode(body));
  behind(Promise.all(told.entry.flatMap((entry: { changes: Change[] }) => entry.changes.map(work))));
  return new Response(null, { status: 200 });
});

/** What you do with a change. It may come twice: know what is in it by Meta's ids. */
async function work(change: Change) {
  for (const message of change.value.messages ?? []) console.log(`${message.type} ${message.id}`);
  for (const status of change.value.statuses ?? []) console.log(`${status.status} ${status.id}`);
  await Promise.resolve();
}

/** Meta's handshake: whoever asks knows our word, and gets their challenge back. */
function handshake(asked: URLSearchParams): Response {
  const word = Deno.env.get("WAZAPP_VERIFY_TOKEN");
  const isOurs = asked.get("hub.mode") === "subscribe" && word && asked.get("hub.verify_token") === word;
  return isOurs ? new Response(asked.get("hub.challenge")) : new Response("not the word", { status: 403 });
}

/** Whether our secret signed these bytes, as Meta signs. While a secret is changed, every other try is signed by the new one. */
async function isSigned(headers: Headers, body: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const hex = headers.get("x-hub-signature-256")?.match(/^sha256=([0-9a-f]{64})$/)?.[1];
  if (!hex) return false;
  const signature = Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
  return await crypto.subtle.verify("HMAC", key, signature, body);
}

/** Lets work go on behind the answer. Without this, Supabase may end the function with it. */
function behind(work: Promise<unknown>) {
  const told = work.catch((error) => console.error("the work behind an answer failed:", error));
  if (typeof EdgeRuntime !== "undefined") EdgeRuntime.waitUntil(told);
}
