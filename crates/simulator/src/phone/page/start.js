// The first screen: who to be, and which business to write to.

import { get, post } from "./api.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { COUNTRIES, avatar, called, reached, somebody } from "./people.js";
import { field } from "./sheet.js";
import { pageLinks } from "./owner.js";
import { current, t } from "./words.js";

/** Draws the screen. `go({ customer, number })` leaves it. */
export async function start(root, go, spoke) {
  const state = await get("/_phone/state");
  const draft = { country: current() === "es" ? "MX" : "US" };
  Object.assign(draft, somebody(draft.country));
  let chosen = null;
  const people = h("div", { class: "people", role: "group", "aria-label": t("who") });
  const card = h("div");
  const trouble = h("p", { class: "trouble", role: "alert" });

  const person = (customer) => h("button", { type: "button", class: "person", "aria-pressed": String(chosen?.key === customer?.key), onclick: () => pick(customer) },
    customer ? avatar(called(customer)) : h("span", { class: "avatar new" }, icon("plus")),
    h("span", {}, customer ? called(customer).split(" ")[0] : t("new")));

  function pick(customer) {
    chosen = customer;
    draw();
  }

  function draw() {
    fill(people, person(null), state.customers.map(person));
    people.hidden = !state.customers.length;
    fill(card, chosen ? known(chosen) : invented());
  }

  function known(customer) {
    return h("div", { class: "persona" },
      h("div", { class: "who" }, avatar(called(customer), "large"), h("div", { class: "lines" }, h("b", {}, called(customer)), h("small", {}, reached(customer)))),
      h("button", { type: "button", class: "text-button", onclick: () => go({ customer: customer.key }) }, t("see-chats"), icon("chevron")));
  }

  function invented() {
    const picture = h("span", { class: "persona-picture" }, avatar(draft.name, "large"));
    const name = h("input", { value: draft.name, maxlength: "60", autocomplete: "off", oninput: (event) => { draft.name = event.target.value; fill(picture, avatar(draft.name, "large")); } });
    const countries = [...Object.keys(COUNTRIES), "none"].map((code) => h("option", { value: code, selected: code === draft.country }, code === "none" ? t("username-only") : `${COUNTRIES[code].flag} ${countryName(code)}`));
    const from = h("select", { onchange: (event) => roll(event.target.value) }, countries);
    const reach = draft.phone
      ? field(t("phone"), h("input", { type: "tel", value: draft.phone, autocomplete: "off", oninput: (event) => { draft.phone = event.target.value; } }))
      : field(t("username"), h("input", { value: `@${draft.username}`, autocomplete: "off", oninput: (event) => { draft.username = event.target.value; } }));
    const dice = h("button", { type: "button", class: "text-button", onclick: () => roll(draft.country) }, icon("dice"), t("somebody-else"));
    return h("div", { class: "persona" }, h("div", { class: "persona-head" }, picture, field(t("name"), name)), h("div", { class: "pair" }, field(t("from"), from), reach), dice);
  }

  function roll(country) {
    for (const key of Object.keys(draft)) delete draft[key];
    Object.assign(draft, { country }, somebody(country));
    draw();
  }

  async function write(number) {
    try {
      const customer = chosen?.key ?? (await made()).key;
      go({ customer, number: number.phone_number_id });
    } catch (error) {
      fill(trouble, error.message);
      trouble.scrollIntoView({ block: "nearest" });
    }
  }

  const made = () => post("/_sim/customers", { name: draft.name, reads: "opened", ...(draft.phone ? { phone: draft.phone } : { username: draft.username }) });
  const business = (number) => h("button", { type: "button", class: "business", onclick: () => write(number) },
    avatar(number.name), h("span", { class: "lines" }, h("b", {}, number.name), h("small", {}, number.display)), icon("chevron"));

  draw();
  fill(root, h("div", { class: "start" },
    h("header", { class: "hero" }, h("h1", {}, t("title")), h("p", {}, t("lead"))),
    h("section", {}, h("h2", {}, t("who")), people, card),
    h("section", {}, h("h2", {}, t("which")), trouble, h("div", { class: "businesses" }, state.numbers.map(business))),
    h("footer", { class: "only-narrow" }, pageLinks(spoke))));
  return { refresh: async () => {
    const fresh = await get("/_phone/state");
    state.customers = fresh.customers;
    fill(people, person(null), state.customers.map(person));
    people.hidden = !state.customers.length;
  }, customer: null, chat: null };
}

function countryName(code) {
  return new Intl.DisplayNames(current(), { type: "region", style: "short" }).of(code);
}
