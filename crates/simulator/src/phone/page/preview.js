// A message in one line: for lists, quotes and those who hear the page.

import { plain } from "./text.js";
import { t } from "./words.js";

/** The line. */
export function preview(message) {
  if (message.deleted) return t("deleted");
  const { kind, content, rendered } = message;
  const captioned = (sign, word) => `${sign} ${plain(content?.caption ?? "") || t(word)}`;
  switch (kind) {
    case "text": return plain(content.body);
    case "image": return captioned("📷", "photo");
    case "video": return captioned("🎬", "video");
    case "audio": return `🎤 ${t(content.voice ? "voice-note" : "audio")}`;
    case "document": return `📄 ${content.filename ?? message.media?.filename ?? t("document")}`;
    case "sticker": return `🙂 ${t("sticker")}`;
    case "location": return `📍 ${content.name || t("location")}`;
    case "contacts": return `👤 ${content[0]?.name?.formatted_name ?? t("contact")}`;
    case "button": return content.text;
    case "order": return `🛒 ${t("order", { count: content.product_items?.length ?? 0 })}`;
    case "template": return plain(textOf(rendered?.body)) || textOf(rendered?.header) || content?.name || t("template");
    case "interactive": return interactive(content);
    case "system": return content.body ?? t("system");
    case "unsupported": return t("unsupported");
    default: return t("other", { kind });
  }
}

/** A text that may stand alone or below `text`. */
export function textOf(value) {
  return typeof value === "string" ? value : (value?.text ?? "");
}

function interactive(content) {
  const reply = content[content.type];
  if (content.type === "nfm_reply") return `📝 ${t("form-sent")}`;
  if (content.type === "call_permission_reply") return t(reply?.response === "accept" ? "calls-accepted" : "calls-declined");
  return reply?.title ?? (plain(textOf(content.body)) || textOf(content.header) || t("other", { kind: content.type }));
}
