// The page: which screen the address names, what is heard live, and what stands beside the phone.

import { listen, now } from "./api.js";
import { chat } from "./chat.js";
import { chats } from "./chats.js";
import { fill, h } from "./dom.js";
import { drawing } from "./icons.js";
import { owner, pageLinks } from "./owner.js";
import { closeSheet } from "./sheet.js";
import { start } from "./start.js";
import { clock, loadWords, t } from "./words.js";

const root = document.getElementById("screen");
const side = document.getElementById("side");
let screen = null;
let silence = null;
let listening = null;
let turn = 0;

/** Goes to another screen: its customer and its number, as the address names them. */
function go(place) {
  const query = new URLSearchParams(Object.entries(place)).toString();
  history.pushState(null, "", query ? `/?${query}` : "/");
  return show();
}

async function show() {
  const mine = ++turn;
  closeSheet();
  const query = new URLSearchParams(location.search);
  const customer = query.get("customer");
  const number = query.get("number");
  try {
    const drawn = await draw(customer, number);
    if (mine !== turn) return;
    screen = drawn;
    hear(customer);
    beside();
    root.querySelector("h1")?.setAttribute("tabindex", "-1");
    // On a touch screen the keyboard would cover half of what was said.
    const ready = matchMedia("(hover: hover)").matches ? "textarea, h1" : "h1";
    root.querySelector(ready)?.focus({ preventScroll: true });
  } catch (error) {
    if (mine !== turn) return;
    screen = null;
    fill(root, h("div", { class: "start" }, h("header", { class: "hero" }, h("h1", {}, t("not-done")), h("p", { role: "alert" }, error.message)), h("a", { class: "primary", href: "/" }, t("start-again"))));
    fill(side);
  }
}

function draw(customer, number) {
  if (customer && number) return chat(root, customer, number, go, show);
  if (customer) return chats(root, customer, go, show);
  document.title = t("title");
  return start(root, go, show);
}

/** Hears what happens on a customer's phone; of many changes at once the screen is asked for once. */
function hear(customer) {
  if (listening === customer && silence) return;
  silence?.();
  listening = customer;
  let due = null;
  silence = listen(customer ?? "", () => {
    due ??= setTimeout(async () => {
      due = null;
      await screen?.refresh().catch(() => {});
      beside();
    }, 40);
  });
}

/** What stands beside the phone on a wide screen. */
function beside() {
  if (side.contains(document.activeElement) && document.activeElement.matches("select")) return;
  // What is pressed just now stays until it is let go: a click is on one element.
  if (side.matches(":active")) return void addEventListener("pointerup", () => setTimeout(beside), { once: true });
  const customer = screen?.customer;
  const about = customer
    ? h("section", { class: "panel", "aria-label": t("this-phone") }, owner(customer, screen.chat, () => screen.refresh().then(beside)))
    : h("ol", { class: "steps" }, ["step-1", "step-2", "step-3"].map((key) => h("li", {}, t(key))));
  fill(side,
    h("p", { class: "brand" }, drawing("0 0 32 32", "brand-mark", [["rect", { x: 7, y: 2, width: 18, height: 28, rx: 5, class: "brand-body" }], ["path", { d: "M11 9h10v8h-6l-4 3.5z", class: "brand-word" }]]), t("brand")),
    h("p", { class: "side-title" }, t("side-title")),
    h("p", { class: "lead" }, t("side-lead")),
    about,
    pageLinks(show));
}

function statusBar() {
  const battery = drawing("0 0 52 14", "status-icons", [
    ["path", { d: "M1 12h3V9H1zM6 12h3V6H6zM11 12h3V3h-3zM16 12h3V0h-3z" }],
    ["path", { d: "M27 2h18a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H27a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2zM49 5h2v4h-2z" }],
  ]);
  const bar = document.getElementById("status-bar");
  const tell = () => fill(bar, h("span", {}, clock(now()).replace(/\s?[ap]\.?\s?m\.?$/i, "")), battery);
  tell();
  setInterval(tell, 5_000);
}

addEventListener("popstate", show);
document.addEventListener("visibilitychange", () => screen?.seen?.());
await loadWords();
await show();
statusBar();
