// Keys of the inbox. Letters alone count only where nobody writes, and not at all for whoever turned them off.
import { togglePanel } from "./panel.js";
import { openPalette } from "./palette.js";
import { hush } from "./inbox.js";

const $ = (selector, within = document) => within.querySelector(selector);
const page = () => $("[data-inbox]");
const box = () => $("[data-composer] textarea");
const isField = (element) => element?.matches?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

let inList = false; // Whoever goes through the list by keys stays there.

/** Whether a conversation was opened from the list by a key, which leaves the focus there. */
export const staysInList = () => inList && Boolean(document.activeElement?.closest("#list"));

const rowsHere = () => [...document.querySelectorAll("#list > li > a")];
const focusedRow = () => rowsHere().find((row) => row === document.activeElement);

/** The row before or behind this one, or else the one that is open. */
function neighbour(way, row) {
  const rows = rowsHere();
  const from = row ?? rows.find(({ ariaCurrent }) => ariaCurrent);
  return from ? rows[rows.indexOf(from) + way] : rows.at(way > 0 ? 0 : -1);
}

let asked; // The address of the conversation that was asked for last, unless it cannot be had.
document.addEventListener("turbo:before-fetch-request", ({ target, detail }) => { if (target.id === "thread") asked = detail.url.href; });
for (const end of ["turbo:frame-missing", "turbo:fetch-request-error"]) document.addEventListener(end, () => { asked = undefined; });
// Turbo says nothing more of an answer that is no page.
document.addEventListener("turbo:before-fetch-response", ({ target, detail }) => {
  if (target.id === "thread" && !detail.fetchResponse.isHTML) asked = undefined;
});

/** Whether what this row leads to is on its way: once it is there, it has the focus. */
const comes = (row) => row.href === asked && $("#thread")?.src === asked && !row.ariaCurrent;

function go(way, stays) {
  const row = neighbour(way, focusedRow());
  if (!row) return;
  inList = stays;
  if (stays) row.focus();
  row.click();
}

/** Once what is open is shown as it is now, the row that leads there is opened, unless somebody went elsewhere meanwhile. */
function goOn(href) {
  const from = $("[data-thread]")?.dataset.thread;
  document.addEventListener("turbo:frame-load", () => {
    const row = rowsHere().find((row) => row.href === href);
    if (!row || $("[data-thread]")?.dataset.thread !== from) return;
    // What is closed stands there until the list is free: whoever goes on by keys goes on from here.
    if (focusedRow()) row.focus();
    row.click();
  }, { once: true });
}

/** Closes the conversation, and goes on to the next one. */
function resolve(goesOn) {
  const button = $("[data-thread] [data-key=e]");
  if (!button) return;
  const next = neighbour(1) ?? neighbour(-1);
  const { form } = button;
  const ended = ({ detail }) => {
    if (detail.formSubmission.formElement !== form) return;
    document.removeEventListener("turbo:submit-end", ended);
    if (detail.success) goOn(next.href);
  };
  if (goesOn && next) document.addEventListener("turbo:submit-end", ended);
  button.click();
}

function help() {
  const list = $("#keys-dialog");
  if (list && !list.open) list.showModal();
}

const press = (selector) => () => $(selector)?.click();
const view = (name) => press(`#views a[data-view=${name}]`);
const write = () => box()?.focus();

const LETTERS = {
  j: () => go(1, true),
  k: () => go(-1, true),
  r: write,
  e: () => resolve(true),
  E: () => resolve(false),
  a: () => { const menu = $("[data-thread] details.menu"); if (menu) { menu.open = true; $("button", menu)?.focus(); } },
  m: press("[data-thread] [data-key=m]"),
  u: press("[data-thread] [data-key=u]"),
  t: press("[data-thread] [data-key=t]"),
  i: () => { if (!togglePanel()) $("[data-thread] [data-panel]")?.click(); },
  b: () => openPalette(),
  "/": () => openPalette(),
  "?": help,
};

/** Behind G. */
const VIEWS = { p: view("active"), m: view("mine"), s: view("unassigned"), e: view("waiting"), r: view("resolved"), t: view("all") };
const TOGETHER = 1_500;
let going = -TOGETHER;

function letter(event) {
  const { key, timeStamp } = event; // When it was pressed, however busy the page is.
  if (timeStamp - going < TOGETHER) {
    going = -TOGETHER;
    return VIEWS[key.toLowerCase()];
  }
  if (key === "g") return () => { going = timeStamp; };
  // On the row that is open already, there is nothing to open; nor twice.
  if (key === "Enter" && event.target.matches("#list a") && comes(event.target)) return () => {};
  if (key === "Enter") return event.target === document.body || box() && event.target.matches("[data-scroller], #list a[aria-current]") ? write : undefined;
  return LETTERS[key];
}

/** From a field to the thread, from there to the list. What was written stays. */
function stepBack(event) {
  if ($("#alert")?.textContent) return hush;
  if (isField(event.target)) return () => { event.target.blur(); $("[data-scroller]")?.focus(); };
  if (event.target.matches?.("[data-scroller]")) return () => $("#list a[aria-current]")?.focus();
  return undefined;
}

/** Keys that mean something inside the box too. */
function inBox({ key, altKey, target }) {
  if (target !== box()) return undefined;
  if (altKey && (key === "ArrowDown" || key === "ArrowUp")) return () => go(key === "ArrowDown" ? 1 : -1, false);
  if (key === "ArrowUp" && !target.value) return () => [...document.querySelectorAll("[data-thread] [data-reply]")].at(-1)?.click();
  return undefined;
}

function meant(event) {
  const { key, target } = event;
  if (!key) return undefined; // A browser that fills in a field says no key.
  if (key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) return () => openPalette();
  if ($("dialog:modal") || $("details.menu[open]") || event.ctrlKey || event.metaKey) return undefined;
  if (key === "Escape") return stepBack(event);
  if (page().dataset.shortcuts === "off") return undefined;
  const boxed = inBox(event);
  if (boxed || event.altKey || isField(target)) return boxed;
  return letter(event);
}

document.addEventListener("pointerdown", () => { inList = false; });
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter") inList = false;
  if (!page() || event.isComposing || event.defaultPrevented || event.repeat && !"jk".includes(event.key)) return;
  const act = meant(event);
  if (!act) return;
  event.preventDefault();
  act();
});
document.addEventListener("turbo:load", () => document.querySelectorAll("[data-keys], [data-palette]").forEach((button) => { button.hidden = false; }));
document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-keys]")) help();
  if (target.closest("[data-palette]")) openPalette();
  if (target.closest("[data-close]")) target.closest("dialog").close();
});
