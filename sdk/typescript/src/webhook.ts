import { Webhook, WebhookVerificationError } from "standardwebhooks";
import type { components } from "./schema.js";

export { WebhookVerificationError };

type Event = components["schemas"]["Event"];

/** The headers of a call: of `fetch`'s `Request`, or of Node's `IncomingMessage`. */
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

/**
 * The events that a call of an endpoint tells, if the endpoint's secret signed its body within the last five minutes; else it throws a
 * `WebhookVerificationError`. Give it the body as it came: JSON that was read and written again has other bytes.
 */
export function verifyWebhook(secret: string, body: string | Uint8Array, headers: WebhookHeaders): Event[] {
  const said = (name: string): string => {
    const value = headers instanceof Headers ? headers.get(name) : headers[name];
    return typeof value === "string" ? value : "";
  };
  const names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  const webhook = new Webhook(secret);
  try {
    webhook.verify(text, Object.fromEntries(names.map((name) => [name, said(name)])), { jsonParse: false });
  } catch {
    throw new WebhookVerificationError("This call is not signed with the endpoint's secret, or not within the last five minutes.");
  }
  const told = JSON.parse(text) as Event | { type: "events"; events: Event[] };
  // An endpoint that gathers tells several at once.
  return "events" in told ? told.events : [told];
}
