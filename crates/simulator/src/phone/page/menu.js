// What can be done with a message.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { preview } from "./preview.js";
import { sheet } from "./sheet.js";
import { t } from "./words.js";

const EMOJI = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
const EDITABLE_MS = 15 * 60_000;

/** Opens the menu of a message. */
export function messageMenu(message, chat) {
  const mine = message.from === "from_customer";
  const own = message.reactions.find((reaction) => reaction.by === "from_customer")?.emoji;
  const editable = mine && (message.kind === "text" || message.content?.caption !== undefined) && Date.parse(chat.now()) - Date.parse(message.at) < EDITABLE_MS;
  sheet(t("message"), (close) => {
    const does = (act) => () => { close(); act(); };
    const react = (emoji) => chat.send({ type: "reaction", reaction: { message_id: message.wamid, emoji: emoji === own ? "" : emoji } });
    const emoji = EMOJI.map((sign) => h("button", { type: "button", class: "emoji", "aria-pressed": String(sign === own), onclick: does(() => react(sign)) }, sign));
    const entry = (name, key, act) => h("button", { type: "button", class: "entry", onclick: does(act) }, icon(name), t(key));
    return [
      h("p", { class: "excerpt" }, preview(message)),
      h("div", { class: "emoji-row", role: "group", "aria-label": t("react") }, emoji),
      h("div", { class: "entries" },
        entry("reply", "reply", () => chat.reply(message)),
        entry("copy", "copy", () => navigator.clipboard?.writeText(written(message) ?? preview(message)).catch(() => {})),
        editable && entry("edit", "edit", () => chat.edit(message)),
        mine && entry("trash", "delete", () => chat.send({ type: "revoke", revoke: { original_message_id: message.wamid } }))),
    ];
  }, "menu");
}

/** What was typed, as it was typed. */
function written({ content }) {
  return [content?.body, content?.caption].find((text) => typeof text === "string");
}
