// What one does with a message, beyond the forms of its menu.
import { $, answer, box } from "./inbox.js";

/** Copies a text, also where a page without HTTPS may not touch the clipboard itself. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

function close(menu) {
  menu.open = false;
  $("summary", menu).focus({ preventScroll: true });
}

document.addEventListener("click", async ({ target }) => {
  const copied = target.closest?.("[data-copy-text]");
  const item = target.closest?.(".on-message .item");
  if (copied) {
    await copy($(".text", copied.closest("article")).innerText);
    const status = $("#status");
    if (status) status.textContent = copied.dataset.copied;
  }
  if (!item) return;
  if (item.matches("[data-reply]")) item.closest("details").open = false;
  else close(item.closest("details"));
});

// What went wrong before is no word on what is tried now.
document.addEventListener("turbo:submit-start", () => { const alert = $("#alert"); if (alert) alert.textContent = ""; });
document.addEventListener("turbo:submit-end", ({ target }) => {
  const menu = target.closest?.(".on-message");
  if (menu) close(menu);
});

// The same menu by a long press, and by the key for menus.
document.addEventListener("contextmenu", (event) => {
  const menu = event.target.closest?.(".message article")?.querySelector(".on-message");
  if (!menu || event.pointerType === "mouse") return;
  event.preventDefault();
  menu.open = true;
  $("summary", menu).focus({ preventScroll: true });
});

// Up, in an empty composer, answers what the customer wrote last.
document.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowUp" || event.target !== box() || box().value || event.isComposing) return;
  const last = [...document.querySelectorAll("li.in [data-reply]")].at(-1);
  if (last && answer(last.dataset.reply)) event.preventDefault();
});
