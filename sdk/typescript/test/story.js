// What somebody does with the client, on a server: lists, sends, is refused, and hears. Its types are checked too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createClient, verifyWebhook, WebhookVerificationError } from "@wazapp/client";

/** @type {{ baseUrl: string, apiKey: string, secret: string, body: string, headers: Record<string, string> }} */
const { baseUrl, apiKey, secret, body, headers } = JSON.parse(readFileSync(0, "utf8"));
const wazapp = createClient({ baseUrl: `${baseUrl}/`, apiKey });

const { data: page, error } = await wazapp.GET("/api/v1/conversations", { params: { query: { unread: true } } });
assert(page, error?.detail);
const [conversation] = page.data;
assert.equal(conversation?.state, "active");
assert.equal(conversation.last_message?.preview, "message 1");

const send = () =>
  wazapp.POST("/api/v1/conversations/{id}/messages", {
    params: { path: { id: conversation.id }, header: { "Idempotency-Key": "story" } },
    body: { type: "text", text: { body: "Hello from TypeScript" } },
  });
const sent = await send();
assert.equal(sent.response.status, 202, sent.error?.detail);
assert.equal((await send()).data?.id, sent.data?.id, "sent twice it is one message");

const refused = await createClient({ baseUrl, apiKey: "wz_none" }).GET("/api/v1/me");
assert.equal(refused.error?.status, 401);

const [event] = verifyWebhook(secret, body, headers);
assert.equal(event?.type, "message.received");
assert.equal(verifyWebhook(secret, new TextEncoder().encode(body), new Headers(headers))[0]?.id, event.id);
for (const [text, said] of /** @type {const} */ ([
  [`${body} `, headers],
  [body, {}],
  [body, { ...headers, "webhook-timestamp": "1" }],
  [body, { ...headers, "webhook-signature": "v1" }],
])) {
  assert.throws(() => verifyWebhook(secret, text, said), WebhookVerificationError);
}
console.log(sent.data?.id);
