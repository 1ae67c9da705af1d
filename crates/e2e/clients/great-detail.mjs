// @great-detail/whatsapp: every send, its webhook room with signature checks, media, templates, numbers and errors.

import assert from "node:assert/strict";
import Client from "@great-detail/whatsapp";
import {
  APP,
  DIGITS,
  GRAPH,
  NUMBER,
  PABLO,
  PROFILE,
  SHEENA,
  SITE,
  TOKEN,
  VERIFY_TOKEN,
  WABA,
  WAZAPP,
  Received,
  aPhoto,
  allWebhooksTaken,
  bodyOf,
  customerWrites,
  failsNext,
  file,
  finish,
  noneApproved,
  placeAndReactionArrive,
  queryOf,
  receive,
  receiverSteps,
  rejection,
  same,
  step,
  tapsArrive,
  waitFor,
  wasRead,
  wasSent,
} from "./simulator.mjs";

const authorization = { headers: { Authorization: `Bearer ${TOKEN}` } };
const sdk = new Client({ request: authorization });

const got = new Received();
const url = await receive(async (request) => {
  const raw = await bodyOf(request);
  const seen = { method: request.method, query: queryOf(request), body: raw.toString(), headers: request.headers };
  if (request.method === "GET") {
    const registration = await sdk.webhook.register(seen);
    if (registration.verifyToken !== VERIFY_TOKEN) return { status: 403, text: registration.reject() };
    return { status: 200, text: registration.accept() };
  }
  const event = await sdk.webhook.eventNotification(seen);
  try {
    await event.verifySignature(APP.secret);
  } catch (error) {
    if (error instanceof sdk.webhook.errors.InvalidHubSignatureWebhookError) return { status: 401 };
    throw error;
  }
  for (const { changes } of event.eventNotification.entry) for (const change of changes) got.add(change);
  return { status: 200, text: event.accept() };
});

/** The value of the webhook about a message that a customer sends. */
async function inbound(message, sender = SHEENA) {
  const wamid = await customerWrites(message, sender);
  const { value } = await got.wait(message.type, ({ value }) => value.messages?.some(({ id }) => id === wamid));
  return { value, message: value.messages.find(({ id }) => id === wamid) };
}
/** A status of a message. */
async function status(wamid, wanted) {
  const matches = (row) => row.id === wamid && row.status === wanted;
  const { value } = await got.wait(`${wanted} of ${wamid}`, ({ value }) => value.statuses?.some(matches));
  return value.statuses.find(matches);
}

// --- the receiver

await receiverSteps(url);

let hello;
await step("inbound text, with letters beyond ASCII", async () => {
  const body = '¡Hola! 👋 a/b <c> "d" ñ 你好';
  const { value, message } = await inbound({ type: "text", text: { body } });
  hello = message.id;
  same([message.text.body, message.from, value.metadata.phone_number_id], [body, SHEENA, NUMBER]);
  same([value.contacts[0].profile.name, value.contacts[0].wa_id], ["Zoë 🌻", SHEENA]);
  await inbound({ type: "text", text: { body: "Hi" } }, PABLO);
});
await step("mark as read", async () => {
  same(await sdk.message.createStatus({ phoneNumberID: NUMBER, message_id: hello, status: "read" }).json(), {
    success: true,
  });
  await wasRead(hello, undefined);
});
await step("typing indicator", async () => {
  await sdk.message.createStatus({
    phoneNumberID: NUMBER,
    message_id: hello,
    status: "read",
    typing_indicator: { type: "text" },
  });
  await wasRead(hello, { type: "text" });
});

// --- sends

/** Sends, and requires that Meta accepted exactly this; answers the wamid. */
async function sends(type, content, { to = SHEENA, context } = {}) {
  const answer = await sdk.message.createMessage({ phoneNumberID: NUMBER, to, type, [type]: content, context }).json();
  same([answer.messaging_product, answer.contacts], ["whatsapp", [{ input: to, wa_id: to }]]);
  await wasSent(answer.messages[0].id, to, type, content, context?.message_id);
  return answer.messages[0].id;
}

await step("text, then its statuses sent, delivered and read", async () => {
  const wamid = await sends("text", { body: "Hello" });
  for (const wanted of ["sent", "delivered", "read"]) same((await status(wamid, wanted)).recipient_id, SHEENA);
});
await step("text with preview", () => sends("text", { body: "https://example.com/a?b=c", preview_url: true }));
await step("reply", () => sends("text", { body: "Gracias ✔️" }, { context: { message_id: hello } }));

async function upload(name, mimeType) {
  const blob = new Blob([await file(name)], { type: mimeType });
  return (await sdk.media.upload({ phoneNumberID: NUMBER, file: blob, filename: name, mimeType }).json()).id;
}
for (const [kind, name, mime, more] of [
  ["image", "photo.png", "image/png", { caption: "A photo" }],
  ["video", "clip.mp4", "video/mp4", { caption: "A clip" }],
  ["audio", "voice.ogg", "audio/ogg", {}],
  ["document", "paper.pdf", "application/pdf", { caption: "A paper", filename: "paper.pdf" }],
  ["sticker", "sticker.webp", "image/webp", {}],
]) {
  await step(`${kind} by link, delivered`, async () =>
    status(await sends(kind, { link: `${SITE}/${name}`, ...more }), "delivered"),
  );
  await step(`${kind} by id`, async () => sends(kind, { id: await upload(name, mime), ...more }));
}
await step("location", () =>
  sends("location", { latitude: 37.44, longitude: -122.16, name: "Philz", address: "101 Forest Ave" }),
);
await step("contacts", () =>
  sends("contacts", [
    { name: { formatted_name: "Ann Lee", first_name: "Ann" }, phones: [{ phone: "+16505557777", type: "WORK" }] },
  ]),
);
await step("reaction, and its removal", async () => {
  await sends("reaction", { message_id: hello, emoji: "😀" });
  await sends("reaction", { message_id: hello, emoji: "" });
});

const interactive = (content) => sends("interactive", content, { to: PABLO });
let buttons, menu;
await step("buttons", async () => {
  const replies = ["Green", "Black"].map((title) => ({ type: "reply", reply: { id: title.toLowerCase(), title } }));
  buttons = await interactive({
    type: "button",
    body: { text: "Which?" },
    footer: { text: "Or none" },
    action: { buttons: replies },
  });
});
await step("list", async () => {
  const sections = [{ title: "All", rows: [{ id: "green", title: "Green", description: "A leaf" }] }];
  menu = await interactive({
    type: "list",
    header: { type: "text", text: "Tea" },
    body: { text: "Choose" },
    action: { button: "Teas", sections },
  });
});
await step("URL button", () =>
  interactive({
    type: "cta_url",
    body: { text: "Shop" },
    action: { name: "cta_url", parameters: { display_text: "Open", url: "https://example.com" } },
  }),
);
await step("flow", () => {
  const parameters = {
    flow_message_version: "3",
    flow_token: "token-1",
    flow_id: "1234567890",
    flow_cta: "Open",
    flow_action: "navigate",
    flow_action_payload: { screen: "WELCOME", data: { name: "Ann" } },
  };
  return interactive({ type: "flow", body: { text: "Join" }, action: { name: "flow", parameters } });
});
await step("product, product list and catalog", async () => {
  const [catalog_id, product_retailer_id] = ["194836987003835", "sku-1"];
  await interactive({ type: "product", body: { text: "Look" }, action: { catalog_id, product_retailer_id } });
  const sections = [{ title: "Teas", product_items: [{ product_retailer_id }] }];
  await interactive({
    type: "product_list",
    header: { type: "text", text: "Teas" },
    body: { text: "All" },
    action: { catalog_id, sections },
  });
  const parameters = { thumbnail_product_retailer_id: product_retailer_id };
  await interactive({
    type: "catalog_message",
    body: { text: "Everything" },
    action: { name: "catalog_message", parameters },
  });
});
await step("location request", () =>
  interactive({
    type: "location_request_message",
    body: { text: "Where are you?" },
    action: { name: "send_location" },
  }),
);

// --- answers of customers

await step("inbound button reply and list reply", () => tapsArrive(inbound, buttons, menu));
await step("inbound image, downloaded", async () => {
  const { message } = await inbound(await aPhoto());
  same([message.image.caption, message.image.mime_type], ["Look 🌄", "image/png"]);
  const found = await sdk.media.getURL({ mediaID: message.image.id }).json();
  same(
    Buffer.from(await sdk.media.download({ mediaURL: found.url, request: authorization }).arrayBuffer()),
    await file("photo.png"),
  );
});
await step("inbound location and reaction", () => placeAndReactionArrive(inbound, buttons));

// --- media

await step("media: upload, look up, download, delete", async () => {
  const content = await file("paper.pdf");
  const mediaID = await upload("paper.pdf", "application/pdf");
  const found = await sdk.media.getURL({ mediaID, phoneNumberID: NUMBER }).json();
  same([found.id, found.mime_type, Number(found.file_size)], [mediaID, "application/pdf", content.length]);
  same(Buffer.from(await sdk.media.download({ mediaURL: found.url, request: authorization }).arrayBuffer()), content);
  same(
    (await rejection(sdk.media.download({ mediaURL: found.url }))).response.status,
    401,
    "the bytes are not for everybody",
  );
  same(await sdk.media.delete({ mediaID, phoneNumberID: NUMBER }).json(), { success: true });
  await refused(sdk.media.getURL({ mediaID }), 400, 100);
});

// --- templates

/** Requires that a call is refused with this status and Meta's code; answers Meta's error. */
async function refused(promise, httpStatus, code) {
  const failure = await rejection(promise);
  same([failure.name, failure.response?.status], ["HTTPError", httpStatus], failure.message);
  const { error } = await failure.response.json();
  same(error.code, code, error.message);
  return error;
}

let template;
const body = (text) => ({ type: "BODY", text, example: { body_text: [["Ann"]] } });
await step("template: create, and the webhook of its approval", async () => {
  const made = await sdk.template
    .create(WABA.id, {
      name: "order_ready",
      language: "en_US",
      category: "UTILITY",
      components: [body("Hi {{1}}, it is ready for you.")],
    })
    .json();
  template = made.id;
  assert(["PENDING", "APPROVED"].includes(made.status), made.status);
  await got.wait(
    "approval",
    ({ field, value }) =>
      field === "message_template_status_update" &&
      String(value.message_template_id) === template &&
      value.event === "APPROVED",
  );
});
await step("template: get, list and filter", async () => {
  const found = await sdk.template.get(template, { fields: ["id", "name", "status", "language", "components"] }).json();
  same([found.id, found.name, found.status, found.language], [template, "order_ready", "APPROVED", "en_US"]);
  const { data } = await sdk.template
    .list(WABA.id, { name_or_content: "order_ready", category: "UTILITY", limit: 5, fields: ["name", "status"] })
    .json();
  same(data, [{ name: "order_ready", status: "APPROVED", id: template }]);
  same((await sdk.template.list(WABA.id, { status: "REJECTED" }).json()).data, []);
});
await step("template: send, delivered", async () => {
  const components = [{ type: "body", parameters: [{ type: "text", text: "Zoë" }] }];
  await status(await sends("template", { name: "order_ready", language: { code: "en_US" }, components }), "delivered");
});
await step("template: edit", async () => {
  const changed = await sdk.template
    .update(template, { components: [body("Hi {{1}}, come and get it today.")] })
    .json();
  same(changed.success, true);
  const text = async () => (await sdk.template.get(template, { fields: ["components"] }).json()).components[0].text;
  await waitFor("the edit", async () => (await text()) === "Hi {{1}}, come and get it today.");
});
await step("template: delete", async () => {
  same(await sdk.template.delete(WABA.id, { name: "order_ready" }).json(), { success: true });
  const { data } = await sdk.template.list(WABA.id, { name_or_content: "order_ready", fields: ["status"] }).json();
  noneApproved(data);
});

// --- numbers, account, profile, subscriptions

await step("business profile: update and get", async () => {
  same(await sdk.businessProfile.updateBusinessProfile({ phoneNumberID: NUMBER, ...PROFILE }).json(), {
    success: true,
  });
  const { data } = await sdk.businessProfile
    .getBusinessProfile({ phoneNumberID: NUMBER, fields: Object.keys(PROFILE) })
    .json();
  for (const [name, value] of Object.entries(PROFILE)) same(data[0][name], value, name);
});
await step("phone number, phone numbers of the account, new display name", async () => {
  const fields = [
    "id",
    "display_phone_number",
    "verified_name",
    "quality_rating",
    "code_verification_status",
    "platform_type",
    "throughput",
  ];
  const number = await sdk.phoneNumbers.getPhoneNumber({ phoneNumberID: NUMBER, fields }).json();
  same(
    [number.id, number.display_phone_number.replace(/\D/g, ""), number.platform_type],
    [NUMBER, DIGITS, "CLOUD_API"],
  );
  const { data } = await sdk.phoneNumbers.listPhoneNumbers({ businessAccountID: WABA.id }).json();
  same(
    data.map(({ id }) => id),
    WABA.numbers.map(({ phone_number_id }) => phone_number_id),
  );
  same(
    (await sdk.phoneNumbers.updatePhoneNumber({ phoneNumberID: NUMBER, new_display_name: "Lucero" }).json()).success,
    true,
  );
});
await step("business account", async () => {
  const account = await sdk.whatsappBusinessAccount.get(WABA.id, { fields: ["id", "name", "currency"] }).json();
  same(account.id, WABA.id);
  assert(account.name && account.currency, account);
});
await step("subscribed apps", async () => {
  same(await sdk.subscribedApps.createSubscription({ businessAccountID: WABA.id }).json(), { success: true });
  const { data } = await sdk.subscribedApps.listSubscriptions({ businessAccountID: WABA.id }).json();
  same(
    data.map((row) => row.whatsapp_business_api_data.id),
    [APP.id],
  );
});

// --- errors

const text = (from, to = SHEENA, words = "Hi") =>
  from.message.createMessage({ phoneNumberID: NUMBER, to, type: "text", text: { body: words } });
await step("error: a token that is none", async () => {
  const stranger = new Client({ request: { headers: { Authorization: "Bearer EAAwrong" } } });
  const error = await refused(text(stranger), 401, 190);
  same(error.type, "OAuthException");
});
await step("error: no token at all", async () => same((await rejection(text(new Client()))).response.status, 401));
await step("error: to oneself", () => refused(text(sdk, DIGITS), 400, 131021));
await step("error: a recipient that is no number", async () =>
  same((await rejection(text(sdk, "nobody"))).response.status, 400),
);
await step("error: more text than fits", async () =>
  same((await rejection(text(sdk, SHEENA, "x".repeat(4097)))).response.status, 400),
);
await step("error: no such template", () =>
  refused(
    sdk.message.createMessage({
      phoneNumberID: NUMBER,
      to: SHEENA,
      type: "template",
      template: { name: "no_such", language: { code: "en_US" } },
    }),
    404,
    132001,
  ),
);
await step("error: rate limit hit", async () => {
  await failsNext({ code: 130429 });
  // wazapp waits, and sends it then.
  if (WAZAPP) return wasSent((await text(sdk).json()).messages[0].id, SHEENA, "text", { body: "Hi" });
  await refused(text(sdk), 400, 130429);
});
await step("error that only a status tells: outside the 24 hours", async () => {
  const {
    messages: [{ id }],
  } = await text(sdk, "16505553333").json();
  same((await status(id, "failed")).errors[0].code, 131047);
});

await step("the same by its base URL", async () => {
  const direct = new Client({ prefixUrl: GRAPH, graphVersion: "v26.0", request: authorization });
  await wasSent((await text(direct).json()).messages[0].id, SHEENA, "text", { body: "Hi" });
});
await step("every webhook was taken at the first try", allWebhooksTaken);
finish();
