// Reading on: what stands before and behind what is shown comes as somebody scrolls there, and what is far away goes, so that
// a conversation of any length costs the same. Its scroller begins at its end; what is read stays where it is.
import { $, isBefore, nameDay, thread } from "./inbox.js";
import { fold, isAside, unfoldBelow } from "./rows.js";

const KEPT = 160;
const TRIMMED_FROM = 200;

export const scroller = () => $("[data-scroller]");
const list = () => $("ol", scroller() ?? document);
const edge = (name) => $(`:scope > .${name}`, list() ?? document);
const messages = () => [...list().querySelectorAll(":scope > li.message")];

/** Whether the end of the conversation is here, and not only a part before it. */
export const isEndHere = () => edge("newer")?.hidden ?? true;
export const isAtEnd = () => { const pane = scroller(); return !pane || (isEndHere() && Math.abs(pane.scrollTop) < 80); };
export function toEnd() {
  const pane = scroller();
  if (!pane) return;
  if (isEndHere()) pane.scrollTop = 0;
  else show(`${thread().dataset.base}&latest=1`);
}

/** Another part of the conversation takes the place of this one. */
const show = (href) => { $("#thread").src = href; };

/** Whether a message stands before or behind the part that is here. */
export function isBeyond(item) {
  const all = messages();
  if (!all.length) return false;
  return (!isEndHere() && isBefore(all.at(-1), item)) || (!edge("older").hidden && isBefore(item, all[0]));
}

/** The last of what the customer wrote that is in sight. */
export function lastSeen() {
  const pane = scroller();
  const bottom = pane.getBoundingClientRect().bottom;
  const seen = [...pane.querySelectorAll("li.in")].reverse().find((item) => item.getBoundingClientRect().bottom <= bottom + 8);
  return Number(seen?.dataset.sequence ?? 0);
}

/** The highest number of a message that was in sight since the conversation was opened. */
export function inSight() {
  const [open, pane] = [thread(), scroller()];
  if (!open || !pane) return 0;
  const { top, bottom } = pane.getBoundingClientRect();
  const isThere = (item) => { const box = item.getBoundingClientRect(); return box.bottom > top && box.bottom <= bottom + 8; };
  const places = messages().filter((item) => !item.matches(".pending") && isThere(item)).map((item) => Number(item.dataset.sequence));
  open.dataset.sight = Math.max(open.dataset.sight ?? 0, ...places);
  return Number(open.dataset.sight);
}

// --- Where it opens ------------------------------------------------------------------------------------------------------

/** Shows a message in the middle, marked for a moment. */
function turnTo(item) {
  item.scrollIntoView({ block: "center" });
  item.classList.add("found");
  setTimeout(() => document.getElementById(item.id)?.classList.remove("found"), 2_000);
}

export function openAt(open) {
  readOnNear();
  const around = document.getElementById(`m-${open.dataset.around}`);
  const line = $("li.new", open);
  if (around) turnTo(around);
  else if (line && line.getBoundingClientRect().top < scroller().getBoundingClientRect().top) line.scrollIntoView({ block: "start" });
}

document.addEventListener("click", (event) => {
  const [jump, latest] = [event.target.closest?.("[data-jump]"), event.target.closest?.("[data-latest]")];
  const there = jump && document.getElementById(`m-${jump.dataset.jump}`);
  if (there) { event.preventDefault(); turnTo(there); }
  if (latest) { event.preventDefault(); toEnd(); }
});

// --- What is near --------------------------------------------------------------------------------------------------------

async function pageAt(link, frame) {
  if (link.dataset.asked) return undefined;
  link.dataset.asked = "1";
  const answer = await fetch(link.href, { headers: frame ? { "turbo-frame": frame } : {} }).catch(() => undefined);
  delete link.dataset.asked;
  // Elsewhere meanwhile, it has no place any more.
  if (!answer?.ok || answer.redirected || !link.isConnected) return undefined;
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** Those of a page that are not here yet. */
const fresh = (page, items) =>
  [...page.querySelectorAll(items)].filter((item) => !item.id || !document.getElementById(item.id)).map((item) => document.importNode(item, true));

/** Looks again whether it is near. */
const lookAgain = (link) => { near.unobserve(link); near.observe(link); };

/** More of a list, row by row. */
async function more(link) {
  if (unfoldBelow()) { lookAgain(link); return; }
  const page = await pageAt(link);
  if (!page) return;
  $("#list").append(...fresh(page, "#list > li").filter(({ id }) => !isAside(id)));
  fold("above");
  const next = page.querySelector("[data-more]");
  if (!next) { link.remove(); return; }
  link.href = next.getAttribute("href");
  lookAgain(link);
}

/** An end of what is here goes on at this message, or does not. */
function setEdge(name, id) {
  const place = edge(name);
  const link = $("a", place);
  place.hidden = !id;
  if (id) link.href = `${thread().dataset.base}&${name}=${id}`;
  lookAgain(link);
}

/** Changes what is here without moving what is read. */
function still(change) {
  const pane = scroller();
  const { top } = pane.getBoundingClientRect();
  const first = messages().find((item) => item.getBoundingClientRect().bottom > top);
  const read = first && ($("article, .across", first) ?? first); // The day above it may go.
  const was = read?.getBoundingClientRect().top;
  // The browser's own holding knows nothing of what is let go of.
  pane.style.overflowAnchor = "none";
  change();
  if (read?.isConnected) pane.scrollTop += read.getBoundingClientRect().top - was;
  requestAnimationFrame(() => { pane.style.overflowAnchor = ""; });
}

const idOf = (item) => item?.id.slice(2);

async function older(link) {
  const page = await pageAt(link, "thread");
  if (!page) return;
  const found = fresh(page, "[data-scroller] > ol > li.message");
  still(() => {
    const first = messages()[0];
    edge("older").after(...found);
    [...found, first].forEach(nameDay);
    setEdge("older", page.querySelector("li.older:not([hidden])") && found.length ? idOf(found[0]) : undefined);
    const all = messages();
    if (all.length <= TRIMMED_FROM) return;
    all.slice(KEPT).forEach((item) => item.remove());
    setEdge("newer", idOf(all[KEPT - 1]));
  });
}

async function newer(link) {
  const page = await pageAt(link, "thread");
  if (!page) return;
  const found = fresh(page, "[data-scroller] > ol > li.message");
  still(() => {
    edge("newer").before(...found);
    found.forEach(nameDay);
    setEdge("newer", page.querySelector("li.newer:not([hidden])") && found.length ? idOf(found.at(-1)) : undefined);
    const all = messages();
    if (all.length <= TRIMMED_FROM) return;
    const kept = all.slice(-KEPT);
    all.slice(0, -KEPT).forEach((item) => item.remove());
    nameDay(kept[0]);
    setEdge("older", idOf(kept[0]));
  });
}

const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    if (target.matches("[data-older]")) older(target);
    else if (target.matches("[data-newer-ones]")) newer(target);
    else more(target);
  }
}, { rootMargin: "800px", scrollMargin: "800px" });

/** Watches what leads on from what is here. */
export function readOnNear() {
  document.querySelectorAll("[data-older], [data-newer-ones], [data-more]").forEach(lookAgain);
}
