// A list of any length costs the same: rows far above and far below what is in sight are kept aside, and come back as somebody
// scrolls there. Every row is as high as the others, so what stands aside keeps its room.
import { $ } from "./inbox.js";

const KEPT = 100;
const TRIMMED_FROM = 150;
const STEP = 50;
const NEAR = 800;

const list = () => $("#list");
const pane = () => $("[data-list]");

/** As the server has them: Meta's times are of a second, and of one second the larger id comes first. */
export function isOlder(row, other) {
  const later = Number(other.dataset.at) - Number(row.dataset.at);
  return later > 0 || (later === 0 && row.id < other.id);
}

const folded = new WeakMap(); // By list: the rows above what is here, and below it, in their order.
function aside() {
  if (!folded.has(list())) folded.set(list(), { above: [], below: [], height: 0 });
  return folded.get(list());
}

function room() {
  const { above, height } = aside();
  list().style.paddingBlockStart = above.length ? `${above.length * height}px` : "";
}

/** Changes what is here without moving what is in sight. */
function still(change) {
  const { scrollTop, style } = pane();
  style.overflowAnchor = "none";
  change();
  room();
  pane().scrollTop = scrollTop;
  requestAnimationFrame(() => { style.overflowAnchor = ""; });
}

/** Puts aside what is too much, above or below. */
export function fold(where) {
  const here = [...list().children];
  if (here.length <= TRIMMED_FROM) return;
  const kept = aside();
  kept.height ||= here[0].offsetHeight;
  still(() => {
    const gone = where === "above" ? here.slice(0, -KEPT) : here.slice(KEPT);
    gone.forEach((row) => row.remove());
    if (where === "above") kept.above.push(...gone);
    else kept.below.unshift(...gone);
  });
}

/** Brings back what stands next above. */
function unfoldAbove() {
  const { above } = aside();
  still(() => list().prepend(...above.splice(-STEP)));
  fold("below");
}

/** Brings back what stands next below; false: nothing does. */
export function unfoldBelow() {
  const { below } = aside();
  if (!below.length) return false;
  list().append(...below.splice(0, STEP));
  fold("above");
  return true;
}

/** A row that stands aside is taken from there; none: it does not. */
export function takeAside(id) {
  for (const rows of Object.values(aside()).filter(Array.isArray)) {
    const at = rows.findIndex((row) => row.id === id);
    if (at < 0) continue;
    const [row] = rows.splice(at, 1);
    still(() => {});
    return row;
  }
  return undefined;
}

/** A row that belongs among those aside goes there; false: it belongs to what is here. */
export function putAside(row) {
  const { above, below, height } = aside();
  const into = (rows) => {
    const at = rows.findIndex((other) => isOlder(other, row));
    rows.splice(at < 0 ? rows.length : at, 0, row);
  };
  if (above.length && isOlder(above.at(-1), row)) {
    into(above);
    still(() => {});
    pane().scrollTop += height;
    return true;
  }
  if (below.length && isOlder(row, below[0])) {
    into(below);
    return true;
  }
  return false;
}

/** Whether a row stands among those aside. */
export const isAside = (id) => [...aside().above, ...aside().below].some((row) => row.id === id);

// Whoever comes back to a list finds it where they left it.
const tops = new Map(); // By what a list shows: how far down it was.
const query = () => $("[data-inbox]")?.dataset.query;
let seen; // The list that stands where it stood.
function keepTop() {
  if (!list() || list() === seen) return;
  seen = list();
  const top = tops.get(query());
  if (top) pane().scrollTop = top;
}
for (const when of ["turbo:render", "turbo:load"]) document.addEventListener(when, keepTop);
document.addEventListener("click", ({ target }) => { if (target.closest?.("#views a, .chips a")) tops.clear(); });

document.addEventListener("scroll", ({ target }) => {
  if (!target.matches?.("[data-list]") || !list()) return;
  if (target.checkVisibility()) tops.set(query(), target.scrollTop);
  const { above, height } = aside();
  if (above.length && target.scrollTop < above.length * height + NEAR) unfoldAbove();
}, { capture: true, passive: true });

// What is remembered of a page is all of its list.
document.addEventListener("turbo:before-cache", () => {
  if (!list()) return;
  const { above, below } = aside();
  list().prepend(...above.splice(0));
  list().append(...below.splice(0));
  room();
});
