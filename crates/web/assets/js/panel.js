// The contact panel: a column beside the thread where there is room, a dialog above it where there is less. On a phone, and
// without this, it is a page of its own.
const wide = matchMedia("(min-width: 1180px)");
const phone = matchMedia("(max-width: 719px)");

const dialog = () => document.querySelector("#panel-dialog");
const link = () => document.querySelector("[data-thread] [data-panel]");

/** Whether it was shown here; where not, whoever asked goes to its page. */
export function togglePanel() {
  const panel = dialog();
  const leads = link();
  if (!panel || !leads) return false;
  if (panel.open) panel.close();
  else if (phone.matches) return false;
  else {
    panel.querySelector("turbo-frame").src = leads.href;
    if (wide.matches) panel.show();
    else panel.showModal();
  }
  tell();
  return true;
}

/** Whoever hears the page is told whether it is open. */
function tell() {
  link()?.setAttribute("aria-expanded", String(Boolean(dialog()?.open)));
}

// Escape closes it too; a closing does not bubble.
document.addEventListener("close", ({ target }) => {
  if (target !== dialog()) return;
  tell();
  // What led here may have been drawn anew meanwhile.
  if (document.activeElement === document.body) link()?.focus();
}, true);

document.addEventListener("click", (event) => {
  const asks = event.target.closest("[data-panel], [data-close-panel]");
  if (!asks || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (asks.matches("[data-close-panel]") && !asks.closest("dialog")) return;
  if (togglePanel()) event.preventDefault();
  if (asks.matches("[data-close-panel]")) link()?.focus();
}, true);

// Whoever goes on to another conversation sees whom that is with.
document.addEventListener("turbo:frame-load", ({ target }) => {
  const conversation_id = document.querySelector("[data-thread]")?.dataset.thread;
  // A name that was given there shows in the list.
  if (target.id === "panel" && conversation_id) document.dispatchEvent(new CustomEvent("inbox:changed", { detail: { conversation_id } }));
  if (target.id !== "thread") return;
  tell();
  if (!dialog()?.open) return;
  const leads = link();
  if (leads) dialog().querySelector("turbo-frame").src = leads.href;
  else dialog().close();
});
document.addEventListener("turbo:before-cache", () => {
  const panel = dialog();
  if (!panel) return;
  panel.close();
  panel.querySelector("turbo-frame").replaceChildren();
});
