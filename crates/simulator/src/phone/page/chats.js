// The chats of a customer.

import { get } from "./api.js";
import { fill, h, spoken } from "./dom.js";
import { icon } from "./icons.js";
import { avatar, called, reached } from "./people.js";
import { preview } from "./preview.js";
import { owner, pageLinks } from "./owner.js";
import { closeSheet, sheet } from "./sheet.js";
import { moment, t } from "./words.js";

/** Draws the list. `go` leaves it. */
export async function chats(root, customer, go, spoke) {
  const screen = { refresh, customer: null, chat: null };
  const title = h("div", { class: "lines" });
  const list = h("nav", { class: "chat-list", "aria-label": t("chats") });
  const back = h("button", { type: "button", class: "icon-button", onclick: () => go({}) }, icon("back"), spoken(t("back")));
  const more = h("button", { type: "button", class: "icon-button only-narrow", onclick: menu }, icon("more"), spoken(t("this-phone")));
  fill(root, h("div", { class: "chats" }, h("header", { class: "bar" }, back, title, more), list));

  function menu() {
    sheet(t("this-phone"), () => [owner(screen.customer, null, async () => { await refresh(); closeSheet(); }), pageLinks(() => { closeSheet(); spoke(); })]);
  }

  async function refresh() {
    const data = await get("/_phone/chats", { customer });
    screen.customer = data.customer;
    document.title = `${called(data.customer)} · ${t("chats")}`;
    fill(title, h("h1", {}, t("chats")), h("small", {}, `${called(data.customer)} · ${reached(data.customer)}`));
    const held = document.activeElement?.dataset?.number;
    const written = data.chats.filter((chat) => chat.last);
    const silent = data.chats.filter((chat) => !chat.last);
    const row = (chat) => line(chat, data.now, go, customer);
    fill(list,
      data.customer.reads === "off" && h("p", { class: "banner" }, icon("power"), t("phone-off")),
      written.length > 0 && h("ul", {}, written.map(row)),
      silent.length > 0 && h("h2", {}, t("businesses")),
      silent.length > 0 && h("ul", {}, silent.map(row)));
    if (held) list.querySelector(`[data-number="${CSS.escape(held)}"]`)?.focus();
  }

  await refresh();
  return screen;
}

function line(chat, now, go, customer) {
  const { number, last, unread } = chat;
  const said = chat.typing_seconds > 0 ? h("em", {}, t("typing-short")) : h("small", {}, last ? `${last.from === "from_customer" ? `${t("you")}: ` : ""}${preview(last)}` : number.display);
  return h("li", {}, h("button", { type: "button", class: "chat-line", "data-number": number.phone_number_id, onclick: () => go({ customer, number: number.phone_number_id }) },
    avatar(number.name),
    h("span", { class: "lines" }, h("b", {}, number.name), said),
    h("span", { class: "aside" }, last && h("time", { datetime: last.at }, moment(last.at, now)), unread > 0 && h("span", { class: "badge" }, String(unread), spoken(` ${t("unread")}`)))));
}
