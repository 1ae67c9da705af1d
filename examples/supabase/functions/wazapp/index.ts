// Hears what happens in your WhatsApp organization, from an endpoint of the format `wazapp`.
// WAZAPP_SECRET is the endpoint's secret, as it was shown once: whsec_…

declare const EdgeRuntime: { waitUntil(work: Promise<unknown>): void } | undefined;

interface Event {
  id: string;
  sequence: number;
  type: string;
  conversation_id: string | null;
  data: { id?: string; text?: string; [member: string]: unknown } | null;
}

/** A call that is older was kept by somebody, and is sent again. */
const FIVE_MINUTES = 5 * 60;

const secret = Deno.env.get("WAZAPP_SECRET");
if (!secret?.startsWith("whsec_")) {
  throw new Error("WAZAPP_SECRET is not the endpoint's secret: supabase secrets set WAZAPP_SECRET=whsec_…");
}
const key = await crypto.subtle.importKey(
  "raw",
  bytes(secret.slice("whsec_".length)),
  { name: "HMAC", hash: "SHA-256" },
  false,
  ["verify"],
);

Deno.serve(async (request) => {
  if (request.method !== "POST") return new Response("send a POST", { status: 405 });
  // The signature is over the bytes as they came: JSON that is read and written again has others.
  const body = new Uint8Array(await request.arrayBuffer());
  if (!await isSigned(request.headers, body)) return new Response("not signed by wazapp", { status: 401 });
  const told = JSON.parse(new TextDecoder().decode(body));
  // An endpoint that gathers tells several at once.
  const events: Event[] = told.type === "events" ? told.events : [told];
  // Acknowledged first: an answer within 15 seconds means that you have it. What goes wrong behind it is yours to try again.
  behind(Promise.all(events.map(work)));
  return new Response(null, { status: 202 });
});

/** What you do with an event. It may come twice: know it by its id. */
async function work(event: Event) {
  switch (event.type) {
    case "message.received":
      console.log(`message ${event.data?.id} in conversation ${event.conversation_id} (event ${event.id})`);
      break;
    default:
      console.log(`${event.type} (event ${event.id})`);
  }
  await Promise.resolve();
}

/** Standard Webhooks: whether our secret made one of the signatures, lately. */
async function isSigned(headers: Headers, body: Uint8Array): Promise<boolean> {
  const id = headers.get("webhook-id");
  const at = headers.get("webhook-timestamp");
  const age = Math.abs(Date.now() / 1000 - Number(at));
  if (!id || !at || !(age <= FIVE_MINUTES)) return false;
  const head = new TextEncoder().encode(`${id}.${at}.`);
  const said = new Uint8Array(head.length + body.length);
  said.set(head);
  said.set(body, head.length);
  // While a secret is changed, the one before signs too.
  for (const signature of headers.get("webhook-signature")?.split(" ") ?? []) {
    const [version, text] = signature.split(",");
    // `verify` compares in constant time.
    if (version === "v1" && text && await crypto.subtle.verify("HMAC", key, bytes(text), said)) return true;
  }
  return false;
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

/** Lets work go on behind the answer. Without this, Supabase may end the function with it. */
function behind(work: Promise<unknown>) {
  const told = work.catch((error) => console.error("the work behind an answer failed:", error));
  if (typeof EdgeRuntime !== "undefined") EdgeRuntime.waitUntil(told);
}
