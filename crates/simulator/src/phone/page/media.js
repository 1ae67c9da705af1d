// Media in bubbles.

import { fill, h, spoken } from "./dom.js";
import { drawing, icon } from "./icons.js";
import { duration, size, t } from "./words.js";

/** Where a medium is; null where Meta has none. */
export function source(content) {
  if (content?.preview) return content.preview;
  return content?.id ? `/_phone/media/${encodeURIComponent(content.id)}` : null;
}

/** A picture; a placeholder where there is none. */
export function picture(content, words) {
  const url = source(content);
  if (!url) return missing("image");
  const image = h("img", { class: "picture", src: url, alt: words || t("photo"), onerror: () => image.replaceWith(missing("image")) });
  return h("a", { class: "picture-link", href: url, target: "_blank", rel: "noopener" }, image);
}

/** A moving picture. */
export function film(content) {
  const url = source(content);
  if (!url) return missing("image");
  return h("video", { class: "picture", src: url, controls: true, preload: "metadata", playsinline: true, "aria-label": t("video") });
}

/** A sticker. */
export function sticker(content) {
  const url = source(content);
  return url ? h("img", { class: "sticker", src: url, alt: t("sticker") }) : missing("smile");
}

/** A document to be opened. */
export function paper(content, medium) {
  const name = content.filename ?? medium?.filename ?? t("document");
  const kind = (name.includes(".") ? name.split(".").pop() : (medium?.mime_type ?? "").split("/").pop()).toUpperCase().slice(0, 5);
  const facts = [kind, medium && size(medium.size)].filter(Boolean).join(" · ");
  const inside = [h("span", { class: "tile" }, icon("file")), h("span", { class: "lines" }, h("b", {}, name), h("small", {}, facts))];
  const url = source(content);
  return url ? h("a", { class: "row-card", href: url, download: name }, inside) : h("div", { class: "row-card" }, inside);
}

/** A header of an interactive message or a template: a text or a medium. */
export function header(content) {
  if (!content) return null;
  if (typeof content === "string") return h("p", { class: "card-title" }, content);
  const kind = (content.type ?? content.format ?? "").toLowerCase();
  const inside = content[kind] ?? content.media ?? content;
  switch (kind) {
    case "image": return picture(inside, "");
    case "video": return film(inside);
    case "document": return paper(inside, null);
    case "location": return map(inside);
    default: return content.text ? h("p", { class: "card-title" }, content.text) : null;
  }
}

/** A place: streets that nobody lives in, a pin, and what it is called. */
export function map(place) {
  const streets = [
    ["rect", { width: 260, height: 120, class: "map-land" }],
    ["path", { d: "M0 92c60-14 90 18 150 6s80-26 110-18v40H0z", class: "map-water" }],
    ["path", { d: "M28 0l40 120M120-4l26 128M206-4l-24 128M0 34l260-18M0 74l260-16", class: "map-street" }],
    ["rect", { x: 78, y: 32, width: 44, height: 28, rx: 4, class: "map-park" }],
    ["path", { d: "M130 84s20-18 20-34a20 20 0 0 0-40 0c0 16 20 34 20 34z", class: "map-pin" }],
    ["circle", { cx: 130, cy: 50, r: 7, class: "map-hole" }],
  ];
  const at = [place.latitude, place.longitude].map((degrees) => Number(degrees).toFixed(4)).join(", ");
  return h("div", { class: "place" },
    drawing("0 0 260 120", "map", streets),
    h("p", { class: "lines" }, h("b", {}, place.name || t("location")), place.address && h("small", {}, place.address), h("small", { class: "numbers" }, at)));
}

let playing = null;

/** A voice note or another sound, with a player of its own. `heard` is called once it plays. */
export function sound(content, heard) {
  const url = source(content);
  if (!url) return missing("mic");
  const audio = new Audio();
  audio.preload = "metadata";
  audio.src = url;
  const time = h("span", { class: "sound-time" }, "0:00");
  const bars = h("span", { class: "bars", "aria-hidden": "true" }, heights(content.id ?? url).map((height) => h("i", { class: `bar-${height}` })));
  const button = h("button", { type: "button", class: "play", onclick: toggle }, icon("play"), spoken(t("play")));
  const show = () => fill(time, duration(audio.paused && !audio.currentTime ? audio.duration : audio.currentTime));
  const place = () => {
    const done = audio.duration > 0 && Number.isFinite(audio.duration) ? audio.currentTime / audio.duration : 0;
    [...bars.children].forEach((bar, at) => bar.classList.toggle("done", at < done * bars.children.length));
    show();
  };
  function toggle() {
    if (!audio.paused) return audio.pause();
    playing?.pause();
    playing = audio;
    audio.play().then(() => heard?.(), () => fill(time, t("cannot-play")));
  }
  const draw = () => fill(button, icon(audio.paused ? "play" : "pause"), spoken(t(audio.paused ? "play" : "pause")));
  audio.addEventListener("loadedmetadata", show);
  audio.addEventListener("timeupdate", place);
  audio.addEventListener("play", draw);
  audio.addEventListener("pause", draw);
  audio.addEventListener("ended", () => { audio.currentTime = 0; place(); });
  return h("div", { class: "sound" }, button, bars, time);
}

/** Heights of bars, from 1 to 8: the same for the same sound. */
function heights(seed) {
  let state = [...String(seed)].reduce((sum, letter) => (sum * 33 + letter.charCodeAt(0)) >>> 0, 5381);
  return Array.from({ length: 28 }, (_, at) => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return 1 + Math.floor((state >>> 16) % 5 + 3 * Math.abs(Math.sin(at / 3)));
  });
}

function missing(name) {
  return h("div", { class: "missing" }, icon(name), h("small", {}, t("no-medium")));
}
