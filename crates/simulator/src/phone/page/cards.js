// What businesses send beyond plain text: buttons, lists, links, forms, products, templates.

import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { header } from "./media.js";
import { textOf } from "./preview.js";
import { field, form, sheet } from "./sheet.js";
import { rich } from "./text.js";
import { clock, day, t } from "./words.js";
import { placeSheet } from "./attach.js";

/** Header, body, footer. */
function letter(content) {
  const body = textOf(content.body);
  const footer = textOf(content.footer);
  return [header(content.header), body && h("p", { class: "words" }, rich(body)), footer && h("p", { class: "footer" }, footer)];
}

/** A button below a message. */
function action(label, name, onclick, disabled = false) {
  return h("button", { type: "button", class: "action", onclick, disabled }, name && icon(name), label);
}

/** A link below a message. */
function link(label, url, name = "link") {
  const safe = /^(https?:|tel:)/i.test(url ?? "") ? url : null;
  return h("a", { class: "action", href: safe, target: "_blank", rel: "noopener noreferrer" }, icon(name), label);
}

/** An interactive message of a business (§8.2). */
export function interactive(message, chat) {
  const { content } = message;
  const words = letter(content);
  const { parameters = {} } = content.action ?? {};
  const context = { id: message.wamid };
  switch (content.type) {
    case "button": return [words, taps(message, chat)];
    case "list": return [words, action(content.action?.button ?? t("choose"), "list", () => listSheet(message, chat))];
    case "cta_url": return [words, link(parameters.display_text, parameters.url)];
    case "flow": return [words, action(parameters.flow_cta ?? t("open"), "form", () => flowSheet(message, chat, parameters))];
    case "address_message": return [words, action(t("give-address"), "pin", () => addressSheet(message, chat))];
    case "location_request_message": return [words, action(t("send-location"), "pin", () => placeSheet((location) => chat.send({ type: "location", location, context })))];
    case "request_contact_info": return [words, action(t("share-contact"), "user", () => chat.send(ownContact(chat, context)))];
    case "call_permission_request": return [words, action(t("accept"), "check", () => calls(chat, context, "accept")), action(t("decline"), "close", () => calls(chat, context, "reject"))];
    case "voice_call": return [words, action(parameters.display_text ?? t("call"), "phone", () => plain(t("call"), t("no-calls")))];
    case "product": return [words, product(content.action), action(t("order-it"), "cart", () => orderSheet([content.action], content.action.catalog_id, chat, context))];
    case "product_list": return [words, action(t("see-products"), "cart", () => orderSheet(content.action.sections.flatMap((section) => section.product_items), content.action.catalog_id, chat, context))];
    case "catalog_message": return [words, action(t("see-catalog"), "cart", () => plain(t("see-catalog"), t("no-catalog")))];
    case "carousel": return [words, strip((content.action?.cards ?? []).map((card) => card.action?.product_retailer_id
      ? [product(card.action)]
      : [letter(card), cardActions(message, card, chat)]))];
    default: return [words, h("p", { class: "kind" }, content.type)];
  }
}

/** A template as the customer sees it. */
export function template(message, chat) {
  const { rendered, content } = message;
  if (!rendered) return [h("p", { class: "words" }, content?.name ?? t("template"))];
  const counter = { next: 0 };
  const own = [rendered.offer && offer(rendered.offer), letter(rendered), templateButtons(message, rendered.buttons, chat, counter)];
  const cards = (rendered.cards ?? []).map((card) => [letter(card), templateButtons(message, card.buttons, chat, counter)]);
  return [own, cards.length ? strip(cards) : null];
}

/** Quick replies take the message's choices in order; the others do what they say. */
function templateButtons(message, buttons = [], chat, counter) {
  return buttons.map((button) => {
    const kind = (button.type ?? "").toLowerCase();
    const text = button.text ?? t("open");
    switch (kind) {
      case "quick_reply": return tap(message, chat, counter.next++);
      case "url": return link(text, button.url);
      case "phone_number": return link(text, `tel:${button.phone ?? button.phone_number}`, "phone");
      case "copy_code":
      case "otp": return action(text, "copy", (event) => copyCode(event.currentTarget, button));
      case "flow": return action(text, "form", () => flowSheet(message, chat, { flow_id: button.flow_id, flow_token: button.flow_token }));
      case "voice_call": return action(text, "phone", () => plain(text, t("no-calls")));
      case "request_contact_info": return action(t("share-contact"), "user", () => chat.send(ownContact(chat, { id: message.wamid })));
      default: return action(text, "cart", () => plain(text, t("no-catalog")));
    }
  });
}

async function copyCode(button, { payload }) {
  await navigator.clipboard?.writeText(payload ?? "").catch(() => {});
  fill(button, icon("check"), t("copied"));
}

/** An offer that ends. */
function offer({ text, expiration_time_ms: end }) {
  return h("p", { class: "offer" }, icon("clock"), h("span", {}, text, end && h("small", {}, ` · ${day(Number(end), Date.now())} ${clock(Number(end))}`)));
}

/** Every choice of a message as a button. */
function taps(message, chat) {
  return message.choices.map((_, at) => tap(message, chat, at));
}

function tap(message, chat, at) {
  const title = message.choices[at]?.title ?? "";
  const answer = chat.answer(message.wamid);
  const button = action(title, answer === title ? "check" : "reply", () => chat.tap(message.wamid, at), answer !== null);
  button.classList.toggle("chosen", answer === title);
  return button;
}

function cardActions(message, card, chat) {
  const parameters = card.action?.parameters;
  if (parameters?.url) return link(parameters.display_text, parameters.url);
  return (card.action?.buttons ?? []).map((button) => {
    const title = button.quick_reply?.title ?? button.reply?.title;
    return tap(message, chat, message.choices.findIndex((choice) => choice.title === title));
  });
}

/** Cards in a row that scrolls. */
function strip(cards) {
  return h("div", { class: "strip", tabindex: "0", role: "group", "aria-label": t("cards") }, cards.map((card) => h("div", { class: "card" }, card)));
}

function product(item) {
  return h("div", { class: "row-card" }, h("span", { class: "tile" }, icon("tag")), h("span", { class: "lines" }, h("b", {}, item.product_retailer_id), h("small", {}, t("catalog", { id: item.catalog_id ?? "" }))));
}

/** The rows of a list; one tap answers. */
function listSheet(message, chat) {
  let at = 0;
  const answer = chat.answer(message.wamid);
  sheet(message.content.action?.button ?? t("choose"), (close) => message.content.action.sections.map((section) => h("section", { class: "rows" },
    section.title && h("h3", {}, section.title),
    section.rows.map((row) => {
      const choice = at++;
      const onclick = () => { close(); chat.tap(message.wamid, choice); };
      return h("button", { type: "button", class: "row", onclick, disabled: answer !== null }, h("span", { class: "lines" }, h("b", {}, row.title), row.description && h("small", {}, row.description)), h("span", { class: answer === row.title ? "ring full" : "ring" }));
    }))));
}

/** A form's screens live on Meta's side or the business's; here its answer is written by hand. */
function flowSheet(message, chat, parameters) {
  const answer = { flow_token: parameters.flow_token ?? "unused", ...(parameters.flow_action_payload?.data ?? {}) };
  const send = (json) => ({ name: "flow", body: "Sent", response_json: json });
  answerSheet(message, chat, parameters.flow_cta ?? t("form"), t("flow-help", { id: parameters.flow_id ?? parameters.flow_name ?? "" }), answer, send);
}

function addressSheet(message, chat) {
  const values = message.content.action?.parameters?.values ?? {};
  const answer = { saved_address_id: "", values: { name: chat.data.customer.name ?? "", address: "Rua Augusta 1508", city: "São Paulo", in_pin_code: "", ...values } };
  answerSheet(message, chat, t("give-address"), t("address-help"), answer, (json) => ({ name: "address_message", body: answer.values.address, response_json: json }));
}

function answerSheet(message, chat, title, help, answer, reply) {
  const area = h("textarea", { name: "json", rows: "7", class: "code", spellcheck: "false", value: JSON.stringify(answer, null, 2) });
  sheet(title, (close) => form((data) => {
    const json = JSON.stringify(JSON.parse(data.get("json")));
    close();
    chat.send({ type: "interactive", interactive: { type: "nfm_reply", nfm_reply: reply(json) }, context: { id: message.wamid } });
  }, t("send"), h("p", { class: "lead" }, help), field(t("answer"), area)));
}

/** Products with quantities; sent as an order (§4.2). */
function orderSheet(items, catalog, chat, context) {
  const row = (item) => h("label", { class: "row" }, h("span", { class: "lines" }, h("b", {}, item.product_retailer_id)), h("input", { type: "number", name: item.product_retailer_id, min: "0", max: "99", value: items.length === 1 ? "1" : "0" }));
  sheet(t("see-products"), (close) => form((data) => {
    const chosen = items.map((item) => [item.product_retailer_id, Number(data.get(item.product_retailer_id))]).filter(([, quantity]) => quantity > 0);
    if (!chosen.length) throw new Error(t("nothing-chosen"));
    close();
    const product_items = chosen.map(([product_retailer_id, quantity]) => ({ product_retailer_id, quantity, item_price: 10, currency: "USD" }));
    chat.send({ type: "order", order: { catalog_id: catalog ?? "", text: "", product_items }, context });
  }, t("order-it"), h("div", { class: "rows" }, items.map(row))));
}

function calls(chat, context, response) {
  const reply = { response, response_source: "user_action", ...(response === "accept" ? { is_permanent: false } : {}) };
  return chat.send({ type: "interactive", interactive: { type: "call_permission_reply", call_permission_reply: reply }, context });
}

function ownContact(chat, context) {
  const { name, phone, wa_id } = chat.data.customer;
  const phones = phone ? [{ phone: `+${phone}`, wa_id, type: "CELL" }] : [];
  return { type: "contacts", contacts: [{ name: { formatted_name: name ?? phone ?? "", first_name: name ?? "" }, phones, origin: "contact_request" }], context };
}

function plain(title, text) {
  sheet(title, () => h("p", { class: "lead" }, text));
}
