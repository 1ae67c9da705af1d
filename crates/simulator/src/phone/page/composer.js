// Where the customer writes.

import { fill, h, spoken } from "./dom.js";
import { icon } from "./icons.js";
import { attachSheet, pictureSheet } from "./attach.js";
import { preview } from "./preview.js";
import { record } from "./voice.js";
import { t } from "./words.js";

/** The composer of a chat: `reply` and `edit` turn the next words into an answer or a correction. */
export function composer(chat) {
  let about = null;
  const above = h("div", { class: "about" });
  const area = h("textarea", { rows: "1", maxlength: "4096", placeholder: t("write"), "aria-label": t("write"), oninput: resize, onkeydown: key, onpaste: paste });
  const attach = h("button", { type: "button", class: "icon-button", onclick: () => attachSheet(chat) }, icon("attach"), spoken(t("attach")));
  const send = h("button", { type: "submit", class: "send" });
  const row = h("form", { class: "composer", onsubmit: submit }, attach, area, send);
  const root = h("div", { class: "writing" }, above, row);

  function resize() {
    area.rows = Math.min(5, area.value.split("\n").length);
    const words = area.value.trim() !== "";
    if (send.dataset.words !== String(words)) {
      send.dataset.words = String(words);
      fill(send, icon(words ? "send" : "mic"), spoken(t(words ? "send" : "record")));
    }
  }

  function key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (area.value.trim()) row.requestSubmit();
    } else if (event.key === "Escape" && about) {
      drop();
    }
  }

  function paste(event) {
    const file = [...(event.clipboardData?.files ?? [])].find((pasted) => pasted.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    pictureSheet(chat, file);
  }

  function submit(event) {
    event.preventDefault();
    const body = area.value.trim();
    if (!body) return record(chat, row, () => { fill(row, attach, area, send); resize(); });
    const { kind, message } = about ?? {};
    area.value = "";
    drop();
    resize();
    if (kind === "edit") return chat.send(edited(message, body));
    const context = kind === "reply" ? { context: { id: message.wamid } } : {};
    return chat.send({ type: "text", text: { body }, ...context });
  }

  function drop() {
    if (about?.kind === "edit") area.value = "";
    about = null;
    fill(above);
    resize();
  }

  function turn(kind, message, words) {
    about = { kind, message };
    const away = h("button", { type: "button", class: "icon-button", onclick: () => { drop(); area.focus(); } }, icon("close"), spoken(t("close")));
    const who = kind === "edit" ? t("edit") : message.from === "from_customer" ? t("you") : chat.data.number.name;
    fill(above, h("div", { class: "about-inner" }, h("p", { class: "quote" }, h("b", {}, who), h("span", {}, preview(message))), away));
    if (words !== undefined) area.value = words;
    resize();
    area.focus();
  }

  resize();
  // Nothing is written before the chat is there to show it.
  const wait = (waits) => { root.inert = waits; area.disabled = waits; };
  wait(true);
  return {
    root,
    ready: () => wait(false),
    focus: () => area.focus(),
    /** Shows in its place why nothing can be written; null: it can. */
    bar: (notice) => notice ? fill(root, notice) : root.contains(row) || fill(root, above, row),
    reply: (message) => turn("reply", message),
    edit: (message) => turn("edit", message, message.content.body ?? message.content.caption ?? ""),
  };
}

/** The whole message as it is now (§4.2). */
function edited(message, words) {
  const content = message.kind === "text" ? { body: words } : { caption: words };
  return { type: "edit", edit: { original_message_id: message.wamid, message: { type: message.kind, [message.kind]: content } } };
}
