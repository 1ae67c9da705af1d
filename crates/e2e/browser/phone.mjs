// Uses the customer's phone page as a person does, at two widths and in two languages, with a business on the other
// side. `node phone.mjs URL FOLDER [SCALE]`: where the simulator is, where pictures of the screens go, and how sharp they
// are.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { business, until } from "./business.mjs";
import { lookAt, open } from "./screens.mjs";

const [url, folder, scale = "1"] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const LOOKS = [
  { name: "narrow-es", width: 390, height: 844, language: "es", scheme: "light", country: "AR" },
  { name: "narrow-en", width: 390, height: 844, language: "en", scheme: "dark", country: "none" },
  { name: "wide-es", width: 1440, height: 900, language: "es", scheme: "dark", country: "BR" },
  { name: "wide-en", width: 1440, height: 900, language: "en", scheme: "light", country: "MX" },
];

/** How long something may take to come true, in milliseconds: a laptop may have other things to do. */
const PATIENCE = 20_000;

const browser = await open("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream");
const shop = await business(url);
try {
  for (const [at, look] of LOOKS.entries()) {
    await visit(look, shop.numbers[at]);
    console.log(`ok ${look.name}`);
  }
} finally {
  await browser.close();
  shop.close();
}

/** A person's whole visit, at one look. */
async function visit(look, desk) {
  const words = await (await fetch(`${url}/_phone/page/${look.language}.json`)).json();
  const t = (key, gaps = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => gaps[name]);
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    locale: look.language,
    colorScheme: look.scheme,
    reducedMotion: "reduce",
    deviceScaleFactor: Number(scale),
    permissions: ["microphone", "clipboard-read", "clipboard-write"],
  });
  const narrow = look.width < 1000;
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(error.stack));
  page.on("console", (line) => line.type() === "error" && !/409|404/.test(line.text()) && troubles.push(line.text()));

  const see = (screen, shown = page) => lookAt(shown, screen, join(folder, `${look.name}-${screen}.png`));
  const button = (name, root = page) => root.getByRole("button", { name, exact: true });
  const dialog = page.getByRole("dialog");
  const log = page.getByRole("log");
  const bubble = (text) => log.locator("article").filter({ hasText: text }).last();
  const write = async (text) => { await page.getByLabel(t("write")).fill(text); await page.keyboard.press("Enter"); };
  const ticks = (text, status) => bubble(text).locator(`.ticks[data-status="${status}"]`).waitFor();
  const menu = async (text) => { await bubble(text).locator(".bubble-more").click(); await dialog.waitFor(); };

  // Somebody to be, and a business to write to.
  await page.goto(url);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.getByRole("combobox", { name: t("from"), exact: true }).selectOption(look.country);
  await page.getByRole("textbox", { name: t("name"), exact: true }).fill(`Ana ${look.name}`);
  await see("01-start");
  await page.locator(".business").filter({ hasText: desk.name }).first().click();
  await log.getByText(t("empty")).waitFor();
  await see("02-empty");

  // Words, and what becomes of them.
  const greeting = look.language === "es" ? "Hola, ¿tienen mesa para *dos* hoy? 🌮" : "Hi! Is there a table for *two* tonight? 🌮";
  await write(greeting);
  const first = await desk.hears((message) => message.text?.body === greeting);
  await ticks("🌮", "delivered");
  await desk.read(first.id, true);
  await ticks("🌮", "read");
  await page.locator(".typing").waitFor();
  await see("03-typing");
  await desk.say(first, { type: "text", text: { body: look.language === "es" ? "¡Hola! Claro que sí, ¿a qué hora? https://lucero.example/carta" : "Hello! Of course, what time? https://harbor.example/menu" }, context: { message_id: first.id } });
  await bubble("https://").waitFor();
  await page.locator(".typing").waitFor({ state: "detached" });
  await bubble("https://").locator(".quote").waitFor();

  // Buttons and a list, tapped.
  const yes = look.language === "es" ? "Sí, confirmar" : "Yes, confirm";
  await desk.say(first, { type: "interactive", interactive: { type: "button", header: { type: "text", text: look.language === "es" ? "Mesa para dos" : "Table for two" }, body: { text: look.language === "es" ? "Hoy a las *20:30*, junto a la ventana." : "Tonight at *8:30*, by the window." }, footer: { text: "Café Lucero" }, action: { buttons: [{ type: "reply", reply: { id: "yes", title: yes } }, { type: "reply", reply: { id: "no", title: "No" } }] } } });
  await button(yes).click();
  const tapped = await desk.hears((message) => message.interactive?.button_reply);
  assert.equal(tapped.interactive.button_reply.id, "yes");
  await log.locator("button.action:disabled", { hasText: yes }).waitFor();
  await see("04-buttons");
  const choose = look.language === "es" ? "Ver postres" : "See desserts";
  await desk.say(first, { type: "interactive", interactive: { type: "list", body: { text: look.language === "es" ? "¿Postre?" : "Dessert?" }, action: { button: choose, sections: [{ title: look.language === "es" ? "De la casa" : "Ours", rows: [{ id: "flan", title: "Flan", description: look.language === "es" ? "Con cajeta de cabra" : "With goat-milk caramel" }, { id: "pie", title: look.language === "es" ? "Pay de limón" : "Lemon pie" }] }, { title: look.language === "es" ? "Sin azúcar" : "No sugar", rows: [{ id: "fruit", title: look.language === "es" ? "Fruta de temporada" : "Fruit of the season" }] }] } } });
  await button(choose).click();
  await dialog.waitFor();
  await see("05-list");
  await dialog.getByRole("button", { name: /^Flan/ }).click();
  const row = await desk.hears((message) => message.interactive?.list_reply);
  assert.equal(row.interactive.list_reply.description.length > 0, true);

  // A picture, a voice note, a link, a template with a picture and a reply.
  const sample = await (await fetch(`${url}/_phone/media/${await inboundImage(desk, page)}`)).arrayBuffer();
  const picture = await desk.upload(sample, "image/png", "cup.png");
  await desk.say(first, { type: "image", image: { id: picture, caption: look.language === "es" ? "Así los esperamos ☕" : "We’ll be waiting ☕" } });
  await bubble("☕").locator("img").waitFor();
  await desk.say(first, { type: "interactive", interactive: { type: "cta_url", body: { text: look.language === "es" ? "Cómo llegar:" : "How to get here:" }, action: { name: "cta_url", parameters: { display_text: look.language === "es" ? "Abrir mapa" : "Open map", url: "https://maps.example/lucero" } } } });
  await page.getByRole("link", { name: look.language === "es" ? "Abrir mapa" : "Open map" }).waitFor();
  const name = `visit_${look.name.replace("-", "_")}`;
  await desk.template({ name, language: "es", category: "UTILITY", components: [{ type: "HEADER", format: "TEXT", text: look.language === "es" ? "Tu reserva" : "Your booking" }, { type: "BODY", text: look.language === "es" ? "Hola {{1}}, te esperamos a las {{2}} en la terraza." : "Hi {{1}}, see you at {{2}} on the terrace.", example: { body_text: [["Ana", "20:30"]] } }, { type: "FOOTER", text: "Café Lucero" }, { type: "BUTTONS", buttons: [{ type: "QUICK_REPLY", text: look.language === "es" ? "Ahí estaré" : "I’ll be there" }, { type: "URL", text: look.language === "es" ? "Ver reserva" : "See booking", url: "https://lucero.example/r/1" }] }] });
  await shop.sim("/clock", { advance: "60s" });
  const template = { type: "template", template: { name, language: { code: "es" }, components: [{ type: "body", parameters: [{ type: "text", text: "Ana" }, { type: "text", text: "20:30" }] }] } };
  await until(() => desk.say(first, template).catch(() => null), "the template is approved");
  const there = look.language === "es" ? "Ahí estaré" : "I’ll be there";
  await button(there).click();
  const quick = await desk.hears((message) => message.type === "button");
  assert.equal(quick.button.text, there);
  await see("06-rich");

  // What else a business can send: cards, a form, products, a place, a code, and what never arrives.
  const link = shop.serve("cup.png", Buffer.from(sample));
  const card = (index) => ({ card_index: index, type: "cta_url", header: { type: "image", image: { link } }, body: { text: `Café ${index + 1}` }, action: { name: "cta_url", parameters: { display_text: look.language === "es" ? "Pedir" : "Order", url: "https://lucero.example/p" } } });
  await desk.say(first, { type: "interactive", interactive: { type: "carousel", body: { text: look.language === "es" ? "De esta semana:" : "This week:" }, action: { cards: [card(0), card(1), card(2)] } } });
  await log.locator(".card img").first().waitFor();
  await desk.say(first, { type: "interactive", interactive: { type: "flow", body: { text: look.language === "es" ? "Cuéntanos cómo estuvo." : "Tell us how it was." }, action: { name: "flow", parameters: { flow_message_version: "3", flow_token: "t-1", flow_id: "123456789012345", flow_cta: look.language === "es" ? "Opinar" : "Rate us", flow_action: "navigate", flow_action_payload: { screen: "START", data: { stars: 5 } } } } } });
  await button(look.language === "es" ? "Opinar" : "Rate us").click();
  await dialog.waitFor();
  await see("07-form");
  await button(t("send"), dialog).click();
  const form = await desk.hears((message) => message.interactive?.nfm_reply);
  assert.equal(JSON.parse(form.interactive.nfm_reply.response_json).stars, 5);
  await desk.say(first, { type: "interactive", interactive: { type: "product_list", header: { type: "text", text: "Café" }, body: { text: look.language === "es" ? "Para llevar" : "To go" }, action: { catalog_id: "194836987003835", sections: [{ title: "Café", product_items: [{ product_retailer_id: "espresso" }, { product_retailer_id: "cortado" }] }] } } });
  await button(t("see-products")).click();
  await dialog.getByRole("spinbutton").last().fill("2");
  await see("08-products");
  await button(t("order-it"), dialog).click();
  const order = await desk.hears((message) => message.type === "order");
  assert.deepEqual(order.order.product_items.map((item) => [item.product_retailer_id, item.quantity]), [["cortado", 2]]);
  await desk.say(first, { type: "interactive", interactive: { type: "location_request_message", body: { text: look.language === "es" ? "¿Dónde te lo llevamos?" : "Where shall we bring it?" }, action: { name: "send_location" } } });
  await button(t("send-location")).click();
  await button(/MASP/, dialog).click();
  const place = await desk.hears((message) => message.type === "location");
  assert.ok(place.context.id);
  await desk.say(first, { type: "image", image: { link: `${link}/gone` } });
  await log.getByText("131053").waitFor();
  await see("09-more");

  // What a person does with messages.
  await menu("☕");
  await see("10-menu");
  await button("❤️", dialog).click();
  const reaction = await desk.hears((message) => message.type === "reaction");
  assert.equal(reaction.reaction.emoji, "❤️");
  await bubble("☕").locator(".reactions").waitFor();
  await menu("☕");
  await button(t("reply"), dialog).click();
  await write(look.language === "es" ? "Qué bonita" : "So pretty");
  const answer = await desk.hears((message) => message.context?.id && message.text);
  assert.ok(answer.context.id.startsWith("wamid."));
  await menu(look.language === "es" ? "Qué bonita" : "So pretty");
  await button(t("edit"), dialog).click();
  await write(look.language === "es" ? "Qué bonita taza" : "Such a pretty cup");
  await bubble(t("edited")).waitFor();
  const edit = await desk.hears((message) => message.type === "edit");
  assert.equal(edit.edit.message.text.body, look.language === "es" ? "Qué bonita taza" : "Such a pretty cup");
  await write("xxx");
  await ticks("xxx", "delivered");
  await menu("xxx");
  await button(t("delete"), dialog).click();
  await bubble(t("deleted")).waitFor();
  await desk.hears((message) => message.type === "revoke");

  // Everything that can be attached.
  const attach = async (key) => { await button(t("attach")).click(); await dialog.waitFor(); await button(t(key), dialog).click(); };
  const pick = async (key, file) => { const chooser = page.waitForEvent("filechooser"); await attach(key); await (await chooser).setFiles(file); };
  await button(t("attach")).click();
  await dialog.waitFor();
  await see("11-attach");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await pick("photo-or-video", { name: "cup.png", mimeType: "image/png", buffer: Buffer.from(sample) });
  await dialog.getByRole("textbox", { name: t("caption") }).fill(look.language === "es" ? "La mía" : "Mine");
  await see("12-photo");
  await button(t("send"), dialog).click();
  const photo = await desk.hears((message) => message.type === "image" && message.image.caption);
  assert.equal(photo.image.mime_type, "image/png");
  await pick("document", { name: "carta.txt", mimeType: "text/plain", buffer: Buffer.from("menu") });
  assert.equal((await desk.hears((message) => message.type === "document")).document.filename, "carta.txt");
  await attach("location");
  await see("13-place");
  await button(/Dolores Park/, dialog).click();
  await desk.hears((message) => message.location?.name === "Dolores Park");
  await attach("contact");
  await see("14-contact");
  await button(t("send"), dialog).click();
  await desk.hears((message) => message.type === "contacts");
  await attach("sticker");
  await desk.hears((message) => message.type === "sticker");
  await button(t("record")).click();
  await page.locator(".recording-time").filter({ hasText: "0:01" }).waitFor();
  await see("15-recording");
  await button(t("send")).click();
  const voice = await desk.hears((message) => message.type === "audio");
  assert.deepEqual([voice.audio.mime_type, voice.audio.voice], ["audio/ogg; codecs=opus", true]);
  await log.locator(".sound").last().getByText(/0:0[1-9]/).waitFor();
  await see("16-own");

  // Another person on another phone, at the same time.
  const second = await context.newPage();
  await second.goto(url);
  await second.locator(".business").filter({ hasText: desk.name }).first().click();
  await second.getByLabel(t("write")).fill("¡Soy otra persona!");
  await second.keyboard.press("Enter");
  const otherPerson = await desk.hears((message) => message.text?.body === "¡Soy otra persona!");
  assert.notEqual(otherPerson.from_user_id, first.from_user_id);
  await desk.say(otherPerson, { type: "text", text: { body: "Solo para ti" } });
  await second.getByText("Solo para ti").waitFor();
  assert.equal(await page.getByText("Solo para ti").count(), 0);
  await second.close();

  // The phone goes off and on, and blocks.
  const settings = async () => { if (narrow) { await button(t("this-phone")).click(); await dialog.waitFor(); } return narrow ? dialog : page.getByRole("complementary"); };
  let panel = await settings();
  await see("17-owner");
  await panel.getByRole("combobox", { name: t("this-phone") }).selectOption("off");
  await page.getByText(t("phone-off")).waitFor();
  const waits = await desk.say(first, { type: "text", text: { body: "¿Sigues ahí?" } });
  await until(() => shop.heard.some((value) => value.statuses?.some((status) => status.id === waits && status.status === "sent")), "the business hears that it left");
  assert.equal(await page.getByText("¿Sigues ahí?").count(), 0);
  await button(t("turn-on")).click();
  await page.getByText("¿Sigues ahí?").waitFor();
  panel = await settings();
  await button(t("block", { name: desk.name }), panel).click();
  await page.getByText(t("you-block", { name: desk.name })).waitFor();
  const blocked = await desk.say(first, { type: "text", text: { body: "¿Hola?" } });
  await until(() => shop.heard.some((value) => value.statuses?.some((status) => status.id === blocked && status.errors?.[0].code === 131026)), "the business hears that it failed");
  await log.getByText("131026").waitFor();
  await see("18-blocked");
  await page.locator(".blocked").getByRole("button").click();
  await page.getByLabel(t("write")).waitFor();

  // The list of chats, with one that is not read.
  await button(t("back")).click();
  await page.getByRole("navigation").waitFor();
  const unread = await desk.say(first, { type: "text", text: { body: look.language === "es" ? "¡Nos vemos!" : "See you!" } });
  await page.locator(".badge").waitFor();
  await see("19-chats");
  await page.locator(".chat-line").first().click();
  await until(() => shop.heard.some((value) => value.statuses?.some((status) => status.id === unread && status.status === "read")), "opening the chat reads it");
  assert.deepEqual(troubles, []);
  await context.close();
}

/** A picture that is on Meta's side already: the sample that customers send. */
async function inboundImage(desk, page) {
  const customer = new URL(page.url()).searchParams.get("customer");
  const { id } = await (await page.request.post(`${url}/_phone/send`, { data: { customer, phone_number_id: desk.id, message: { type: "image" } } })).json();
  return (await desk.hears((message) => message.id === id)).image.id;
}
