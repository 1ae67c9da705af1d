// What the JavaScript scripts share: the simulator's control API, steps that are reported one by one, and a receiver.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createHmac } from "node:crypto";

export const SIMULATOR = process.env.SIMULATOR;
/** Where wazapp answers in Meta's place, with the simulator behind it; undefined: the simulator answers itself. */
export const WAZAPP = process.env.WAZAPP;
/** What is Meta to the client at test. */
export const GRAPH = WAZAPP ?? SIMULATOR;
export const SITE = process.env.SITE;
export const VERIFY_TOKEN = "a word between us";
const PATIENCE = 20_000;
const failed = [];
let passed = 0;

export const same = assert.deepEqual;

/** One line of the report. A step that fails does not keep the others from being tried. */
export async function step(name, run) {
  try {
    await run();
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed.push(name);
    console.log(`FAILED  ${name}\n${error.stack}`, error.cause ?? "");
  }
}

/** A step that is not for this world, and why. */
export const skip = (name, why) => console.log(`skipped ${name}: ${why}`);

/** Ends the script; its exit code says whether every step passed. */
export function finish() {
  console.log([`${passed} passed, ${failed.length} failed`, ...failed].join("\n  "));
  process.exit(failed.length || !passed ? 1 : 0);
}

/** Waits until `look` answers something true, and answers it. */
export async function waitFor(what, look) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert(Date.now() < deadline, `waited ${PATIENCE} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function ask(path, body, headers, method, base = SIMULATOR) {
  const answer = await fetch(`${base}${path}`, {
    method: method ?? (body ? "POST" : "GET"),
    headers: { "Content-Type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  assert(answer.ok, `${path} answers ${answer.status}: ${text}`);
  return JSON.parse(text);
}

/** Asks the control API. */
export const control = (path, body) => ask(path, body);

const state = await control("/_sim/state");
export const APP = state.app;
export const [BUSINESS, OTHER_BUSINESS] = state.businesses;
export const WABA = BUSINESS.wabas[0];
export const OTHER_WABA = OTHER_BUSINESS.wabas[0];
// An API key is the access token there.
if (WAZAPP) [WABA.token, OTHER_WABA.token] = [process.env.KEY, process.env.OTHER_KEY];
export const NUMBER = WABA.numbers[0].phone_number_id;
export const TOKEN = WABA.token;
export const DIGITS = WABA.numbers[0].display_phone_number.replace(/\D/g, "");

/** Two customers. */
export const SHEENA = "16505551234";
export const PABLO = "16505559876";

/** A business profile, for clients that can write one. */
export const PROFILE = {
  about: "Tea",
  address: "1 Main St",
  description: "We have tea",
  email: "tea@example.com",
  websites: ["https://example.com/"],
  vertical: "RESTAURANT",
};

/** A call that the client at test does not know. */
export const graph = (method, path, body, token = TOKEN) =>
  ask(`/v23.0/${path}`, body, { Authorization: `Bearer ${token}` }, method, GRAPH);

/** A message as wazapp's own API shows it. */
async function kept(wamid) {
  const headers = { Authorization: `Bearer ${TOKEN}` };
  const { data } = await ask(`/api/v1/messages?wamid=${encodeURIComponent(wamid)}`, undefined, headers, "GET", WAZAPP);
  same(data.length, 1, `wazapp's API does not show ${wamid}`);
  return data[0];
}

/** What Meta's statuses bring back where a send asked for this word: wazapp's own id, and the message has the word. */
export async function echoed(wamid, word) {
  if (!WAZAPP) return word;
  const message = await kept(wamid);
  same(message.callback_data, word);
  return message.id;
}

/** The same without what is null or empty, some of which wazapp leaves out. */
const bare = (value) =>
  JSON.parse(JSON.stringify(value), (_, inner) => ([null, ""].includes(inner) ? undefined : inner));

/** One of the files that the web site has too. */
export const file = (name) => readFile(`${process.env.FILES}/${name}`);

/** A file that a customer sends. */
const aFile = async (name, mime, more) => ({
  mime_type: mime,
  data: (await file(name)).toString("base64"),
  ...more,
});

/** A customer's phone sends Meta's message object; answers its wamid. */
export async function customerWrites(message, sender, name = "Zoë 🌻") {
  return (await control("/_sim/messages", { phone_number_id: NUMBER, from: sender, profile_name: name, ...message }))
    .id;
}

const rows = async (kind, wamid) => {
  const { data } = await control(`/_sim/accepted?phone_number_id=${NUMBER}`);
  return data.filter((row) => row.id === wamid && row.kind === kind);
};

/** The body of the one request that Meta accepted as this message. */
export async function accepted(wamid) {
  const found = await rows("message", wamid);
  same(found.length, 1, `accepted requests of ${wamid}`);
  return found[0].request;
}

/** Requires that the last read receipt that Meta accepted for a message is this one. */
export async function wasRead(wamid, typing) {
  const found = await rows("read", wamid);
  assert(found.length, `no read receipt of ${wamid} was accepted`);
  same(found.at(-1).request.typing_indicator, typing);
}

/** Requires that Meta accepted exactly this message, and that wazapp, if it stands between, shows it. */
export async function wasSent(wamid, to, kind, content, replyTo) {
  assert.match(wamid, /^wamid\./);
  const request = await accepted(wamid);
  if (WAZAPP) {
    [content, request[kind]] = [bare(content), bare(request[kind])];
    const { direction, type, payload } = await kept(wamid);
    same([direction, type, bare(payload[kind])], ["outbound", kind, content]);
  }
  same(
    {
      product: request.messaging_product,
      to: request.to,
      type: request.type,
      content: request[kind],
      context: request.context,
    },
    { product: "whatsapp", to, type: kind, content, context: replyTo && { message_id: replyTo } },
  );
}

/** Meta fails the next call like this. */
export const failsNext = (fault) => control("/_sim/faults", [{ kind: "error", count: 1, ...fault }]);

/** For receivers that read only the first update of a POST: Meta sends each alone. */
export const oneUpdateAPost = () => control("/_sim/batching", { share: 0 });

/** A number is added to the account, as its owner does; it has neither a code nor a registration yet. */
export const newNumber = async (phone) =>
  (await graph("POST", `${WABA.id}/phone_numbers`, { cc: "1", phone_number: phone, verified_name: "Lucero" })).id;

/** The code that Meta sent to a number by SMS. */
export async function codeSentTo(number) {
  const { businesses } = await control("/_sim/state");
  const numbers = businesses.flatMap(({ wabas }) => wabas.flatMap((waba) => waba.numbers));
  return numbers.find((row) => row.phone_number_id === number).code;
}

/** Meta's review of a template ends well. */
export const approve = (template) => control(`/_sim/templates/${template}`, { event: "APPROVED" });

/** Creates a template, for clients that know none, and has it approved. */
export async function approvedTemplate(name, components) {
  const body = { name, language: "en_US", category: "UTILITY", components };
  const { id } = await graph("POST", `${WABA.id}/message_templates`, body);
  await approve(id);
  same((await graph("GET", id)).status, "APPROVED");
  return id;
}

/** Requires that the receiver said 200 to every webhook at the first try. */
export async function allWebhooksTaken() {
  const posts = await waitFor("a try of every webhook", async () => {
    const ledger = await control("/_sim/ledger");
    return ledger.posts.every((post) => post.tries.length) && ledger.posts;
  });
  assert(posts.length, "no webhook was sent");
  const tries = posts.map((post) => ({ body: post.body, statuses: post.tries.map((made) => made.status) }));
  same(
    tries.filter(({ statuses }) => statuses.length !== 1 || statuses[0] !== 200),
    [],
  );
}

/** Starts a receiver on a free port of loopback; `handle` answers the status and the text of an answer. */
export async function receive(handle) {
  const server = createServer(async (request, response) => {
    try {
      const { status, text } = await handle(request);
      response.writeHead(status, { "Content-Type": "text/plain" }).end(text ?? "");
    } catch (error) {
      console.log(`the receiver failed: ${error.stack}`);
      response.writeHead(500).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}/webhook`;
}

/** The whole body of a request. */
export async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The parameters of a request. */
export const queryOf = (request) => Object.fromEntries(new URL(request.url, "http://receiver").searchParams);

/** Meta shakes hands with a receiver, and delivers there from now on. */
const pointWebhooksTo = (url, word = VERIFY_TOKEN) =>
  control("/_sim/callback", { url: forked(url), verify_token: word });

/** Webhooks go to wazapp too, if it stands between. */
const forked = (url) => (WAZAPP ? `${process.env.FORK}/?to=${encodeURIComponent(url)}` : url);

/** Meta comes with a word that is not the receiver's. */
const refusedHandshake = (url) => assert.rejects(pointWebhooksTo(url, "another word"), /answers 400/);

/** Requires that a receiver refuses a forged signature and takes Meta's, of the status of an unknown message. */
async function checksSignatures(url) {
  const statuses = [{ id: "wamid.unknown", status: "read", timestamp: "1", recipient_id: "16505550000" }];
  const metadata = { display_phone_number: DIGITS, phone_number_id: NUMBER };
  const change = { field: "messages", value: { messaging_product: "whatsapp", metadata, statuses } };
  const body = JSON.stringify({ object: "whatsapp_business_account", entry: [{ id: WABA.id, changes: [change] }] });
  const post = async (signature) => {
    const headers = { "Content-Type": "application/json", "X-Hub-Signature-256": signature };
    return (await fetch(url, { method: "POST", body, headers })).status;
  };
  const forged = await post(`sha256=${"0".repeat(64)}`);
  assert([401, 403].includes(forged), `a forged signature is answered ${forged}`);
  same(await post(`sha256=${createHmac("sha256", APP.secret).update(body).digest("hex")}`), 200);
}

/** A client's receiver at this address becomes Meta's callback, and knows Meta from others. */
export async function receiverSteps(url) {
  await step("handshake", async () => {
    await refusedHandshake(url);
    await pointWebhooksTo(url);
  });
  await step("receiver: a forged signature is refused, Meta's is taken", () => checksSignatures(url));
}

/** A customer's photo. */
export const aPhoto = async () => ({
  type: "image",
  image: await aFile("photo.png", "image/png", { caption: "Look 🌄" }),
});

/** Customers tap what was sent to them; `inbound` sends as a customer and answers what the receiver made of it. */
export async function tapsArrive(inbound, buttons, menu) {
  const pressed = { type: "button_reply", button_reply: { id: "black", title: "Black" } };
  const press = await inbound({ type: "interactive", interactive: pressed, context: { id: buttons } }, PABLO);
  same([press.message.interactive, press.message.context.id], [pressed, buttons]);
  const chosen = { type: "list_reply", list_reply: { id: "green", title: "Green", description: "A leaf" } };
  const choice = await inbound({ type: "interactive", interactive: chosen, context: { id: menu } }, PABLO);
  same([choice.message.interactive, choice.message.context.id], [chosen, menu]);
}

/** A customer says where they are, another reacts to a message. */
export async function placeAndReactionArrive(inbound, target) {
  const location = { latitude: 19.43, longitude: -99.13, name: "Zócalo" };
  same((await inbound({ type: "location", location })).message.location, location);
  const reaction = { message_id: target, emoji: "😀" };
  same((await inbound({ type: "reaction", reaction }, PABLO)).message.reaction, reaction);
}

/** Requires that no approved template is among these. */
export const noneApproved = (templates) =>
  same(
    templates.filter(({ status }) => status === "APPROVED"),
    [],
  );

/** What a receiver got, for the script to wait for. */
export class Received {
  items = [];
  add(item) {
    this.items.push(item);
  }
  wait(what, wanted) {
    return waitFor(what, () => this.items.find(wanted));
  }
}

/** What a promise is rejected with. */
export async function rejection(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: "it was not refused" });
}
