// What the page asks the simulator.

let gap = 0;

/** The simulator's time, as far as it was told, in milliseconds. */
export const now = () => Date.now() + gap;

/** A refusal, in the simulator's words. */
export class Refused extends Error {}

/** Asks; answers the JSON, or throws {@link Refused}. */
export async function get(path, params = {}) {
  const query = new URLSearchParams(params).toString();
  return answer(await fetch(query ? `${path}?${query}` : path));
}

/** Tells; answers the JSON, or throws {@link Refused}. */
export async function post(path, body, method = "POST") {
  return answer(await fetch(path, { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } }));
}

/** Hands over a file; answers its id. */
export async function upload(number, file, name) {
  const query = new URLSearchParams({ phone_number_id: number });
  if (name) query.set("filename", name);
  const type = file.type || "application/octet-stream";
  const made = await fetch(`/_phone/media?${query}`, { method: "POST", body: file, headers: { "content-type": type } });
  return (await answer(made)).id;
}

/** Calls back at every change on a customer's phone, and after each gap; answers how to end it. */
export function listen(customer, changed) {
  const source = new EventSource(`/_phone/live?${new URLSearchParams({ customer })}`);
  source.onmessage = (event) => changed(JSON.parse(event.data));
  source.addEventListener("reload", () => changed({ what: "reload" }));
  source.onopen = () => changed({ what: "reload" });
  return () => source.close();
}

async function answer(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(body.error ?? `HTTP ${response.status}`);
  if (body.now) gap = Date.parse(body.now) - Date.now();
  return body;
}
