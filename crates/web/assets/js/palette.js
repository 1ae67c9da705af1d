// The palette (Ctrl K): what can be done here, the views, and conversations, found by a few letters.
const $ = (selector, within = document) => within.querySelector(selector);
const palette = () => $("#palette");
export const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
/** A name of which a reader sees something; no other one. What is blank though it is no white space: `model::name::shows`. */
const shows = (name) => (/[^\p{Cc}\p{Cf}\p{Z}\p{M}\u115f\u1160\u2800\u3164\uffa0]/u.test(name ?? "") ? name : undefined);
const label = (element) => (element.getAttribute("aria-label") ?? element.textContent).replace(/\s+/g, " ").trim();

const PAUSE = 150;
const MOST = 8;

let found = []; // Conversations that the server found.
let chosen = 0;
let shown = [];
let asking;

/** What the page offers: its own links and buttons. */
function offered() {
  const { view, assign } = palette().dataset;
  const of = (selector, words = "{n}") => [...document.querySelectorAll(selector)].map((element) => ({
    said: words.replace("{n}", label(element)),
    run: () => element.click(),
  }));
  return [
    ...of("[data-thread] [data-offers]"),
    ...of("[data-thread] [data-assigns]", assign),
    ...of("#views a", view),
    ...of("[data-keys]"),
  ];
}

export function openPalette() {
  const dialog = palette();
  if (!dialog || dialog.open) return;
  const field = $("input", dialog);
  field.value = "";
  found = [];
  dialog.showModal();
  field.focus();
  draw();
}

function draw() {
  const words = plain($("input", palette()).value.trim()).split(/\s+/);
  const matches = ({ said }) => words.every((word) => plain(said).includes(word));
  shown = [...offered().filter(matches).slice(0, MOST), ...found];
  chosen = Math.min(chosen, Math.max(0, shown.length - 1));
  const options = shown.map(({ said }, nth) => {
    const option = document.createElement("li");
    option.id = `palette-${nth}`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", String(nth === chosen));
    option.dir = "auto";
    option.textContent = said;
    return option;
  });
  $("ul", palette()).replaceChildren(...options);
  $("input", palette()).setAttribute("aria-activedescendant", shown.length ? `palette-${chosen}` : "");
  $(".empty", palette()).hidden = shown.length > 0;
  $("[aria-selected=true]", palette())?.scrollIntoView({ block: "nearest" });
}

/** Asks the server whom these letters may mean. */
async function look(text) {
  const answer = await fetch(`/api/v1/conversations?${new URLSearchParams({ q: text, limit: MOST })}`).catch(() => undefined);
  if (!answer?.ok || $("input", palette()).value.trim() !== text) return;
  const named = ({ contact, group_subject: group }) => shows(contact?.name) ?? (contact?.wa_id ? `+${contact.wa_id}` : contact?.username ?? group ?? "?");
  const beside = ({ contact }) => (contact?.wa_id && shows(contact.name) ? ` +${contact.wa_id}` : "");
  found = (await answer.json()).data.map((one) => ({ said: named(one) + beside(one), run: () => visit(one.id) }));
  draw();
}

function visit(id) {
  const row = document.getElementById(`c-${id}`);
  if (row) $("a", row).click();
  else { const link = $("[data-leads]", palette()); link.href = `/inbox/${id}?view=all`; link.click(); }
}

function run() {
  const choice = shown[chosen];
  palette().close();
  choice?.run();
}

document.addEventListener("input", ({ target }) => {
  if (!target.matches("#palette input")) return;
  const text = target.value.trim();
  chosen = 0;
  if (!text) found = [];
  clearTimeout(asking);
  if (text) asking = setTimeout(() => look(text), PAUSE);
  draw();
});
document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("#palette input") || event.isComposing) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && shown.length) chosen = (chosen + step + shown.length) % shown.length;
  else if (event.key === "Enter") run();
  else return;
  event.preventDefault();
  if (step) draw();
});
document.addEventListener("click", ({ target }) => {
  const option = target.closest("#palette [role=option]");
  if (option) { chosen = Number(option.id.replace("palette-", "")); run(); }
  else if (target === palette()) palette().close();
});
document.addEventListener("turbo:before-cache", () => palette()?.close());
