// Whose phone it is, and how it behaves.

import { post } from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { avatar, called, phone, reached } from "./people.js";
import { field, form, sheet } from "./sheet.js";
import { choose, other, t } from "./words.js";

/** Facts and settings of a customer; of the chat too, where one is open. `changed` is called after each change. */
export function owner(customer, chat, changed) {
  const of = `/_sim/customers/${encodeURIComponent(customer.key)}`;
  const set = async (path, body, method) => { await post(path, body, method); changed(); };
  return [
    h("div", { class: "who" }, avatar(called(customer), "large"), h("div", { class: "lines" }, h("b", {}, called(customer)), h("small", {}, reached(customer)))),
    facts(customer),
    field(t("this-phone"), h("select", { onchange: (event) => set(of, { reads: event.target.value }, "PATCH") }, ["opened", "soon", "never", "off"].map((reads) => h("option", { value: reads, selected: customer.reads === reads }, t(`reads-${reads}`))))),
    h("div", { class: "entries" },
      customer.phone && entry("phone", t("change-number"), () => numberSheet(of, customer, changed)),
      chat && entry("tag", t(chat.marketing_stopped ? "marketing-resume" : "marketing-stop", { name: chat.number.name }), () => set(`${of}/preferences`, { phone_number_id: chat.number.phone_number_id, marketing: chat.marketing_stopped ? "resume" : "stop" })),
      chat && entry("block", t(chat.blocked ? "unblock" : "block", { name: chat.number.name }), () => set("/_phone/block", { customer: customer.key, phone_number_id: chat.number.phone_number_id, blocked: !chat.blocked }))),
  ];
}

/** Language, and another phone. */
export function pageLinks(spoke) {
  return h("div", { class: "links" },
    h("a", { class: "text-button", href: "/", target: "_blank", rel: "noopener" }, icon("plus"), t("another-phone")),
    h("button", { type: "button", class: "text-button", lang: other(), onclick: async () => { await choose(other()); spoke(); } }, t("other-language")));
}

function entry(name, label, onclick) {
  return h("button", { type: "button", class: "entry", onclick }, icon(name), label);
}

function facts(customer) {
  const ids = [...new Set(Object.values(customer.user_ids))];
  const rows = [
    ["WhatsApp ID", customer.wa_id],
    [t("username"), customer.username && `@${customer.username}`],
    [t("user-id"), ids.join(", ")],
  ].filter(([, value]) => value);
  return rows.length ? h("dl", { class: "facts" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))) : null;
}

function numberSheet(of, customer, changed) {
  sheet(t("change-number"), (close) => form(async (data) => {
    await post(`${of}/number`, { phone: data.get("phone") });
    close();
    changed();
  }, t("change-number"),
  h("p", { class: "lead" }, t("change-number-help")),
  field(t("phone"), h("input", { name: "phone", type: "tel", required: true, autofocus: true, placeholder: phone(customer.phone), autocomplete: "off" }))));
}
