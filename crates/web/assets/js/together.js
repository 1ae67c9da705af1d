// Who else is at the conversation that is open: this page says again and again what its reader does there, and is told what
// others do. A page that is not in sight says nothing.
import { renderStreamMessage } from "./turbo.js";
import { inSight } from "./reading.js";

const BEAT = 1_500;
const PAUSE = 3_000; // Whoever types nothing for so long does not write.

const thread = () => document.querySelector("[data-thread]");
const box = () => document.querySelector("[data-composer] textarea");

let beats = 0; // So often it was said of this conversation.
let at; // The conversation that others know this page at.
let typed = 0;
let told; // What was last told of others: what stands there already is not written, nor read aloud, again.
let timer;

const writes = () => Boolean(box()?.value.trim()) && Date.now() - typed < PAUSE;

function say(conversation, doing, more = {}) {
  const body = new URLSearchParams({ doing, ...more });
  return fetch(`/inbox/${conversation}/presence`, { method: "POST", body, redirect: "manual", keepalive: doing === "leave" });
}

async function beat() {
  clearTimeout(timer);
  const open = thread();
  if (!open || document.visibilityState !== "visible") { leave(); return; }
  const conversation = open.dataset.thread;
  if (at !== conversation) { leave(); told = undefined; beats = 0; at = conversation; }
  beats += 1;
  timer = setTimeout(beat, BEAT);
  const last = [...open.querySelectorAll("li.message:not(.pending)")].at(-1);
  // What was read was seen; what was read before is, by whoever stays.
  const stays = open.dataset.unread === "0" && document.hasFocus() && beats > 1;
  const seen = open.dataset.read ?? (stays ? last?.dataset.sequence : undefined);
  try {
    const answer = await say(conversation, writes() ? "write" : "look", {
      shown: last?.dataset.sequence ?? 0,
      seen: Number(seen) >= lastInbound(open) ? "1" : "",
    });
    const text = answer.ok ? await answer.text() : "";
    if (!text || text === told || at !== conversation) return;
    told = text;
    renderStreamMessage(text);
  } catch {
    // The line is cut: whoever is there says so again.
  }
}

const lastInbound = (open) => Number([...open.querySelectorAll("li.message.in")].at(-1)?.dataset.sequence ?? 0);

function leave() {
  if (at) say(at, "leave").catch(() => {});
  at = undefined;
}

document.addEventListener("input", ({ target }) => {
  if (target !== box()) return;
  const began = !writes();
  typed = Date.now();
  if (began && writes()) beat();
});
// What stands there now was seen by whoever goes on to a template.
document.addEventListener("click", ({ target }) => {
  const link = target.closest("[data-seeing]");
  if (!link) return;
  const there = new URL(link.href);
  there.searchParams.set("seen", Math.max(there.searchParams.get("seen"), inSight()));
  link.href = there.href;
}, true);
document.addEventListener("turbo:load", beat);
document.addEventListener("turbo:frame-load", ({ target }) => { if (target.id === "thread") beat(); });
document.addEventListener("visibilitychange", beat);
window.addEventListener("pagehide", leave);
