// One message as a bubble.

import { fill, h, spoken } from "./dom.js";
import { icon } from "./icons.js";
import { interactive, template } from "./cards.js";
import { film, map, paper, picture, sound, sticker } from "./media.js";
import { messageMenu } from "./menu.js";
import { phone } from "./people.js";
import { preview } from "./preview.js";
import { emojiOnly, rich } from "./text.js";
import { clock, t } from "./words.js";

/** A bubble: `lead` begins a run of one side. */
export function bubble(message, chat, lead) {
  if (message.error) return undelivered(message);
  if (message.kind === "system" || message.kind === "request_welcome") return h("p", { class: "note" }, preview(message));
  const mine = message.from === "from_customer";
  const bare = !message.deleted && (message.kind === "sticker" || (message.kind === "text" && emojiOnly(message.content?.body ?? "")));
  const speaker = mine ? t("you") : chat.data.number.name;
  const inside = message.deleted ? [h("p", { class: "words deleted" }, icon("block"), t("deleted"))] : [quote(message, chat), content(message, chat)];
  const meta = h("span", { class: "meta" }, message.edited && !message.deleted && h("span", {}, t("edited")), h("time", { datetime: message.at }, clock(message.at)), mine && ticks(message.status));
  const more = message.deleted || message.local ? null : h("button", { type: "button", class: "bubble-more", "aria-label": t("message-menu", { text: preview(message).slice(0, 60) }), "data-focus": "more", onclick: () => messageMenu(message, chat) }, icon("more"));
  const body = h("div", { class: "bubble", onclick: (event) => openMenu(event, message, chat) }, spoken(`${speaker}: `), inside, meta, more);
  const classes = ["line", mine ? "mine" : "theirs", lead && "first", bare && "bare", wide(message) && "wide"].filter(Boolean).join(" ");
  return h("article", { class: classes, "data-wamid": message.wamid }, body, reactions(message), message.failed && failed(message, chat));
}

/** Shows what became of one's own message, without drawing it anew. */
export function setTicks(node, status) {
  const old = node.querySelector(":scope > .bubble > .meta > .ticks");
  if (old && old.dataset.status !== status) old.replaceWith(ticks(status));
}

/** Dots while the business writes. */
export function typing(name) {
  return h("div", { class: "line theirs first" }, h("div", { class: "bubble typing" }, h("i"), h("i"), h("i"), spoken(t("typing", { name }))));
}

function ticks(status) {
  const name = { sending: "clock", failed: "alert", sent: "check" }[status] ?? "checks";
  return h("span", { class: `ticks is-${status}`, "data-status": status }, icon(name), spoken(t(`status-${status}`)));
}

function content(message, chat) {
  const { kind, content: inner, media } = message;
  const caption = inner?.caption && h("p", { class: "words" }, rich(inner.caption));
  switch (kind) {
    case "text": return h("p", { class: "words" }, rich(inner.body ?? ""));
    case "image": return [picture(inner, inner.caption), caption];
    case "video": return [film(inner), caption];
    case "audio": return sound(inner, message.from === "from_business" && inner.voice ? () => chat.played(message.wamid) : null);
    case "document": return [paper(inner, media), caption];
    case "sticker": return sticker(inner);
    case "location": return map(inner);
    case "contacts": return inner.map(person);
    case "interactive": return inner.action ? interactive(message, chat) : h("p", { class: "words" }, preview(message), details(inner));
    case "button": return h("p", { class: "words" }, inner.text);
    case "template": return template(message, chat);
    case "order": return order(inner);
    case "unsupported": return h("p", { class: "words deleted" }, preview(message));
    default: return h("p", { class: "words" }, preview(message));
  }
}

function details(inner) {
  const description = inner[inner.type]?.description;
  return description ? h("small", {}, description) : null;
}

function person(contact) {
  const name = contact.name?.formatted_name ?? t("contact");
  const numbers = (contact.phones ?? []).map((entry) => entry.phone).filter(Boolean).join(", ");
  return h("div", { class: "row-card" }, h("span", { class: "tile" }, icon("user")), h("span", { class: "lines" }, h("b", {}, name), h("small", {}, /^\d+$/.test(numbers) ? phone(numbers) : numbers)));
}

function order(inner) {
  const rows = (inner.product_items ?? []).map((item) => h("li", {}, `${item.quantity} × ${item.product_retailer_id}`));
  return h("div", { class: "row-card tall" }, h("span", { class: "tile" }, icon("cart")), h("span", { class: "lines" }, h("b", {}, t("order", { count: rows.length })), h("ul", {}, rows)));
}

/** The message that this one answers. */
function quote(message, chat) {
  if (!message.reply_to) return null;
  const answered = chat.find(message.reply_to);
  const mine = answered?.from === "from_customer";
  const who = !answered ? "" : mine ? t("you") : chat.data.number.name;
  const inside = [h("b", {}, who), h("span", {}, answered ? preview(answered) : t("not-here"))];
  return h("button", { type: "button", class: "quote", "data-focus": "quote", disabled: !answered, onclick: () => chat.show(message.reply_to) }, inside);
}

function reactions(message) {
  if (!message.reactions.length || message.deleted) return null;
  const said = message.reactions.map(({ emoji }) => emoji).join(" ");
  return h("p", { class: "reactions" }, spoken(`${t("reactions")}: `), said);
}

function failed(message, chat) {
  const again = h("button", { type: "button", class: "text-button", onclick: () => chat.again(message) }, t("try-again"));
  const away = h("button", { type: "button", class: "text-button", onclick: () => chat.discard(message) }, t("discard"));
  return h("p", { class: "failed" }, message.failed, " ", again, away);
}

/** What Meta did not bring to the phone: no phone shows it, whoever works on the other side wants to see it. */
function undelivered(message) {
  const { code, title, error_data: data } = message.error;
  const why = `${data?.details ?? title} (${code})`;
  return h("article", { class: "note undelivered", "data-wamid": message.wamid }, icon("alert"), h("span", {}, h("b", {}, t("undelivered")), " ", why));
}

const wide = ({ kind, content, deleted }) => !deleted && (["template", "image", "video", "location", "document", "audio", "contacts", "order"].includes(kind) || (kind === "interactive" && Boolean(content?.action)));

function openMenu(event, message, chat) {
  const busy = event.target.closest("a, button, video, .strip, input") || window.getSelection()?.toString();
  if (!busy && !message.local && !message.deleted) messageMenu(message, chat);
}
