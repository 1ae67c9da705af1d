// Sheets: they rise over the screen, hold the focus, and go with Escape or a tap beside them.

import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./words.js";

let closeOpen = null;

/** Opens a sheet and closes another one; answers how to close it. `content` is given that function too. */
export function sheet(title, content, className = "") {
  closeOpen?.();
  const before = document.activeElement;
  const screen = document.getElementById("screen");
  const side = document.getElementById("side");
  const host = document.getElementById("sheets");
  const close = () => {
    if (closeOpen !== close) return;
    closeOpen = null;
    screen.inert = side.inert = false;
    document.removeEventListener("keydown", escape);
    fill(host);
    if (before?.isConnected) before.focus();
  };
  const escape = (event) => event.key === "Escape" && close();
  const dismiss = h("button", { class: "icon-button", type: "button", "aria-label": t("close"), onclick: () => close() }, icon("close"));
  const head = h("header", { class: "sheet-head" }, h("h2", { id: "sheet-title" }, title), dismiss);
  const body = h("div", { class: "sheet-body" });
  const panel = h("div", { class: `sheet ${className}`, role: "dialog", "aria-modal": "true", "aria-labelledby": "sheet-title", tabindex: "-1" }, head, body);
  closeOpen = close;
  fill(body, content(close));
  fill(host, h("div", { class: "scrim", onclick: () => close() }), panel);
  screen.inert = side.inert = true;
  document.addEventListener("keydown", escape);
  (panel.querySelector("[autofocus]") ?? panel).focus();
  return close;
}

/** Closes whatever sheet is open. */
export const closeSheet = () => closeOpen?.();

/** A labelled field of a form. */
export function field(label, control, hint = null) {
  return h("label", { class: "field" }, h("span", { class: "field-label" }, label), control, hint && h("span", { class: "hint" }, hint));
}

/** A form that sends when it is right; what goes wrong is said in it. */
export function form(submit, label, ...children) {
  const trouble = h("p", { class: "trouble", role: "alert" });
  const onsubmit = async (event) => {
    event.preventDefault();
    try {
      await submit(new FormData(event.target));
    } catch (error) {
      fill(trouble, error.message);
    }
  };
  return h("form", { class: "form", onsubmit }, ...children, trouble, h("button", { class: "primary", type: "submit" }, label));
}
