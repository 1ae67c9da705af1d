// The inbox beyond links and forms: what comes is shown at once, what is written stands there before it is sent. Without
// this, every page still works.
import { StreamActions, cache, renderStreamMessage, session, visit } from "./turbo.js";
import { Live } from "./live.js";
import { inSight, isAtEnd, isBeyond, isEndHere, lastSeen, openAt, readOnNear, scroller, toEnd } from "./reading.js";
import * as draft from "./draft.js";
import { staysInList } from "./keys.js";
import { isOlder, putAside, takeAside } from "./rows.js";
import "./undo.js";

export const $ = (selector, within = document) => within.querySelector(selector);
export const inbox = () => $("[data-inbox]");
export const thread = () => $("[data-thread]");
/** What was told beside the page is gone, and nobody's focus with it. */
export function hush() {
  const alert = $("#alert");
  if (!alert?.hasChildNodes()) return;
  const hadFocus = alert.parentElement.contains(document.activeElement);
  alert.replaceChildren();
  if (hadFocus && !isTouch) (box() ?? scroller() ?? $("#list a"))?.focus({ preventScroll: true });
}
const say = (text) => { const status = $("#status"); if (status) status.textContent = text; };
const isTouch = matchMedia("(pointer: coarse)").matches;

// --- Where rows and messages stand -------------------------------------------------------------------------------------

export const order = (one) => [Number(one.dataset.second), Number(one.dataset.sequence)];
export const isBefore = (one, other) => {
  const [[second, sequence], [otherSecond, otherSequence]] = [order(one), order(other)];
  return second < otherSecond || (second === otherSecond && sequence < otherSequence);
};

/** A day is named where it begins. */
export const nameDay = (item) => {
  const day = item?.querySelector?.(":scope > .day");
  if (!day) return;
  let before = item.previousElementSibling;
  while (before && !before.dataset.day) before = before.previousElementSibling;
  day.hidden = before?.dataset.day === item.dataset.day;
};

/** What somebody opened of a message, or hears of it, goes on when it is drawn anew; answers where they were. */
function carryOn(known, fresh) {
  const focused = known.contains(document.activeElement) ? document.activeElement : undefined;
  fresh.classList.toggle("found", known.classList.contains("found"));
  for (const what of [".on-message", ".more", "audio", "video"]) {
    const [old, anew] = [$(what, known), $(what, fresh)];
    const isUsed = old?.open || (old?.currentTime > 0 && old.getAttribute("src") === anew?.getAttribute("src"));
    if (isUsed) anew?.replaceWith(old);
  }
  return fresh.contains(focused) ? focused : focused?.matches("summary") ? $("summary", fresh) : undefined;
}

function placeMessage(list, fresh) {
  const known = document.getElementById(fresh.id);
  if (known && String(order(known)) === String(order(fresh))) {
    const focus = carryOn(known, fresh);
    known.replaceWith(fresh);
    focus?.focus({ preventScroll: true });
    nameDay(fresh);
    return;
  }
  // What was pending has its place from now on.
  const after = known?.nextElementSibling;
  known?.remove();
  nameDay(after);
  const isNews = !known && fresh.classList.contains("in");
  const isAnswer = !known && fresh.matches(".out:not(.pending)");
  if (isAnswer) draft.gone(here(), $(".text", fresh)?.textContent);
  if (isNews) say(`${fresh.dataset.author}: ${$(".text", fresh)?.textContent.slice(0, 200) ?? ""}`);
  const wasAtEnd = isAtEnd();
  const last = [...list.querySelectorAll(":scope > li.message:not(.pending)")].at(-1);
  if (!wasAtEnd && (isNews || (isAnswer && last && isBefore(last, fresh)))) raisePill(fresh.id);
  // It has its place in a part of the conversation that is not here.
  if (isBeyond(fresh)) return;
  let next = $(":scope > .newer", list);
  for (let last = next.previousElementSibling; last?.dataset.second && isBefore(fresh, last); last = last.previousElementSibling) next = last;
  list.insertBefore(fresh, next);
  nameDay(fresh);
  nameDay(fresh.nextElementSibling);
  if (!known && fresh.classList.contains("pending")) toEnd();
  looking ??= setTimeout(() => { looking = undefined; inSight(); }, 200);
}

let looking;

const below = new Set(); // One that is not here is told of again with each of its ticks.
function raisePill(id) {
  const pill = $("[data-newer]");
  below.add(id);
  pill.textContent = below.size === 1 ? pill.dataset.one : pill.dataset.said.replace("{n}", below.size);
  pill.hidden = false;
}
function lowerPill() {
  below.clear();
  const pill = $("[data-newer]");
  if (pill) pill.hidden = true;
}

/** A row never moves under the pointer or the focus: what changes its place waits until both are elsewhere. */
const waiting = new Map();
const isHeld = () => { const pane = $("[data-list]"); return pane?.matches(":hover") || pane?.contains(document.activeElement); };

/** New words in the same element: a press that began on it still ends on it, and the focus stays. */
function renew(row, fresh) {
  const [link, anew] = [$("a", row), $("a", fresh)];
  for (const name of ["href", "aria-current"]) {
    if (anew.hasAttribute(name)) link.setAttribute(name, anew.getAttribute(name));
    else link.removeAttribute(name);
  }
  link.replaceChildren(...anew.childNodes);
}

function placeRow(fresh) {
  const list = $("#list"); // A page that came since has a list of its own.
  if (!list) return;
  const known = document.getElementById(fresh.id);
  const current = thread()?.dataset.thread;
  if (current && fresh.id === `c-${current}`) $("a", fresh).setAttribute("aria-current", "true");
  const staysThere = known && known.dataset.at === fresh.dataset.at;
  if (isHeld() && !staysThere) {
    // Its words are new, its place is the old one.
    if (known) renew(known, fresh.cloneNode(true));
    hold(fresh.id, () => placeRow(fresh));
    return;
  }
  if (staysThere) {
    renew(known, fresh);
    return;
  }
  const hadFocus = known?.contains(document.activeElement);
  known?.remove();
  if (!known) takeAside(fresh.id);
  if (putAside(fresh)) return;
  const next = [...list.children].find((row) => isOlder(row, fresh));
  // Behind the last row that is here, there are more that are not.
  if (!next && $("[data-more]") && list.children.length) return;
  list.insertBefore(fresh, next ?? null);
  $("[data-list] .empty")?.remove();
  if (hadFocus) $("a", fresh).focus();
}

let heldIn; // What the list shows whose rows wait.
let listed; // The list that is in sight.
function hold(id, then) {
  heldIn = inbox()?.dataset.query;
  waiting.set(id, then);
  const pill = $("[data-held]");
  if (!pill) return;
  pill.textContent = pill.dataset.said.replace("{n}", waiting.size);
  pill.hidden = false;
}

function release() {
  const all = [...waiting.values()];
  waiting.clear();
  const pill = $("[data-held]");
  if (pill) pill.hidden = true;
  if (pill && pill === document.activeElement) pill.blur();
  all.forEach((then) => then());
}

/** The list is one stop of Tab's way, whatever comes and goes: the row that has the focus, or that is open, or the first. */
function rove(to) {
  const rows = [...document.querySelectorAll("#list > li > a")];
  const stop = to ?? rows.find((row) => row === document.activeElement) ?? rows.find((row) => row.ariaCurrent) ?? rows[0];
  for (const row of rows) {
    const place = row === stop ? 0 : -1;
    if (row.tabIndex !== place) row.tabIndex = place;
  }
}

StreamActions.upsert = function upsert() {
  const target = document.getElementById(this.target);
  if (!target) return;
  for (const fresh of [...this.templateContent.children]) {
    if (target.id === "list") placeRow(fresh);
    else placeMessage(target, fresh);
  }
};

// What would be morphed into itself stays as it is.
document.addEventListener("turbo:before-stream-render", (event) => {
  const stream = event.target;
  if (stream.getAttribute("method") !== "morph") return;
  if (document.getElementById(stream.target)?.isEqualNode(stream.templateContent.firstElementChild)) event.preventDefault();
});

StreamActions.leave = function leave() {
  const row = document.getElementById(this.target);
  if (!row) { if ($("#list")) takeAside(this.target); return; }
  const go = () => document.getElementById(this.target)?.remove();
  // What is open stays in sight until somebody goes elsewhere.
  if (isHeld() || $("a[aria-current]", row)) hold(this.target, go);
  else go();
};

// --- What happens meanwhile --------------------------------------------------------------------------------------------

// What happens is asked for as often as it is answered, within these bounds.
const [OFTEN, SELDOM] = [150, 1_000];
const heard = { rows: new Set(), messages: new Map(), timer: undefined, asked: 0, rest: OFTEN };

function hear(conversation, message) {
  heard.rows.add(conversation);
  if (!message) return;
  if (!heard.messages.has(conversation)) heard.messages.set(conversation, new Set());
  heard.messages.get(conversation).add(message);
}

function listen({ conversation_id: conversation, message_id: message }) {
  if (!conversation) return;
  hear(conversation, message);
  heard.timer ??= setTimeout(show, Math.max(30, heard.rest - (Date.now() - heard.asked)));
}

const composes = () => $(".above", thread())?.dataset.composes ?? "";

const MINUTE = 60_000;
// How long somebody waits, and how long can be written freely, is said in minutes: what is in sight is asked for once in each.
setInterval(() => {
  if (document.visibilityState !== "visible" || !live || live.isOffline) return;
  const pane = $("[data-list]")?.getBoundingClientRect();
  const isInSight = (row) => { const { top, bottom } = row.getBoundingClientRect(); return bottom > pane.top && top < pane.bottom; };
  for (const row of document.querySelectorAll("#list > li")) if (isInSight(row)) listen({ conversation_id: row.id.slice(2) });
  listen({ conversation_id: thread()?.dataset.thread });
}, MINUTE);

const STREAMS = { accept: "text/vnd.turbo-stream.html" };

const STUCK = 15_000;

/** Whether there was an answer; without one it is asked again. */
async function ask(path) {
  const answer = await fetch(path, { headers: STREAMS, signal: AbortSignal.timeout(STUCK) }).catch(() => undefined);
  if (!answer || answer.status >= 500 || answer.status === 429) return false;
  if (answer.redirected) over();
  if (answer.redirected || !answer.ok) return true;
  const text = await answer.text().catch(() => undefined); // The line may be cut in between.
  if (text !== undefined) renderStreamMessage(text);
  return text !== undefined;
}

const MOST = 100; // So many are asked for at once.

async function show() {
  const [rows, messages] = [[...heard.rows], heard.messages];
  heard.rows = new Set();
  heard.messages = new Map();
  heard.timer = undefined;
  const asked = Date.now();
  heard.asked = asked;
  let goesOn = false;
  const known = live?.cursor;
  const inLots = async (ids, path, again) => {
    for (let from = 0; from < ids.length; from += MOST) {
      if (await ask(path(ids.slice(from, from + MOST)))) continue;
      goesOn = true;
      ids.slice(from).forEach(again);
      return;
    }
  };
  const open = thread()?.dataset.thread;
  const shown = [...(messages.get(open) ?? [])];
  // What stands above the conversation that is open, and what can be written there, is another thing by now, perhaps.
  const isAbove = open && rows.includes(open);
  const query = inbox()?.dataset.query;
  const showMessages = async () => {
    if (isAbove && box()) await draft.saveNow();
    const above = isAbove ? `composes=${composes()}&` : "";
    if (shown.length) await inLots(shown, (ids) => `/inbox/${open}/messages?${query}&${above}ids=${ids}`, (id) => hear(open, id));
    else if (isAbove) await ask(`/inbox/${open}/messages?${query}&${above}`);
  };
  await Promise.all([
    showMessages(),
    query ? inLots(rows, (ids) => `/inbox/rows?${query}&ids=${ids}`, (id) => hear(id)) : undefined,
  ]);
  heard.rest = Math.min(Math.max(Date.now() - asked, OFTEN), SELDOM);
  if (goesOn) heard.timer ??= setTimeout(show, SELDOM);
  // A page that is remembered remembers up to where it knows.
  else if (!heard.timer && live) for (const page of [inbox(), thread()]) if (page) page.dataset.live = Math.max(page.dataset.live, known);
}

let live;
export let home;

/** What comes back from memory, or was on its way while something happened, knows less than this tab. */
function catchUp(part) {
  if (live && Number(part.dataset.live) < live.cursor) live.again(Number(part.dataset.live)).catch(() => {});
}

function follow() {
  const page = inbox();
  if (!page) {
    live?.end();
    live = undefined;
    return;
  }
  // Of another organization, another log is followed, and no page is remembered.
  if (home && home !== page.dataset.home) {
    live?.end();
    live = undefined;
    cache.clear();
  }
  home = page.dataset.home;
  catchUp(page);
  live ??= new Live(page.dataset.home, Number(page.dataset.live), {
    heard: listen,
    anew: () => visit(location.href, { action: "replace" }),
    state: ({ online, since }) => {
      // Who hears it does not hear each second of it.
      const seconds = Math.round((Date.now() - since) / 1000);
      const age = seconds < 60 ? `${Math.max(5, seconds - seconds % 10)} s` : `${Math.floor(seconds / 60)} min`;
      const line = online ? page.dataset.back : page.dataset.offline.replace("{t}", age);
      if ($("#status")?.textContent !== line) say(line);
      // What could not be had is asked for again.
      if (online) $("#alert button")?.click();
      document.documentElement.toggleAttribute("data-offline", !online);
    },
    over,
  });
}

export function over() {
  live?.end();
  live = undefined;
  const { over: line, enter } = inbox()?.dataset ?? {};
  say(line ?? "");
  const link = Object.assign(document.createElement("a"), { href: `/login?next=${encodeURIComponent(location.pathname + location.search)}`, textContent: enter });
  link.dataset.turbo = "false"; // The page that comes is one that follows what happens again.
  if (line) $("#status")?.append(" ", link);
  document.documentElement.setAttribute("data-offline", "");
}

// --- Read, when it was really seen ----------------------------------------------------------------------------------------

let reading;
function lookWhetherRead() {
  clearTimeout(reading);
  reading = setTimeout(() => {
    const open = thread();
    if (!open || !document.hasFocus() || document.visibilityState !== "visible") return;
    const through = lastSeen();
    const known = Number(open.dataset.read ?? (open.dataset.unread === "0" ? open.dataset.seen : 0));
    if (through <= known) return;
    open.dataset.read = through;
    fetch(`/inbox/${open.dataset.thread}/read`, { method: "POST", body: new URLSearchParams({ through }), redirect: "manual" }).catch(() => {});
  }, 1_000);
}

// --- Writing -------------------------------------------------------------------------------------------------------------

/** RFC 9562, 5.7: the time first, so that ids are in order. */
export function uuid7() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let now = Date.now();
  for (let place = 5; place >= 0; place -= 1) { bytes[place] = now % 256; now = Math.floor(now / 256); }
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export const box = () => $("[data-composer] textarea");

const here = (conversation = thread()?.dataset.thread) => ({ home, conversation });
const keepDraft = () => { if (box()) draft.keep(here(), box().value); };

// What is on its way outlives the page: a tab that is closed, or shown anew, loses nothing of it.
export const outbox = {
  key: () => `outbox:${home}`,
  all: () => JSON.parse(localStorage.getItem(outbox.key()) ?? "[]"),
  keep: (entries) => localStorage.setItem(outbox.key(), JSON.stringify(entries)),
  has: ({ id }) => outbox.all().some((entry) => entry.id === id),
  add: (entry) => outbox.keep([...outbox.all(), entry]),
  remove: ({ id }) => outbox.keep(outbox.all().filter((entry) => entry.id !== id)),
};
const LONG_AGO = 600_000; // What was written so long ago may not be meant any more: its writer sees it first.

// Another tab sends what this one has as a draft too.
window.addEventListener("storage", ({ key, newValue }) => {
  if (!home || key !== outbox.key()) return;
  for (const { conversation, text } of JSON.parse(newValue ?? "[]")) draft.gone(here(conversation), text);
});

/** What will be a message stands where it will be, before anybody has it. */
export function pend(id, item) {
  const list = $("ol", scroller());
  // At the end, which comes with what is on its way.
  if (!isEndHere()) { toEnd(); return; }
  const last = [...list.querySelectorAll("li[data-day]")].at(-1);
  item.id = `m-${id}`;
  item.dataset.second = Math.max(Math.floor(Date.now() / 1000), Number(last?.dataset.second ?? 0));
  item.dataset.sequence = Number.MAX_SAFE_INTEGER;
  placeMessage(list, item);
}

function pendText(id, text) {
  const item = $("[data-pending]").content.firstElementChild.cloneNode(true);
  $(".text", item).textContent = text;
  item.classList.toggle("waiting", isStuck);
  pend(id, item);
}

/** What is on its way in the open conversation stands there. */
function drawWaiting() {
  if (!isEndHere()) return;
  const open = thread()?.dataset.thread;
  for (const { id, conversation, text, file } of outbox.all()) {
    if (conversation === open && box() && !document.getElementById(`m-${id}`)) pendText(id, text || file);
  }
}

/** What a form says is taken out of it, as a message on its way under an id of its own. */
export function takeOut(form) {
  const text = box().value.trim();
  const params = new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === "string"));
  const id = uuid7();
  params.set("id", id);
  params.set("seen", Math.max(params.get("seen"), inSight()));
  // What was asked about is answered, and what was refused is mended: behind it the composer is as it was before.
  if (!$(".question[role=alert], .fault", form.parentElement)) params.set("only", "message");
  if (form.dataset.choice) params.set(form.dataset.choice, "1");
  if (!params.has("later")) params.delete("at");
  const attached = $("[data-attached]", form);
  const file = attached && $("bdi", attached).textContent;
  attached?.remove();
  box().value = "";
  answer("");
  keepDraft();
  const { thread: conversation, who } = thread().dataset;
  return { id, conversation, who, text, file, action: form.action, params: String(params), at: Date.now() };
}

/** The button that Enter stands for: while a time is being chosen, the one that plans; none: the first. */
const meant = (form) => $(".later[open] button[name=later]", form);

/** The button that a composer which waits was sent by, or is meant to be; none: the first. */
export function chosen(form) {
  const { choice } = form.dataset;
  if (choice === undefined) return meant(form);
  return choice ? $(`button[name=${choice}]`, form) : null;
}

/** Sends a composer as its button says; false of `send`: it waits, and `chosen` is still the button. */
export function sendBy({ target: form, submitter }, send) {
  form.dataset.choice = submitter?.name ?? "";
  if (send(form) === false) return;
  delete form.dataset.choice;
  const later = $(".later", form);
  if (later) later.open = false;
}

export function submit(form) {
  if (!box().value.trim() && !form.elements.media) return false;
  const entry = takeOut(form);
  pendText(entry.id, entry.text || entry.file);
  outbox.add(entry);
  flush();
  return true;
}

/** Sends what is on its way, in its order; one tab does it for all. */
export function flush() {
  const at = home;
  if (flushing === at) return;
  flushing = at;
  navigator.locks.request(`outbox:${at}`, async () => {
    const stuck = new Set();
    for (;;) {
      const entry = home === at && outbox.all().find(({ id }) => !stuck.has(id));
      if (!entry) return;
      const isOld = Date.now() - entry.at > LONG_AGO;
      if (isOld) giveBack(entry);
      else if (!(await deliver(entry, at))) { stuck.add(entry.id); continue; }
      if (home === at) outbox.remove(entry);
    }
  }).finally(() => { if (flushing === at) flushing = undefined; });
}
let flushing;

// Whoever leaves takes along what they wrote.
document.addEventListener("submit", ({ target }) => {
  if (target.getAttribute?.("action") !== "/logout") return;
  localStorage.clear();
  sessionStorage.clear();
}, true);

const TRIES = 8; // An answer that is no answer so often keeps what is behind it no longer; it is tried anew with the next page.

let isStuck = false; // Behind what waits for a line, all else does.

/** Sends it until there is an answer: with one id it is sent once, however often it is tried. Whether there was one. */
async function deliver(entry, at) {
  for (let wait = 500, failed = 0; home === at && outbox.has(entry); wait = Math.min(wait * 2, 10_000)) {
    try {
      const headers = { ...STREAMS, "turbo-frame": "thread", "content-type": "application/x-www-form-urlencoded;charset=UTF-8" };
      const answer = await fetch(entry.action, { method: "POST", body: entry.params, headers });
      if (home !== at) return false;
      // Whether it was taken, nobody knows: the same id finds out.
      if (answer.status < 500 && answer.status !== 429) { isStuck = false; await took(entry, answer); return true; }
      failed += 1;
      if (failed === TRIES) return false;
    } catch {
      // The line is cut.
    }
    isStuck = true;
    for (const { id } of outbox.all()) $(`#m-${CSS.escape(id)}`)?.classList.add("waiting");
    await new Promise((on) => { setTimeout(on, wait); for (const sooner of ["online", "wazapp:taken-back"]) window.addEventListener(sooner, on, { once: true }); });
  }
  return false;
}

async function took(entry, answer) {
  const text = await answer.text();
  if (answer.status === 201) return renderStreamMessage(text);
  if (answer.redirected) over();
  const page = new DOMParser().parseFromString(text, "text/html");
  const fresh = page.querySelector(".composer");
  const place = fresh && document.getElementById(fresh.id);
  if (!place) return giveBack(entry);
  $(`#m-${CSS.escape(entry.id)}`)?.remove();
  // What is asked, or refused, stands above the text that it is about.
  const typed = box()?.value;
  place.replaceWith(document.importNode(fresh, true));
  document.dispatchEvent(new Event("wazapp:composer"));
  const now = box();
  if (now) now.value = draft.before(here(entry.conversation), entry.text, typed);
  if (now) keepDraft();
  else draft.give(here(entry.conversation), entry.text);
  now?.focus();
  return undefined;
}

/** What was not sent is a draft again, and its writer is told. */
export function giveBack(entry) {
  $(`#m-${CSS.escape(entry.id)}`)?.remove();
  document.dispatchEvent(new CustomEvent("wazapp:given-back", { detail: entry }));
  if (box() && thread().dataset.thread === entry.conversation) {
    box().value = draft.before(here(), entry.text, box().value);
    keepDraft();
    return;
  }
  draft.give(here(entry.conversation), entry.text);
  const alert = $("#alert");
  if (alert) alert.textContent = inbox().dataset.givenBack.replace("{n}", entry.who);
}

// What waits for a line can be taken back: its words are a draft again.
document.addEventListener("click", ({ target }) => {
  const item = target.closest?.("[data-take-back]")?.closest("li.pending");
  const entry = item && outbox.all().find(({ id }) => `m-${id}` === item.id);
  if (!entry) return;
  outbox.remove(entry);
  giveBack(entry);
  window.dispatchEvent(new Event("wazapp:taken-back"));
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches?.("[data-composer]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  sendBy(event, submit);
}, true);

document.addEventListener("keydown", (event) => {
  const { target } = event;
  if (event.key !== "Enter" || event.isComposing || !target.matches?.("[data-composer] textarea, [data-composer] .later input")) return;
  if (target === box() && (event.shiftKey || isTouch)) return;
  event.preventDefault();
  target.form.requestSubmit(meant(target.form));
});

/** A browser may not know the zone by this name: then it is tomorrow here. */
function tomorrow(zone) {
  const day = new Date(Date.now() + 86_400_000);
  try { return day.toLocaleDateString("sv-SE", { timeZone: zone }); } catch { return day.toLocaleDateString("sv-SE"); }
}

// Tomorrow at nine is what is meant most, in the zone that stands beside it. Who closes it again plans nothing.
document.addEventListener("toggle", ({ target }) => {
  const field = target.matches?.(".later") && $("input[name=at]", target);
  if (!field) return;
  if (!target.open) { field.value = ""; return; }
  field.value ||= `${tomorrow($(".small", target)?.textContent || undefined)}T09:00`;
}, true);

// Words that come back have the box for themselves: what stands there is not lost for them.
document.addEventListener("submit", (event) => {
  const { submitter } = event;
  if (!submitter?.dataset.hasDraft || !box()?.value.trim()) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  $("#alert").textContent = submitter.dataset.hasDraft;
}, true);

// Turbo gives the focus back to what had it a repaint before a stream was drawn: from whoever moved on meanwhile, that takes it.
session.streamMessageRenderer = { render: ({ fragment }) => document.documentElement.append(fragment) };

// What is drawn anew keeps the focus. A composer that comes by itself goes on with what this tab has.
document.addEventListener("turbo:before-stream-render", ({ detail }) => {
  const { render } = detail;
  detail.render = async (stream) => {
    // A menu that somebody has open stays as it is: what stands there is asked for again once it is closed.
    const menu = stream.target?.startsWith("head-") && $("details[open]", document.getElementById(stream.target) ?? undefined);
    if (menu) {
      menu.addEventListener("toggle", () => listen({ conversation_id: thread()?.dataset.thread }), { once: true });
      return;
    }
    const focused = document.activeElement;
    await render(stream);
    if (focused.id && !focused.isConnected) document.getElementById(focused.id)?.focus({ preventScroll: true });
    else if (stream.target?.startsWith("head-") && !focused.isConnected && document.activeElement === document.body && !isTouch) (box() ?? scroller())?.focus({ preventScroll: true });
    if (stream.target?.startsWith("head-")) headed();
    if (!stream.target?.startsWith("composer-")) return;
    document.dispatchEvent(new Event("wazapp:composer"));
    if (box()) draft.restore(box(), here());
  };
});

// What is chosen in a menu above the conversation closes it: what stands there is drawn anew.
document.addEventListener("turbo:submit-start", ({ target }) => {
  const menu = target.closest(".above details.menu[open]");
  if (!menu) return;
  menu.open = false;
  $("summary", menu).focus({ preventScroll: true });
});

document.addEventListener("inbox:changed", ({ detail }) => listen(detail));
document.addEventListener("input", ({ target, inputType }) => {
  if (target === box()) keepDraft();
  if (inputType !== "insertFromPaste") hush(); // Of what is pasted it is told just before.
});
// A browser says nothing of what it leaves out.
document.addEventListener("paste", ({ target, clipboardData }) => {
  if (target !== box()) return;
  const room = target.maxLength - target.value.length + target.selectionEnd - target.selectionStart;
  $("#alert").textContent = clipboardData.getData("text/plain").length > room ? target.dataset.tooLong : "";
});

// --- The page ------------------------------------------------------------------------------------------------------------

/** What stands above the conversation is drawn, for the first time or anew. */
function headed() {
  const open = thread();
  const above = open && $(".above", open);
  if (!above) return;
  open.dataset.state = above.dataset.is;
  // At its end, what can be written is another thing.
  clearTimeout(closing);
  const ends = Date.parse($("[data-ends]", above)?.dataset.ends ?? "") - Date.now();
  if (ends > 0 && ends < 2 ** 31) closing = setTimeout(() => listen({ conversation_id: open.dataset.thread }), ends + 500);
}

let lately; // The conversation that was open last.
let byKeys = false;
for (const how of ["keydown", "pointerdown"]) document.addEventListener(how, () => { byKeys = how === "keydown"; }, true);
/** Whoever goes by keys, and has lost the focus with what went, goes on at the conversation's row, or among its messages. */
function land() {
  if (!byKeys || document.activeElement !== document.body) return;
  const row = lately && $(`#c-${CSS.escape(lately)} a`);
  (row?.checkVisibility() ? row : scroller())?.focus({ preventScroll: true });
}

let closing;
let entered; // The thread that was opened last: a frame that counts as a visit is told of twice.
function opened() {
  const open = thread();
  document.querySelectorAll("#list a[aria-current]").forEach((row) => row.removeAttribute("aria-current"));
  const id = open?.dataset.thread ?? $("[data-of]")?.dataset.of.split("/")[2];
  if (id) $(`#c-${CSS.escape(id)} a`)?.setAttribute("aria-current", "true");
  lately = id ?? lately;
  if (!open) return;
  rove();
  document.title = open.dataset.title;
  if (open === entered) return;
  entered = open;
  catchUp(open);
  // Here it is seen whether it was read.
  $("[data-read]", open)?.remove();
  lowerPill();
  openAt(open);
  scroller()?.addEventListener("scroll", () => { if (isAtEnd()) lowerPill(); lookWhetherReadSoon(); }, { passive: true });
  const text = box();
  if (text) draft.restore(text, here());
  hush();
  drawWaiting();
  if (text && !isTouch && !staysInList()) text.focus({ preventScroll: true });
  headed();
  lookWhetherRead();
}

// What could not be had is said, and can be asked for again.
document.addEventListener("turbo:fetch-request-error", ({ target }) => {
  if (target.id !== "thread" || !$("#alert")) return;
  const { src } = target;
  const { notOpened, retry } = inbox().dataset;
  const again = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: retry });
  again.onclick = () => { hush(); target.src = src; };
  $("#alert").replaceChildren(`${notOpened} `, again);
});
// What is not there any more has a page of its own that says so.
document.addEventListener("turbo:frame-missing", (event) => {
  event.preventDefault();
  event.detail.visit(event.detail.response);
});
document.addEventListener("turbo:load", () => {
  follow();
  if (!inbox()) return;
  // What waited for a row to be free belongs to the same list on another page, and to no other list.
  if ($("#list") !== listed) {
    listed = $("#list");
    if (listed) new MutationObserver(() => rove()).observe(listed, { childList: true });
    if (heldIn === inbox().dataset.query) release();
    else waiting.clear();
  }
  readOnNear();
  rove();
  opened();
  land();
  flush();
  performance.mark("inbox-ready");
});
// As soon as it stands there: what is pressed next is meant for it.
document.addEventListener("turbo:before-frame-render", ({ target, detail }) => {
  if (target.id !== "thread") return;
  const { render } = detail;
  detail.render = (...frames) => {
    render(...frames);
    opened();
    // Who chooses a template by keys goes on among them.
    if (document.activeElement === document.body) $(".template-pane :is(.templates a, .field input, button)")?.focus({ preventScroll: true });
    land();
  };
});
document.addEventListener("turbo:before-cache", () => document.querySelectorAll("li.pending").forEach((item) => item.remove()));
/** What is answered, by the next message alone. */
export function answer(id) {
  const form = $("[data-composer]");
  if (!form) return false;
  form.elements.reply.value = id;
  $("[data-replying]", form).hidden = !id;
  box().focus();
  return true;
}
document.addEventListener("click", (event) => {
  const [reply, none] = [event.target.closest("[data-reply]"), event.target.closest("[data-no-reply]")];
  if ((reply || none) && answer(reply?.dataset.reply ?? "")) event.preventDefault();
  const file = event.target.closest("[data-no-file]");
  if (!file) return;
  event.preventDefault();
  file.closest("[data-attached]").remove();
});
document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-newer]")) { toEnd(); lowerPill(); }
  if (target.closest("[data-held]")) { document.activeElement.blur(); release(); }
  if (target.closest("[data-hush]")) hush();
});
document.addEventListener("pointerleave", ({ target }) => {
  if (target.matches?.("[data-list]") && waiting.size && !target.contains(document.activeElement)) release();
}, true);
document.addEventListener("focusin", ({ target }) => {
  if (waiting.size && !target.closest("[data-list]") && !$("[data-list]")?.matches(":hover")) release();
});
for (const when of ["focus", "pointermove"]) window.addEventListener(when, () => lookWhetherReadSoon(), { passive: true });
let soon;
function lookWhetherReadSoon() { soon ??= setTimeout(() => { soon = undefined; inSight(); lookWhetherRead(); }, 500); }
document.addEventListener("visibilitychange", lookWhetherRead);
// Arrows go through the list; it is one stop of Tab's way for who uses them.
document.addEventListener("keydown", (event) => {
  const row = event.target.closest?.("#list > li");
  const way = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (!row || !way) return;
  event.preventDefault();
  $("a", row[way] ?? row)?.focus();
});
document.addEventListener("focusin", ({ target }) => { if (target.matches("#list > li > a")) rove(target); });
