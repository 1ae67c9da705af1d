// Text as it is written in chats: *bold*, _italic_, ~struck~, ```code```, and addresses that can be followed.

import { h } from "./dom.js";

const MARKS = [
  [/```([^]+?)```/, "code"],
  [/(?<![\p{L}\p{N}*])\*(?=\S)([^*\n]*?\S)\*(?![\p{L}\p{N}*])/u, "strong"],
  [/(?<![\p{L}\p{N}_])_(?=\S)([^_\n]*?\S)_(?![\p{L}\p{N}_])/u, "em"],
  [/(?<![\p{L}\p{N}~])~(?=\S)([^~\n]*?\S)~(?![\p{L}\p{N}~])/u, "s"],
];
const ADDRESS = /https?:\/\/[^\s<>"]*[^\s<>"'.,;:!?)\]]/;

/** The nodes of a text. */
export function rich(text) {
  const address = ADDRESS.exec(text);
  const marked = MARKS.map(([mark, tag]) => [mark.exec(text), tag]).filter(([found]) => found);
  const [first, tag] = marked.sort(([a], [b]) => a.index - b.index)[0] ?? [];
  if (address && (!first || address.index <= first.index)) {
    return around(text, address, h("a", { href: address[0], target: "_blank", rel: "noopener noreferrer" }, address[0]));
  }
  if (first) return around(text, first, h(tag, {}, tag === "code" ? first[1] : rich(first[1])));
  return [text];
}

/** The text without its marks, for a line of its own. */
export function plain(text) {
  return MARKS.reduce((said, [mark]) => said.replace(new RegExp(mark.source, `g${mark.flags}`), "$1"), text);
}

/** Whether a text is a few emoji and nothing else: those are shown large. */
export function emojiOnly(text) {
  return /^(?:\p{Extended_Pictographic}(?:\uFE0F|\u200D\p{Extended_Pictographic}|\p{Emoji_Modifier})*\s*){1,3}$/u.test(text.trim());
}

function around(text, found, node) {
  const before = text.slice(0, found.index);
  const after = text.slice(found.index + found[0].length);
  return [...(before ? rich(before) : []), node, ...(after ? rich(after) : [])];
}
