// whatsapp-api-js: every send it knows, its node:http receiver in secure mode, media, QR codes, block list, errors.

import assert from "node:assert/strict";
import {
  ActionButtons,
  ActionCTA,
  ActionCallPermission,
  ActionCatalog,
  ActionContactRequest,
  ActionDataExchangeFlow,
  ActionList,
  ActionLocation,
  ActionNavigateFlow,
  ActionProduct,
  ActionProductList,
  Address,
  Audio,
  Birthday,
  Body,
  BodyComponent,
  BodyParameter,
  Button,
  Contacts,
  Document,
  Email,
  Footer,
  Header,
  HeaderComponent,
  HeaderParameter,
  Image,
  Interactive,
  Language,
  ListSection,
  Location,
  Name,
  Organization,
  PayloadComponent,
  Phone,
  CatalogProduct,
  Product,
  ProductSection,
  Reaction,
  Row,
  Sticker,
  Template,
  Text,
  URLComponent,
  Url,
  Video,
} from "whatsapp-api-js/messages";
import { WhatsAppAPI } from "whatsapp-api-js/middleware/node-http";
import {
  APP,
  DIGITS,
  NUMBER,
  OTHER_WABA,
  PABLO,
  SHEENA,
  SITE,
  TOKEN,
  VERIFY_TOKEN,
  WAZAPP,
  Received,
  aPhoto,
  accepted,
  allWebhooksTaken,
  approvedTemplate,
  customerWrites,
  echoed,
  failsNext,
  file,
  finish,
  oneUpdateAPost,
  placeAndReactionArrive,
  receive,
  receiverSteps,
  same,
  step,
  tapsArrive,
  wasRead,
  wasSent,
} from "./simulator.mjs";

const api = new WhatsAppAPI({
  token: TOKEN,
  appSecret: APP.secret,
  webhookVerifyToken: VERIFY_TOKEN,
  v: "v24.0",
  secure: true,
});

const got = new Received();
api.on.message = (event) => got.add(event);
api.on.status = (event) => got.add(event);
const sentEvents = [];
api.on.sent = (event) => sentEvents.push(event);
const url = await receive(async (request) => {
  if (request.method === "POST") return { status: await api.handle_post(request) };
  try {
    return { status: 200, text: api.handle_get(request) };
  } catch (status) {
    return { status };
  }
});

/** What the library makes of a message that a customer sends. */
async function inbound(message, sender = SHEENA) {
  const wamid = await customerWrites(message, sender);
  return got.wait(message.type, (event) => event.message?.id === wamid);
}
const status = (wamid, wanted) =>
  got.wait(`${wanted} of ${wamid}`, (event) => event.id === wamid && event.status === wanted);

// It takes messages and calls only: the template is approved before webhooks come here.
await step("a template for it, approved", () =>
  approvedTemplate("order_ready", [
    { type: "HEADER", format: "TEXT", text: "Order {{1}}", example: { header_text: ["7"] } },
    { type: "BODY", text: "Hi {{1}}, it is ready for you.", example: { body_text: [["Ann"]] } },
    {
      type: "BUTTONS",
      buttons: [
        { type: "QUICK_REPLY", text: "Thanks" },
        { type: "URL", text: "Track", url: "https://example.com/{{1}}", example: ["https://example.com/7"] },
      ],
    },
  ]),
);

// --- the receiver

await oneUpdateAPost();
await receiverSteps(url);

let hello;
await step("inbound text, with letters beyond ASCII", async () => {
  const body = '¡Hola! 👋 a/b <c> "d" ñ 你好';
  hello = await inbound({ type: "text", text: { body } });
  same([hello.message.text.body, hello.from, hello.name, hello.phoneID], [body, SHEENA, "Zoë 🌻", NUMBER]);
  await inbound({ type: "text", text: { body: "Hi" } }, PABLO);
});
await step("mark as read, and the typing indicator", async () => {
  same(await api.markAsRead(NUMBER, hello.message.id), { success: true });
  await wasRead(hello.message.id, undefined);
  same(await hello.received("text"), { success: true });
  await wasRead(hello.message.id, { type: "text" });
});

// --- sends

/** Sends, and requires that Meta accepted exactly this; answers the wamid. */
async function sends(message, kind, content, { to = SHEENA, replyTo } = {}) {
  const answer = await api.sendMessage(NUMBER, { phone: to }, message, replyTo);
  assert(!answer.error, JSON.stringify(answer));
  same([answer.messaging_product, answer.contacts], ["whatsapp", [{ input: to, wa_id: to }]]);
  await wasSent(answer.messages[0].id, to, kind, content, replyTo);
  same(sentEvents.at(-1).id, answer.messages[0].id);
  return answer.messages[0].id;
}

await step("text, then its statuses sent, delivered and read", async () => {
  const answer = await api.sendMessage(NUMBER, { phone: SHEENA }, new Text("Hello"), undefined, "order-7");
  const wamid = answer.messages[0].id;
  await wasSent(wamid, SHEENA, "text", { body: "Hello" });
  const word = await echoed(wamid, "order-7");
  for (const wanted of ["sent", "delivered", "read"]) {
    const event = await status(wamid, wanted);
    same([event.phone, event.phoneID, event.biz_opaque_callback_data], [SHEENA, NUMBER, word]);
  }
});
await step("text with preview", () =>
  sends(new Text("https://example.com/a?b=c", true), "text", { body: "https://example.com/a?b=c", preview_url: true }),
);
await step("reply", () => sends(new Text("Gracias ✔️"), "text", { body: "Gracias ✔️" }, { replyTo: hello.message.id }));
await step("reply by the event itself, to phone and user id", async () => {
  const answer = await hello.reply(new Text("De nada"), true);
  const request = await accepted(answer.messages[0].id);
  same(
    [request.to, request.recipient, request.context],
    // Of two names Meta takes the phone number, and wazapp sends that alone.
    [SHEENA, WAZAPP ? undefined : hello.message.from_user_id, { message_id: hello.message.id }],
  );
});
await step("text to a business-scoped user id", async () => {
  const bsuid = hello.message.from_user_id;
  const answer = await api.sendMessage(NUMBER, { bsuid }, new Text("Hello, you"));
  same(
    [(await accepted(answer.messages[0].id)).recipient, answer.contacts],
    [bsuid, [{ input: bsuid, user_id: bsuid }]],
  );
});

async function upload(name, type) {
  const form = new FormData();
  form.set("file", new Blob([await file(name)], { type }), name);
  const answer = await api.uploadMedia(NUMBER, form);
  assert(answer.id, JSON.stringify(answer));
  return answer.id;
}
for (const [kind, make, name, mime, more] of [
  ["image", (at, isId) => new Image(at, isId, "A photo"), "photo.png", "image/png", { caption: "A photo" }],
  ["video", (at, isId) => new Video(at, isId, "A clip"), "clip.mp4", "video/mp4", { caption: "A clip" }],
  ["audio", (at, isId) => new Audio(at, isId, true), "voice.ogg", "audio/ogg", { voice: true }],
  [
    "document",
    (at, isId) => new Document(at, isId, "A paper", "paper.pdf"),
    "paper.pdf",
    "application/pdf",
    { caption: "A paper", filename: "paper.pdf" },
  ],
  ["sticker", (at, isId) => new Sticker(at, isId), "sticker.webp", "image/webp", {}],
]) {
  await step(`${kind} by link`, () =>
    sends(make(`${SITE}/${name}`, false), kind, { link: `${SITE}/${name}`, ...more }),
  );
  await step(`${kind} by id`, async () => {
    const id = await upload(name, mime);
    await sends(make(id, true), kind, { id, ...more });
  });
}
await step("location", () =>
  sends(new Location(-122.16, 37.44, "Philz", "101 Forest Ave"), "location", {
    longitude: -122.16,
    latitude: 37.44,
    name: "Philz",
    address: "101 Forest Ave",
  }),
);
await step("contacts, which it sends as JSON in a string", async () => {
  const contact = [
    new Name("Ann Lee", "Ann"),
    new Phone("+16505557777", "WORK", "16505557777"),
    new Email("ann@example.com", "WORK"),
    new Birthday("1999", "01", "23"),
    new Organization("Pine", "Ops", "Pilot"),
    new Url("https://example.com", "WORK"),
    new Address("United States", "US", "CA", "Menlo Park", "1 Hacker Way", "94025", "WORK"),
  ];
  const answer = await api.sendMessage(NUMBER, { phone: SHEENA }, new Contacts(contact));
  assert(answer.messages?.[0].id, JSON.stringify(answer));
  const request = await accepted(answer.messages[0].id);
  const [card] = typeof request.contacts === "string" ? JSON.parse(request.contacts) : request.contacts;
  same(
    [request.type, card.name, card.birthday],
    ["contacts", { formatted_name: "Ann Lee", first_name: "Ann" }, "1999-01-23"],
  );
  same(card.phones, [{ phone: "+16505557777", type: "WORK", wa_id: "16505557777" }]);
  await status(answer.messages[0].id, "delivered");
});
await step("reaction, and its removal", async () => {
  const message_id = hello.message.id;
  await sends(new Reaction(message_id, "😀"), "reaction", { message_id, emoji: "😀" });
  await sends(new Reaction(message_id), "reaction", { message_id, emoji: "" });
});

const interactive = (message, content) => sends(message, "interactive", content, { to: PABLO });
const body = (text) => [new Body(text), { text }];
let buttons, menu;
await step("buttons below an image", async () => {
  const [text, wire] = body("Which?");
  const action = new ActionButtons(new Button("green", "Green"), new Button("black", "Black"));
  buttons = await interactive(
    new Interactive(action, text, new Header(new Image(`${SITE}/photo.png`)), new Footer("Or none")),
    {
      type: "button",
      body: wire,
      header: { type: "image", image: { link: `${SITE}/photo.png` } },
      footer: { text: "Or none" },
      action: {
        buttons: [
          { type: "reply", reply: { title: "Green", id: "green" } },
          { type: "reply", reply: { title: "Black", id: "black" } },
        ],
      },
    },
  );
});
await step("list", async () => {
  const [text, wire] = body("Choose");
  const action = new ActionList(
    "Teas",
    new ListSection("All", new Row("green", "Green", "A leaf"), new Row("black", "Black")),
  );
  menu = await interactive(new Interactive(action, text, new Header("Tea")), {
    type: "list",
    body: wire,
    header: { type: "text", text: "Tea" },
    action: {
      button: "Teas",
      sections: [
        {
          title: "All",
          rows: [
            { id: "green", title: "Green", description: "A leaf" },
            { id: "black", title: "Black" },
          ],
        },
      ],
    },
  });
});
await step("URL button", () => {
  const [text, wire] = body("Shop");
  const parameters = { display_text: "Open", url: "https://example.com" };
  return interactive(new Interactive(new ActionCTA("Open", "https://example.com"), text), {
    type: "cta_url",
    body: wire,
    action: { name: "cta_url", parameters },
  });
});
await step("flows, navigating and exchanging data", async () => {
  const [text, wire] = body("Join");
  const common = {
    mode: "published",
    flow_message_version: "3",
    flow_token: "token-1",
    flow_id: "1234567890",
    flow_cta: "Open",
  };
  const flow = (parameters) => ({
    type: "flow",
    body: wire,
    action: { name: "flow", parameters: { ...common, ...parameters } },
  });
  await interactive(
    new Interactive(new ActionNavigateFlow("token-1", "1234567890", "Open", "WELCOME", { name: "Ann" }), text),
    flow({ flow_action: "navigate", flow_action_payload: { screen: "WELCOME", data: { name: "Ann" } } }),
  );
  await interactive(
    new Interactive(new ActionDataExchangeFlow("token-1", "1234567890", "Open"), text),
    flow({ flow_action: "data_exchange" }),
  );
});
await step("product, product list and catalog", async () => {
  const catalog_id = "194836987003835";
  const [text, wire] = body("Look");
  const product = new CatalogProduct("sku-1", catalog_id);
  await interactive(new Interactive(new ActionProduct(product), text), {
    type: "product",
    body: wire,
    action: { catalog_id, product_retailer_id: "sku-1" },
  });
  const answer = await api.sendMessage(
    NUMBER,
    { phone: PABLO },
    new Interactive(
      new ActionProductList(catalog_id, new ProductSection("Teas", new Product("sku-1"), new Product("sku-2"))),
      text,
      new Header("Teas"),
    ),
  );
  const { interactive: list } = await accepted(answer.messages[0].id);
  same(
    [list.type, list.action.catalog_id, list.action.sections[0].product_items.map((item) => item.product_retailer_id)],
    ["product_list", catalog_id, ["sku-1", "sku-2"]],
  );
  const parameters = { thumbnail_product_retailer_id: "sku-1" };
  await interactive(new Interactive(new ActionCatalog(product), text), {
    type: "catalog_message",
    body: wire,
    action: { name: "catalog_message", parameters },
  });
});
await step("location, contact info and call permission requests", async () => {
  const [text, wire] = body("Please");
  await interactive(new Interactive(new ActionLocation(), text), {
    type: "location_request_message",
    body: wire,
    action: { name: "send_location" },
  });
  await interactive(new Interactive(new ActionContactRequest(), text), {
    type: "request_contact_info",
    body: wire,
    action: { name: "request_contact_info" },
  });
  await interactive(new Interactive(new ActionCallPermission(), text), {
    type: "call_permission_request",
    body: wire,
    action: { name: "call_permission_request" },
  });
});
await step("template with parameters of every part, and the tap on its button", async () => {
  const template = new Template(
    "order_ready",
    new Language("en_US"),
    new HeaderComponent(new HeaderParameter("77")),
    new BodyComponent(new BodyParameter("Zoë")),
    new PayloadComponent("thanks"),
    new URLComponent("77"),
  );
  const wamid = await sends(template, "template", {
    name: "order_ready",
    language: { policy: "deterministic", code: "en_US" },
    components: [
      { type: "header", parameters: [{ type: "text", text: "77" }] },
      { type: "body", parameters: [{ type: "text", text: "Zoë" }] },
      { type: "button", sub_type: "quick_reply", index: 0, parameters: [{ type: "payload", payload: "thanks" }] },
      { type: "button", sub_type: "url", index: 1, parameters: [{ type: "text", text: "77" }] },
    ],
  });
  const { message } = await inbound({
    type: "button",
    button: { text: "Thanks", payload: "thanks" },
    context: { id: wamid },
  });
  same([message.button, message.context.id], [{ text: "Thanks", payload: "thanks" }, wamid]);
});
await step("broadcast to two", async () => {
  const answers = await Promise.all(
    api.broadcastMessage(NUMBER, [{ phone: SHEENA }, { phone: PABLO }], new Text("All"), 50, 10),
  );
  for (const [index, to] of [SHEENA, PABLO].entries())
    await wasSent(answers[index].messages[0].id, to, "text", { body: "All" });
});

// --- answers of customers

await step("inbound button reply and list reply", () => tapsArrive(inbound, buttons, menu));
await step("inbound image, downloaded", async () => {
  const { message } = await inbound(await aPhoto());
  same([message.image.caption, message.image.mime_type], ["Look 🌄", "image/png"]);
  const found = await api.retrieveMedia(message.image.id, NUMBER);
  same(Buffer.from(await (await api.fetchMedia(found.url)).arrayBuffer()), await file("photo.png"));
});
await step("inbound location and reaction", () => placeAndReactionArrive(inbound, buttons));

// --- media, QR codes, block list

await step("media: upload, look up, download, delete", async () => {
  const content = await file("paper.pdf");
  const id = await upload("paper.pdf", "application/pdf");
  const found = await api.retrieveMedia(id, NUMBER);
  same([found.id, found.mime_type, Number(found.file_size)], [id, "application/pdf", content.length]);
  same(Buffer.from(await (await api.fetchMedia(found.url)).arrayBuffer()), content);
  same(await api.deleteMedia(id, NUMBER), { success: true });
  same((await api.retrieveMedia(id)).error.code, 100);
});
await step("QR codes", async () => {
  const code = await api.createQR(NUMBER, "A table for two", "svg");
  same(code.prefilled_message, "A table for two");
  assert(code.qr_image_url && code.deep_link_url, JSON.stringify(code));
  same((await api.retrieveQR(NUMBER, code.code)).data[0].code, code.code);
  same((await api.updateQR(NUMBER, code.code, "For three")).prefilled_message, "For three");
  same((await api.retrieveQR(NUMBER)).data.length, 1);
  same(await api.deleteQR(NUMBER, code.code), { success: true });
});
await step("block list, on a path without a version", async () => {
  const { block_users: blocked } = await api.blockUser(NUMBER, { phone: PABLO });
  same(
    blocked.added_users.map(({ input, wa_id }) => [input, wa_id]),
    [[PABLO, PABLO]],
  );
  const { block_users: unblocked } = await api.unblockUser(NUMBER, { phone: PABLO });
  same(
    unblocked.removed_users.map(({ input, wa_id }) => [input, wa_id]),
    [[PABLO, PABLO]],
  );
  same((await hello.block()).block_users.added_users.length, 1);
  await api.unblockUser(NUMBER, { phone: SHEENA });
});

// --- errors, which it answers as they are

const text = (from, to = SHEENA) => from.sendMessage(NUMBER, { phone: to }, new Text("Hi"));
const code = async (answer) => (await answer).error?.code;
await step("error: a token that is none", async () => {
  const { error } = await text(new WhatsAppAPI({ token: "EAAwrong", secure: false, v: "v24.0" }));
  same([error.code, error.type], [190, "OAuthException"]);
});
await step("error: somebody else's token", async () =>
  same(await code(text(new WhatsAppAPI({ token: OTHER_WABA.token, secure: false, v: "v24.0" }))), 100),
);
await step("error: to oneself", async () => same(await code(text(api, DIGITS)), 131021));
await step("error: a recipient that is no number", async () =>
  assert([100, 131009].includes(await code(text(api, "nobody")))),
);
await step("error: no such template, and one whose parameters are missing", async () => {
  const template = (name) => api.sendMessage(NUMBER, { phone: SHEENA }, new Template(name, "en_US"));
  same([await code(template("no_such_template")), await code(template("order_ready"))], [132001, 132000]);
});
await step("error: rate limit hit", async () => {
  await failsNext({ code: 130429 });
  // wazapp waits, and sends it then.
  if (WAZAPP) return wasSent((await text(api)).messages[0].id, SHEENA, "text", { body: "Hi" });
  same(await code(text(api)), 130429);
});
await step("error that only a status tells: outside the 24 hours", async () => {
  const {
    messages: [{ id }],
  } = await text(api, "16505553333");
  const event = await status(id, "failed");
  same([event.error.code, event.phone], [131047, "16505553333"]);
});

await step("every webhook was taken at the first try", allWebhooksTaken);
finish();
