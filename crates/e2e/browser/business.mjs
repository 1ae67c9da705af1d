// A business in a few lines: it hears webhooks and writes through the Graph API.

import { createServer } from "node:http";

/** A business on the simulator at `url`; it hears of every number. */
export async function business(url) {
  const heard = [];
  const files = new Map();
  const server = createServer((request, response) => {
    const asked = new URL(request.url, "http://localhost");
    if (files.has(asked.pathname)) return response.writeHead(200, { "content-type": "image/png" }).end(files.get(asked.pathname));
    if (request.method === "GET") return response.end(asked.searchParams.get("hub.challenge"));
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      for (const entry of JSON.parse(Buffer.concat(parts)).entry) heard.push(...entry.changes.map((change) => change.value));
      response.end();
    });
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const own = `http://127.0.0.1:${server.address().port}`;
  /** Gives a picture to whoever asks for it; answers its link. */
  const serve = (name, bytes) => { files.set(`/${name}`, bytes); return `${own}/${name}`; };
  const sim = (path, body, method = "POST") => ask(`${url}/_sim${path}`, { method, body: body && JSON.stringify(body) });
  await sim("/callback", { url: `${own}/`, verify_token: "word" });
  const state = await sim("/state", null, "GET");
  const numbers = state.businesses.flatMap(({ wabas }) => wabas.flatMap((waba) => waba.numbers.map((number) => ({ ...number, token: waba.token, waba: waba.id }))));
  return { sim, heard, serve, numbers: numbers.map((number) => desk(url, number, heard)), close: () => server.close() };
}

/** One number of the business. */
function desk(url, number, heard) {
  const id = number.phone_number_id;
  const graph = (path, body) => ask(`${url}/v26.0/${path}`, { method: "POST", body: JSON.stringify(body), headers: { authorization: `Bearer ${number.token}`, "content-type": "application/json" } });
  const inbound = () => heard.filter((value) => value.metadata?.phone_number_id === id).flatMap((value) => value.messages ?? []);
  return {
    id,
    name: number.verified_name,
    /** Sends a message object to whoever wrote `from`; answers the wamid. */
    async say(from, message) {
      const to = from.from ? { to: from.from } : { recipient: from.from_user_id };
      const sent = await graph(`${id}/messages`, { messaging_product: "whatsapp", ...to, ...message });
      return sent.messages[0].id;
    },
    /** Marks a message as read; with `typing`, shows that an answer is being written. */
    read: (wamid, typing) => graph(`${id}/messages`, { messaging_product: "whatsapp", status: "read", message_id: wamid, ...(typing ? { typing_indicator: { type: "text" } } : {}) }),
    template: (draft) => graph(`${number.waba}/message_templates`, draft),
    async upload(bytes, type, name) {
      const form = new FormData();
      form.set("messaging_product", "whatsapp");
      form.set("type", type);
      form.set("file", new Blob([bytes], { type }), name);
      return (await ask(`${url}/v26.0/${id}/media`, { method: "POST", body: form, headers: { authorization: `Bearer ${number.token}` } })).id;
    },
    /** The latest message for which this is true, once it was heard. */
    hears: (wanted) => until(() => inbound().findLast(wanted), () => `the business hears; so far ${JSON.stringify(inbound().map((message) => message.type))}`),
  };
}

/** What `look` answers, once it answers something. */
export async function until(look, what, patience = 20_000) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`it never came true: ${typeof what === "function" ? what() : what}`);
    await new Promise((later) => setTimeout(later, 25));
  }
}

async function ask(url, request) {
  const answer = await fetch(url, request);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${request.method} ${url} ${request.body?.toString?.().slice?.(0, 300)}\n${answer.status} ${text}`);
  return JSON.parse(text);
}
