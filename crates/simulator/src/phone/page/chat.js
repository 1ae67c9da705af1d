// One chat: what was said, as it is said.

import { get, now, post } from "./api.js";
import { bubble, setTicks, typing } from "./bubble.js";
import { composer } from "./composer.js";
import { fill, h, spoken } from "./dom.js";
import { icon } from "./icons.js";
import { owner, pageLinks } from "./owner.js";
import { avatar, called } from "./people.js";
import { preview } from "./preview.js";
import { closeSheet, sheet } from "./sheet.js";
import { day, dayKey, t } from "./words.js";

/** Messages of one side closer than this belong together. */
const RUN_MS = 4 * 60_000;

/** Draws a chat. `go` leaves it. */
export async function chat(root, customer, number, go, spoke) {
  const nodes = new Map();
  let waiting = [];
  let opened = "";
  let typingEnds = null;
  const where = { customer, phone_number_id: number };

  const self = {
    number,
    data: null,
    refresh,
    get customer() { return self.data.customer; },
    get chat() { return self.data; },
    now: () => new Date(now()).toISOString(),
    find: (wamid) => self.data.messages.find((message) => message.wamid === wamid),
    answer,
    reply: (message) => writes.reply(message),
    edit: (message) => writes.edit(message),
    tap: (wamid, choice) => attempt(() => post("/_phone/tap", { ...where, wamid, choice })),
    played: (wamid) => post("/_phone/played", { ...where, wamid }),
    send, deliver, show,
    again: (message) => { self.discard(message); deliver(message.kind, message.content, message.make, message.rest); },
    discard: (message) => { waiting = waiting.filter((other) => other !== message); draw(); },
  };

  const back = h("button", { type: "button", class: "icon-button", onclick: () => go({ customer }) }, icon("back"), spoken(t("back")));
  const head = h("div", { class: "chat-head" });
  const more = h("button", { type: "button", class: "icon-button only-narrow", onclick: menu }, icon("more"), spoken(t("this-phone")));
  const banner = h("div");
  const log = h("div", { class: "log", role: "log", tabindex: "0", "aria-label": t("messages") });
  const writes = composer(self);
  fill(root, h("div", { class: "chat" }, h("header", { class: "bar" }, back, head, more), banner, log, writes.root));

  /** What was tapped below a message; null: nothing yet. */
  function answer(wamid) {
    const tapped = self.data.messages.find((message) => message.from === "from_customer" && message.reply_to === wamid && ["interactive", "button"].includes(message.kind));
    return tapped ? preview(tapped) : null;
  }

  /** Sends a message object; what changes another message has no bubble of its own. */
  function send(message) {
    const { type, context, ...rest } = message;
    if (["reaction", "edit", "revoke"].includes(type)) return attempt(() => post("/_phone/send", { ...where, message }));
    return deliver(type, rest[type], async () => rest[type], context ? { context } : {});
  }

  /** Shows a message at once and sends it; `make` answers its content once that is known. */
  async function deliver(kind, content, make, rest = {}) {
    const local = { wamid: `local-${crypto.randomUUID()}`, local: true, from: "from_customer", kind, content, make, rest, reply_to: rest.context?.id ?? null, at: self.now(), status: "sending", reactions: [], choices: [] };
    waiting.push(local);
    draw();
    bottom();
    try {
      await post("/_phone/send", { ...where, message: { type: kind, [kind]: await make(), ...rest } });
      await refresh(() => { waiting = waiting.filter((other) => other !== local); });
    } catch (error) {
      Object.assign(local, { status: "failed", failed: error.message });
      draw();
    }
  }

  async function attempt(act) {
    try {
      await act();
      await refresh();
      bottom();
    } catch (error) {
      sheet(t("not-done"), () => h("p", { class: "lead", role: "alert" }, error.message));
    }
  }

  /** Asks anew; `before` runs once the answer is there, before it is drawn. */
  async function refresh(before = () => {}) {
    const data = await get("/_phone/thread", where);
    before();
    self.data = data;
    clearTimeout(typingEnds);
    if (data.typing_seconds > 0) typingEnds = setTimeout(refresh, data.typing_seconds * 1000 + 50);
    draw();
    look();
  }

  /** Tells that the chat is seen, once for each set of messages that are new. */
  function look() {
    const fresh = self.data.messages.filter((message) => message.from === "from_business" && message.status === "delivered").map((message) => message.wamid).join();
    if (document.visibilityState !== "visible" || !fresh || fresh === opened || self.data.customer.reads === "off") return;
    opened = fresh;
    post("/_phone/open", where);
  }

  function draw() {
    const { number: business, blocked, customer: me } = self.data;
    document.title = `${called(me)} · ${business.name}`;
    const writing = self.data.typing_seconds > 0;
    fill(head, avatar(business.name), h("div", { class: "lines" }, h("h1", {}, business.name), h("small", { class: writing ? "is-typing" : "" }, writing ? t("typing-short") : business.display)));
    fill(banner, me.reads === "off" && h("p", { class: "banner" }, icon("power"), t("phone-off"), h("button", { type: "button", class: "text-button", onclick: turnOn }, t("turn-on"))));
    writes.bar(blocked ? h("div", { class: "blocked" }, h("p", {}, t("you-block", { name: business.name })), h("button", { type: "button", class: "primary", onclick: unblock }, t("unblock", { name: business.name }))) : null);
    const near = log.scrollHeight - log.scrollTop - log.clientHeight < 120;
    place(rows(writing));
    if (near) bottom();
  }

  /** All that the log shows, in order: a key, what it was drawn from, and how. */
  function rows(writing) {
    const list = [];
    const all = [...self.data.messages, ...waiting];
    let before = null;
    for (const message of all) {
      if (!before || dayKey(before.at) !== dayKey(message.at)) {
        list.push({ key: `day-${dayKey(message.at)}`, from: t("today"), draw: () => h("p", { class: "day" }, h("span", {}, day(message.at, self.now()))) });
        before = null;
      }
      const lead = before?.from !== message.from || Boolean(before.error) || Date.parse(message.at) - Date.parse(before.at) > RUN_MS;
      const { status, make, ...drawn } = message;
      const tapped = message.choices.length > 0 && answer(message.wamid);
      const quoted = message.reply_to && self.find(message.reply_to);
      list.push({ key: message.wamid, from: JSON.stringify([drawn, lead, tapped, quoted?.content, quoted?.deleted]), draw: () => bubble(message, self, lead), after: (node) => setTicks(node, status) });
      before = message;
    }
    if (!all.length) list.push({ key: "empty", from: "", draw: () => h("div", { class: "empty" }, avatar(self.data.number.name, "large"), h("b", {}, self.data.number.name), h("p", {}, t("empty"))) });
    if (writing) list.push({ key: "typing", from: "", draw: () => typing(self.data.number.name) });
    return list;
  }

  /** Puts rows into the log; what did not change stays as it is, with its focus and its sound. */
  function place(list) {
    const keep = new Set(list.map((row) => row.key));
    for (const [key, { node }] of nodes) if (!keep.has(key)) { node.remove(); nodes.delete(key); }
    list.forEach((row, at) => {
      const old = nodes.get(row.key);
      const node = old?.from === row.from ? old.node : row.draw();
      if (old && old.node !== node) {
        const held = old.node.contains(document.activeElement) && document.activeElement.dataset.focus;
        old.node.replaceWith(node);
        if (held) node.querySelector(`[data-focus="${held}"]`)?.focus();
      }
      if (log.children[at] !== node) log.insertBefore(node, log.children[at] ?? null);
      row.after?.(node);
      nodes.set(row.key, { from: row.from, node });
    });
  }

  function bottom() {
    log.scrollTop = log.scrollHeight;
  }

  /** Scrolls to a message and marks it for a moment. */
  function show(wamid) {
    const node = nodes.get(wamid)?.node;
    if (!node) return;
    node.scrollIntoView({ block: "center" });
    node.classList.remove("shown");
    requestAnimationFrame(() => node.classList.add("shown"));
  }

  const turnOn = () => attempt(() => post(`/_sim/customers/${encodeURIComponent(customer)}`, { reads: "opened" }, "PATCH"));
  const unblock = () => attempt(() => post("/_phone/block", { ...where, blocked: false }));

  function menu() {
    sheet(t("this-phone"), () => [owner(self.data.customer, self.data, async () => { await refresh(); closeSheet(); }), pageLinks(() => { closeSheet(); spoke(); })]);
  }

  self.seen = look;
  await refresh();
  writes.ready();
  // Pictures grow once they are loaded; the last word stays in sight.
  log.addEventListener("load", () => { if (log.scrollHeight - log.scrollTop - log.clientHeight < 320) bottom(); }, true);
  bottom();
  return self;
}
