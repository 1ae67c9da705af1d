// @kapso/whatsapp-cloud-api: every send, its signature check and webhook reader, media, templates, numbers, errors.

import assert from "node:assert/strict";
import {
  GraphApiError,
  TemplateDefinition,
  WhatsAppClient,
  buildTemplatePayload,
  buildTemplateSendPayload,
} from "@kapso/whatsapp-cloud-api";
import { normalizeWebhook, verifySignature } from "@kapso/whatsapp-cloud-api/server";
import {
  APP,
  DIGITS,
  GRAPH,
  NUMBER,
  OTHER_WABA,
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
  accepted,
  allWebhooksTaken,
  approvedTemplate,
  bodyOf,
  codeSentTo,
  customerWrites,
  echoed,
  failsNext,
  file,
  finish,
  newNumber,
  noneApproved,
  queryOf,
  receive,
  receiverSteps,
  rejection,
  same,
  skip,
  step,
  wasRead,
  wasSent,
} from "./simulator.mjs";

const client = new WhatsAppClient({ accessToken: TOKEN });
const { messages, media, templates, phoneNumbers } = client;

const got = new Received();
const url = await receive(async (request) => {
  if (request.method === "GET") {
    const query = queryOf(request);
    const known = query["hub.mode"] === "subscribe" && query["hub.verify_token"] === VERIFY_TOKEN;
    return known ? { status: 200, text: query["hub.challenge"] } : { status: 403 };
  }
  const rawBody = await bodyOf(request);
  const signatureHeader = request.headers["x-hub-signature-256"];
  if (!verifySignature({ appSecret: APP.secret, rawBody, signatureHeader })) return { status: 401 };
  const events = normalizeWebhook(JSON.parse(rawBody.toString("utf8")));
  for (const message of events.messages) got.add({ message, contacts: events.contacts, number: events.phoneNumberId });
  for (const status of events.statuses) got.add({ status });
  for (const template of events.raw.messageTemplateStatusUpdate ?? []) got.add({ template });
  return { status: 200 };
});

/** What kapso makes of a message that a customer sends. */
async function inbound(message, sender = SHEENA) {
  const wamid = await customerWrites(message, sender);
  return got.wait(message.type, (event) => event.message?.id === wamid);
}
const status = (wamid, wanted) =>
  got.wait(`${wanted} of ${wamid}`, ({ status }) => status?.id === wamid && status.status === wanted);

// --- the receiver

await receiverSteps(url);

let hello;
await step("inbound text, with letters beyond ASCII", async () => {
  const body = '¡Hola! 👋 a/b <c> "d" ñ 你好';
  const event = await inbound({ type: "text", text: { body } });
  hello = event.message.id;
  same([event.message.text.body, event.message.from, event.message.kapso.direction], [body, SHEENA, "inbound"]);
  same([event.contacts[0].profile.name, event.contacts[0].waId, event.number], ["Zoë 🌻", SHEENA, NUMBER]);
  await inbound({ type: "text", text: { body: "Hi" } }, PABLO);
});
await step("mark as read", async () => {
  same(await messages.markRead({ phoneNumberId: NUMBER, messageId: hello }), { success: true });
  await wasRead(hello, undefined);
});
await step("typing indicator", async () => {
  await messages.markRead({ phoneNumberId: NUMBER, messageId: hello, typingIndicator: { type: "text" } });
  await wasRead(hello, { type: "text" });
});

// --- sends

/** Sends, and requires that Meta accepted exactly this; answers the wamid. */
async function sends(method, input, kind, content, { to = SHEENA, replyTo } = {}) {
  const answer = await messages[method]({ phoneNumberId: NUMBER, to, ...input });
  same([answer.messagingProduct, answer.contacts], ["whatsapp", [{ input: to, waId: to }]]);
  await wasSent(answer.messages[0].id, to, kind, content, replyTo);
  return answer.messages[0].id;
}

await step("text, then its statuses sent, delivered and read", async () => {
  const input = { body: "Hello", bizOpaqueCallbackData: "order-7" };
  const wamid = await sends("sendText", input, "text", { body: "Hello" });
  const word = await echoed(wamid, "order-7");
  for (const wanted of ["sent", "delivered", "read"]) {
    const event = await status(wamid, wanted);
    same([event.status.recipientId, event.status.bizOpaqueCallbackData], [SHEENA, word]);
  }
});
await step("text with preview", () =>
  sends("sendText", { body: "https://example.com/a?b=c", previewUrl: true }, "text", {
    body: "https://example.com/a?b=c",
    preview_url: true,
  }),
);
await step("reply", () =>
  sends(
    "sendText",
    { body: "Gracias ✔️", contextMessageId: hello },
    "text",
    { body: "Gracias ✔️" },
    { replyTo: hello },
  ),
);
await step("text to a business-scoped user id", async () => {
  const userId = got.items.find(({ message }) => message?.id === hello).message.fromUserId;
  const answer = await messages.sendText({ phoneNumberId: NUMBER, recipient: userId, body: "Hello, you" });
  const request = await accepted(answer.messages[0].id);
  same([request.recipient, request.to, answer.contacts], [userId, undefined, [{ input: userId, userId }]]);
});
await step("a payload of one's own", async () => {
  const payload = { messaging_product: "whatsapp", to: SHEENA, type: "text", text: { body: "As it is" } };
  const answer = await messages.sendRaw({ phoneNumberId: NUMBER, payload });
  await wasSent(answer.messages[0].id, SHEENA, "text", { body: "As it is" });
});

for (const [kind, method, name, mime, more] of [
  ["image", "sendImage", "photo.png", "image/png", { caption: "A photo" }],
  ["video", "sendVideo", "clip.mp4", "video/mp4", { caption: "A clip" }],
  ["audio", "sendAudio", "voice.ogg", "audio/ogg", {}],
  ["document", "sendDocument", "paper.pdf", "application/pdf", { caption: "A paper", filename: "paper.pdf" }],
  ["sticker", "sendSticker", "sticker.webp", "image/webp", {}],
]) {
  await step(`${kind} by link, delivered`, async () => {
    const content = { link: `${SITE}/${name}`, ...more };
    await status(await sends(method, { [kind]: content }, kind, content), "delivered");
  });
  await step(`${kind} by id`, async () => {
    const content = { id: (await upload(name, mime)).id, ...more };
    await sends(method, { [kind]: content }, kind, content);
  });
}
async function upload(name, mime) {
  const blob = new Blob([await file(name)], { type: mime });
  return media.upload({ phoneNumberId: NUMBER, type: mime, file: blob, fileName: name });
}
await step("voice message", async () => {
  const content = { id: (await upload("voice.ogg", "audio/ogg")).id, voice: true };
  await sends("sendAudio", { audio: content }, "audio", content);
});
await step("location", async () => {
  const location = { latitude: -33.45, longitude: -70.66, name: "Santiago", address: "CL" };
  await sends("sendLocation", { location }, "location", location);
});
await step("contacts", () =>
  sends(
    "sendContacts",
    {
      contacts: [
        {
          name: { formattedName: "Ann Lee", firstName: "Ann" },
          phones: [{ phone: "+16505557777", waId: "16505557777", type: "WORK" }],
          org: { company: "Pine" },
        },
      ],
    },
    "contacts",
    [
      {
        name: { formatted_name: "Ann Lee", first_name: "Ann" },
        phones: [{ phone: "+16505557777", wa_id: "16505557777", type: "WORK" }],
        org: { company: "Pine" },
      },
    ],
  ),
);
await step("reaction, and its removal", async () => {
  await sends("sendReaction", { reaction: { messageId: hello, emoji: "😀" } }, "reaction", {
    message_id: hello,
    emoji: "😀",
  });
  await sends("sendReaction", { reaction: { messageId: hello, emoji: "" } }, "reaction", {
    message_id: hello,
    emoji: "",
  });
});

const interactive = (method, input, content) => sends(method, input, "interactive", content, { to: PABLO });
let buttons, menu;
await step("buttons below an image", async () => {
  const header = { type: "image", image: { link: `${SITE}/photo.png` } };
  const options = [
    { id: "green", title: "Green" },
    { id: "black", title: "Black" },
  ];
  buttons = await interactive(
    "sendInteractiveButtons",
    { header, bodyText: "Which?", footerText: "Or none", buttons: options },
    {
      type: "button",
      header,
      body: { text: "Which?" },
      footer: { text: "Or none" },
      action: { buttons: options.map((reply) => ({ type: "reply", reply })) },
    },
  );
});
await step("list", async () => {
  const sections = [
    {
      title: "All",
      rows: [
        { id: "green", title: "Green", description: "A leaf" },
        { id: "black", title: "Black" },
      ],
    },
  ];
  const header = { type: "text", text: "Tea" };
  menu = await interactive(
    "sendInteractiveList",
    { header, bodyText: "Choose", buttonText: "Teas", sections },
    {
      type: "list",
      header,
      body: { text: "Choose" },
      action: { button: "Teas", sections },
    },
  );
});
await step("URL button", () =>
  interactive(
    "sendInteractiveCtaUrl",
    { bodyText: "Our shop", parameters: { displayText: "Open", url: "https://example.com/shop" } },
    {
      type: "cta_url",
      body: { text: "Our shop" },
      action: { name: "cta_url", parameters: { display_text: "Open", url: "https://example.com/shop" } },
    },
  ),
);
await step("flow", () =>
  interactive(
    "sendInteractiveFlow",
    {
      bodyText: "Join",
      parameters: {
        flowId: "1234567890",
        flowCta: "Open",
        mode: "draft",
        flowToken: "token-1",
        flowAction: "navigate",
        flowActionPayload: { screen: "WELCOME" },
      },
    },
    {
      type: "flow",
      body: { text: "Join" },
      action: {
        name: "flow",
        parameters: {
          flow_cta: "Open",
          flow_id: "1234567890",
          flow_message_version: "3",
          mode: "draft",
          flow_token: "token-1",
          flow_action: "navigate",
          flow_action_payload: { screen: "WELCOME" },
        },
      },
    },
  ),
);
await step("product", () =>
  interactive(
    "sendInteractiveProduct",
    { bodyText: "Look", catalogId: "194836987003835", productRetailerId: "sku-1" },
    {
      type: "product",
      body: { text: "Look" },
      action: { catalog_id: "194836987003835", product_retailer_id: "sku-1" },
    },
  ),
);
await step("product list", () =>
  interactive(
    "sendInteractiveProductList",
    {
      header: { type: "text", text: "Teas" },
      bodyText: "All we have",
      catalogId: "194836987003835",
      sections: [{ title: "Green", productItems: [{ productRetailerId: "sku-1" }] }],
    },
    {
      type: "product_list",
      header: { type: "text", text: "Teas" },
      body: { text: "All we have" },
      action: {
        catalog_id: "194836987003835",
        sections: [{ title: "Green", product_items: [{ product_retailer_id: "sku-1" }] }],
      },
    },
  ),
);
await step("catalog", () =>
  interactive(
    "sendInteractiveCatalogMessage",
    { bodyText: "Everything", parameters: { thumbnailProductRetailerId: "sku-1" } },
    {
      type: "catalog_message",
      body: { text: "Everything" },
      action: { name: "catalog_message", parameters: { thumbnail_product_retailer_id: "sku-1" } },
    },
  ),
);
// Its own builders of these two add parameters that Meta's documents do not have.
await step("location request and call permission request, as Meta has them", async () => {
  for (const [type, name] of [
    ["location_request_message", "send_location"],
    ["call_permission_request", "call_permission_request"],
  ]) {
    const content = { type, body: { text: "Please" }, action: { name } };
    await interactive("sendInteractiveRaw", { interactive: content }, content);
  }
});
await step("address", () =>
  interactive(
    "sendInteractiveAddress",
    { bodyText: "Where to?", parameters: { country: "IN", values: { name: "Ann" } } },
    {
      type: "address_message",
      body: { text: "Where to?" },
      action: { name: "address_message", parameters: { country: "IN", values: { name: "Ann" } } },
    },
  ),
);
await step("carousel", async () => {
  const header = { type: "image", image: { link: `${SITE}/photo.png` } };
  const card = (index) => ({
    cardIndex: index,
    header,
    bodyText: `Card ${index}`,
    action: { displayText: "View", url: `https://example.com/${index}` },
  });
  const wire = (index) => ({
    card_index: index,
    type: "cta_url",
    header,
    body: { text: `Card ${index}` },
    action: { name: "cta_url", parameters: { display_text: "View", url: `https://example.com/${index}` } },
  });
  await interactive(
    "sendInteractiveCarousel",
    { bodyText: "Two things", cards: [card(0), card(1)] },
    {
      type: "carousel",
      body: { text: "Two things" },
      action: { cards: [wire(0), wire(1)] },
    },
  );
});

// --- answers of customers

await step("inbound button reply and list reply", async () => {
  const pressed = { type: "button_reply", button_reply: { id: "black", title: "Black" } };
  const { message: press } = await inbound(
    { type: "interactive", interactive: pressed, context: { id: buttons } },
    PABLO,
  );
  same([press.interactive.buttonReply, press.context.id], [{ id: "black", title: "Black" }, buttons]);
  const chosen = { type: "list_reply", list_reply: { id: "green", title: "Green", description: "A leaf" } };
  const { message: choice } = await inbound({ type: "interactive", interactive: chosen, context: { id: menu } }, PABLO);
  same(choice.interactive.listReply, { id: "green", title: "Green", description: "A leaf" });
});
await step("inbound flow reply", async () => {
  const answer = { name: "flow", body: "Sent", response_json: '{"flow_token":"token-1","first_name":"Ann"}' };
  const { message } = await inbound(
    { type: "interactive", interactive: { type: "nfm_reply", nfm_reply: answer } },
    PABLO,
  );
  same([message.kapso.flowToken, message.kapso.flowResponse.firstName], ["token-1", "Ann"]);
});
await step("inbound image, downloaded", async () => {
  const { message } = await inbound(await aPhoto());
  same([message.image.caption, message.image.mimeType], ["Look 🌄", "image/png"]);
  same(Buffer.from(await media.download({ mediaId: message.image.id, auth: "always" })), await file("photo.png"));
});
await step("inbound location and reaction", async () => {
  const place = await inbound({ type: "location", location: { latitude: 19.43, longitude: -99.13, name: "Zócalo" } });
  same(
    [place.message.location.latitude, place.message.location.longitude, place.message.location.name],
    [19.43, -99.13, "Zócalo"],
  );
  const { message } = await inbound({ type: "reaction", reaction: { message_id: buttons, emoji: "😀" } }, PABLO);
  same([message.reaction.messageId, message.reaction.emoji], [buttons, "😀"]);
});

// --- media

await step("media: upload, look up, download, delete", async () => {
  const content = await file("paper.pdf");
  const { id } = await upload("paper.pdf", "application/pdf");
  const found = await media.get({ mediaId: id, phoneNumberId: NUMBER });
  same(
    [found.id, found.mimeType, Number(found.fileSize), found.messagingProduct],
    [id, "application/pdf", content.length, "whatsapp"],
  );
  same(Buffer.from(await media.download({ mediaId: id, auth: "always" })), content);
  const stranger = await media.download({ mediaId: id, as: "response" });
  assert.equal(stranger.status, 401, "the bytes are not for everybody");
  same(await media.delete({ mediaId: id, phoneNumberId: NUMBER }), { success: true });
  same((await rejection(media.get({ mediaId: id }))).code, 100);
});

// --- templates

await step("template: create, and the webhook of its approval", async () => {
  const definition = TemplateDefinition.buildTemplateDefinition({
    name: "order_ready",
    language: "en_US",
    category: "UTILITY",
    parameterFormat: "NAMED",
    components: [
      {
        type: "HEADER",
        format: "TEXT",
        text: "Order {{number}}",
        example: { headerTextNamedParams: [{ paramName: "number", example: "7" }] },
      },
      {
        type: "BODY",
        text: "Hi {{name}}, it is ready for you.",
        example: { bodyTextNamedParams: [{ paramName: "name", example: "Ann" }] },
      },
      { type: "FOOTER", text: "Café" },
      {
        type: "BUTTONS",
        buttons: [
          { type: "QUICK_REPLY", text: "Thanks" },
          { type: "URL", text: "Track", url: "https://example.com/{{1}}", example: ["https://example.com/7"] },
        ],
      },
    ],
  });
  const made = await templates.create({ businessAccountId: WABA.id, ...definition });
  assert(["PENDING", "APPROVED"].includes(made.status), made.status);
  same(made.category, "UTILITY");
  await got.wait(
    "approval",
    ({ template }) => String(template?.messageTemplateId) === made.id && template.event === "APPROVED",
  );
});
await step("template: list and filter", async () => {
  const found = await templates.list({ businessAccountId: WABA.id, name: "order_ready", limit: 10 });
  same([found.data.length, found.data[0].status, found.data[0].parameterFormat], [1, "APPROVED", "NAMED"]);
  same((await templates.list({ businessAccountId: WABA.id, status: "REJECTED" })).data, []);
});
await step("template: send with parameters of every part, and the tap on its button", async () => {
  const template = buildTemplateSendPayload({
    name: "order_ready",
    language: "en_US",
    header: { type: "text", text: "77", parameterName: "number" },
    body: [{ type: "text", text: "Zoë", parameterName: "name" }],
    buttons: [
      { type: "button", subType: "quick_reply", index: 0, parameters: [{ type: "payload", payload: "thanks" }] },
      { type: "button", subType: "url", index: 1, parameters: [{ type: "text", text: "77" }] },
    ],
  });
  const wamid = await sends("sendTemplate", { template }, "template", {
    name: "order_ready",
    language: { code: "en_US" },
    components: [
      { type: "header", parameters: [{ type: "text", text: "77", parameter_name: "number" }] },
      { type: "body", parameters: [{ type: "text", text: "Zoë", parameter_name: "name" }] },
      { type: "button", sub_type: "quick_reply", index: 0, parameters: [{ type: "payload", payload: "thanks" }] },
      { type: "button", sub_type: "url", index: 1, parameters: [{ type: "text", text: "77" }] },
    ],
  });
  const { message } = await inbound({
    type: "button",
    button: { text: "Thanks", payload: "thanks" },
    context: { id: wamid },
  });
  same([message.button.payload, message.context.id], ["thanks", wamid]);
});
await step("template: send from raw components", async () => {
  const text = "Your table is ready, {{1}}. See you soon.";
  await approvedTemplate("table_ready", [{ type: "BODY", text, example: { body_text: [["Ann"]] } }]);
  const components = [{ type: "body", parameters: [{ type: "text", text: "Zoë" }] }];
  const template = buildTemplatePayload({ name: "table_ready", language: "en_US", components });
  await sends("sendTemplate", { template }, "template", {
    name: "table_ready",
    language: { code: "en_US" },
    components,
  });
});
await step("template: delete", async () => {
  same(await templates.delete({ businessAccountId: WABA.id, name: "order_ready" }), { success: true });
  const { data } = await templates.list({ businessAccountId: WABA.id, name: "order_ready" });
  noneApproved(data);
});

// --- numbers

await step("business profile: update and get", async () => {
  same(await phoneNumbers.businessProfile.update({ phoneNumberId: NUMBER, ...PROFILE }), { success: true });
  const { data } = await phoneNumbers.businessProfile.get({
    phoneNumberId: NUMBER,
    fields: Object.keys(PROFILE).join(),
  });
  for (const [name, value] of Object.entries(PROFILE)) same(data[0][name], value, name);
});
await step("deregister, register", async () => {
  same(await phoneNumbers.deregister({ phoneNumberId: NUMBER }), { success: true });
  same((await rejection(messages.sendText({ phoneNumberId: NUMBER, to: SHEENA, body: "Anybody?" }))).code, 133010);
  same(await phoneNumbers.register({ phoneNumberId: NUMBER, pin: "000111" }), { success: true });
  await sends("sendText", { body: "Back again" }, "text", { body: "Back again" });
});
const aNewNumber = "a new number: code, verification, registration, first message";
if (WAZAPP) skip(aNewNumber, "a number that no organization has connected is not there");
else await step(aNewNumber, async () => {
  const phoneNumberId = await newNumber("16505558888");
  same((await rejection(phoneNumbers.register({ phoneNumberId, pin: "000111" }))).code, 133006);
  await phoneNumbers.requestCode({ phoneNumberId, codeMethod: "SMS", language: "en_US" });
  same((await rejection(phoneNumbers.verifyCode({ phoneNumberId, code: "0" }))).code, 136025);
  same((await phoneNumbers.verifyCode({ phoneNumberId, code: await codeSentTo(phoneNumberId) })).success, true);
  same(await phoneNumbers.register({ phoneNumberId, pin: "000111" }), { success: true });
  assert((await messages.sendText({ phoneNumberId, to: SHEENA, body: "We are new" })).messages[0].id);
});
await step("settings of the number", async () => {
  const calling = { status: "ENABLED", callIconVisibility: "DEFAULT" };
  same(await phoneNumbers.settings.update({ phoneNumberId: NUMBER, calling }), { success: true });
  const found = await phoneNumbers.settings.get({ phoneNumberId: NUMBER });
  same([found.calling.status, found.calling.callIconVisibility], ["ENABLED", "DEFAULT"]);
});

// --- errors

/** Requires that a call is refused with a GraphApiError of this code; answers it. */
async function refused(promise, code, category) {
  const error = await rejection(promise);
  assert(error instanceof GraphApiError, error);
  same([error.code, error.category], [code, category], error.message);
  return error;
}
const text = (from, to = SHEENA, body = "Hi") => from.messages.sendText({ phoneNumberId: NUMBER, to, body });
await step("error: a token that is none", async () => {
  const error = await refused(text(new WhatsAppClient({ accessToken: "EAAwrong" })), 190, "authorization");
  same([error.httpStatus, error.type, error.retry.action], [401, "OAuthException", "refresh_token"]);
  assert(error.requiresTokenRefresh() && error.fbtraceId, error);
});
await step("error: somebody else's token", () =>
  refused(text(new WhatsAppClient({ accessToken: OTHER_WABA.token })), 100, "parameter"),
);
await step("error: to oneself", () => refused(text(client, DIGITS), 131021, "parameter"));
await step("error: a recipient that is no number", async () => {
  assert([100, 131009].includes((await rejection(text(client, "nobody"))).code));
});
await step("error: more text than fits", async () => {
  assert([100, 131009].includes((await rejection(text(client, SHEENA, "x".repeat(4097)))).code));
});
await step("error: no such template, and one whose parameters are missing", async () => {
  const template = (name) =>
    messages.sendTemplate({ phoneNumberId: NUMBER, to: SHEENA, template: { name, language: { code: "en_US" } } });
  same((await refused(template("no_such_template"), 132001, "template")).httpStatus, 404);
  await refused(template("table_ready"), 132000, "template");
});
await step("error: rate limit hit", async () => {
  await failsNext({ code: 130429 });
  // wazapp waits, and sends it then.
  if (WAZAPP) return wasSent((await text(client)).messages[0].id, SHEENA, "text", { body: "Hi" });
  assert((await refused(text(client), 130429, "throttling")).isRateLimit());
});
await step("error: a page of HTML", async () => {
  await failsNext({ kind: "html_500" });
  // Behind wazapp it is one of Meta's errors, which tells that nobody knows.
  if (WAZAPP) return same((await rejection(text(client))).code, 1);
  same((await rejection(text(client))).category, "server");
});
await step("error that only a status tells: outside the 24 hours", async () => {
  const {
    messages: [{ id }],
  } = await text(client, "16505553333");
  same((await status(id, "failed")).status.errors[0].code, 131047);
});

await step("the same by its base URL", async () => {
  const direct = new WhatsAppClient({ accessToken: TOKEN, baseUrl: GRAPH, graphVersion: "v26.0" });
  await wasSent((await text(direct)).messages[0].id, SHEENA, "text", { body: "Hi" });
});
await step("every webhook was taken at the first try", allWebhooksTaken);
finish();
