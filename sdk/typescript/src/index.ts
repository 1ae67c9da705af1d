// The client is openapi-fetch, typed by the server's own OpenAPI document: https://openapi-ts.dev/openapi-fetch
import createFetchClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export { verifyWebhook, WebhookVerificationError, type WebhookHeaders } from "./webhook.js";
export type { components, operations, paths } from "./schema.js";

/** Every shape of the API, by name. */
export type Schemas = components["schemas"];

/** Where a server is, and who asks. */
export interface Options {
  /** Such as `https://wa.example.com`, without the API's own path. */
  baseUrl: string;
  /** An API key, `wz_…`. */
  apiKey: string;
  /** What sends requests in the place of the global `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
}

/** A client of one organization. Each call answers `data`, or the server's problem as `error`. */
export function createClient({ baseUrl, apiKey, fetch }: Options): Client<paths> {
  return createFetchClient<paths>({
    baseUrl: baseUrl.replace(/\/+$/, ""),
    headers: { Authorization: `Bearer ${apiKey}` },
    ...(fetch && { fetch }),
  });
}
