// What pages do beyond forms and links. Each of them works without.
import "./turbo.js";
import "./inbox.js";
import "./files.js";
import "./media.js";
import "./message.js";
import "./keys.js";
import "./together.js";
import "./passkey.js";
import { plain } from "./palette.js";

/** Runs on whatever is in the page now, and on what Turbo brings later. */
const enhance = (selector, mend, when = "turbo:load") =>
  document.addEventListener(when, () => document.querySelectorAll(selector).forEach(mend));
/** The same where a form comes back with faults, which is no load. */
const enhanceAlways = (selector, mend) => ["turbo:load", "turbo:render"].forEach((when) => enhance(selector, mend, when));

// A password can be looked at before it is sent.
enhanceAlways("[data-reveal]", (button) => {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  button.hidden = false;
  button.onclick = () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  };
});

// A long list narrows to what is typed above it.
document.addEventListener("input", ({ target }) => {
  if (!target.matches?.("[data-narrows]")) return;
  const here = target.parentElement;
  const items = [...here.querySelectorAll("li")];
  for (const item of items) item.hidden = !plain(item.textContent).includes(plain(target.value).trim());
  const none = here.querySelector("[data-no-match]");
  none.textContent = items.every((item) => item.hidden) ? none.dataset.noMatch : "";
});

// What is shown once can be copied.
enhanceAlways("[data-copy]", (button) => {
  if (!navigator.clipboard) return;
  const input = document.getElementById(button.getAttribute("aria-controls"));
  button.hidden = false;
  button.onclick = async () => {
    await navigator.clipboard.writeText(input.value);
    button.querySelector("[data-said]").textContent = button.dataset.copied;
  };
});

// Whoever chose nothing else has nothing to save.
enhance("select[data-saves]", (select) => {
  const button = select.form.querySelector("button");
  const began = select.value;
  button.hidden = true;
  select.onchange = () => { button.hidden = select.value === began; };
});

// The browser's own time zone is the likely one.
enhance("[data-zone]", (field) => {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!field.options || [...field.options].some((option) => option.value === own)) field.value = own;
});

// A menu closes when somebody goes on elsewhere, and by Esc.
document.addEventListener("click", ({ target }) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
});
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// After a form came back with faults, the first of them is where to go on; where none of its fields is at fault, its password.
document.addEventListener("turbo:render", () =>
  (document.querySelector("[aria-invalid=true]") ?? document.querySelector(".card:has(> .notice.bad) input[type=password]"))?.focus());

// A frame that counts as a visit is remembered once it is shown: nobody leaves, and what is open since stays open.
let stays = false;
document.addEventListener("turbo:visit", ({ detail }) => { stays = detail.url === document.querySelector("#thread")?.src; });
document.addEventListener("turbo:before-cache", (event) => { if (stays) event.stopImmediatePropagation(); }, { capture: true });

// Whoever went back meanwhile is not led to what the frame showed; what is not for the frame is shown as a page.
let missing;
document.addEventListener("turbo:frame-missing", ({ detail }) => { missing = detail.response.url; }, { capture: true });
document.addEventListener("turbo:before-visit", (event) => {
  const { url } = event.detail;
  if (url === document.querySelector("#thread")?.src && url !== location.href && url !== missing) event.preventDefault();
  missing = undefined;
});

// Menus are closed, and what was typed in secret is gone, before a page is remembered.
document.addEventListener("turbo:before-cache", () => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => { menu.open = false; });
  document.querySelectorAll("input[type=password], [data-once]").forEach((input) => { input.value = ""; });
});
