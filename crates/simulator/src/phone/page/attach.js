// Everything that is sent beside words: pictures, documents, places, people, stickers.

import { upload } from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { COUNTRIES, phone, somebody } from "./people.js";
import { field, form, sheet } from "./sheet.js";
import { t } from "./words.js";

/** Phones make pictures no larger than this before they send them. */
const LONGEST_SIDE = 1600;

const PLACES = [
  { name: "Zócalo", address: "Plaza de la Constitución, Ciudad de México", latitude: 19.4326, longitude: -99.1332 },
  { name: "Obelisco", address: "Av. 9 de Julio, Buenos Aires", latitude: -34.6037, longitude: -58.3816 },
  { name: "MASP", address: "Av. Paulista 1578, São Paulo", latitude: -23.5614, longitude: -46.6559 },
  { name: "Dolores Park", address: "19th & Dolores, San Francisco", latitude: 37.7596, longitude: -122.4269 },
];

/** Opens the menu of what can be attached. */
export function attachSheet(chat) {
  sheet(t("attach"), (close) => {
    const entry = (name, key, act) => h("button", { type: "button", class: "attach-entry", onclick: () => { close(); act(); } }, h("span", { class: `attach-icon at-${name}` }, icon(name)), t(key));
    return h("div", { class: "attach-grid" },
      entry("image", "photo-or-video", () => choose("image/*,video/*", (file) => pictureSheet(chat, file))),
      entry("file", "document", () => choose("", (file) => sendFile(chat, "document", file, { filename: file.name }))),
      entry("pin", "location", () => placeSheet((location) => chat.send({ type: "location", location }))),
      entry("user", "contact", () => personSheet(chat)),
      entry("mic", "audio", () => choose("audio/*", (file) => sendFile(chat, "audio", file))),
      entry("smile", "sticker", () => chat.send({ type: "sticker", sticker: {} })));
  });
}

/** Lets one pick a file. */
export function choose(accept, chosen) {
  const input = h("input", { type: "file", accept: accept || null, class: "spoken", tabindex: "-1", "aria-hidden": "true" });
  input.addEventListener("change", () => { if (input.files[0]) chosen(input.files[0]); input.remove(); });
  input.addEventListener("cancel", () => input.remove());
  document.getElementById("sheets").append(input);
  input.click();
}

/** Hands a file over, then sends it. */
export async function sendFile(chat, kind, file, more = {}) {
  return chat.deliver(kind, { ...more, preview: URL.createObjectURL(file) }, async () => ({ ...more, id: await upload(chat.number, file, file.name) }));
}

/** Shows a picture before it is sent, and takes its caption. */
export async function pictureSheet(chat, file) {
  const moving = file.type.startsWith("video/");
  const made = moving ? file : await photo(file);
  if (!made) return sendFile(chat, "document", file, { filename: file.name });
  const url = URL.createObjectURL(made);
  const shown = moving ? h("video", { class: "chosen", src: url, controls: true, "aria-label": t("video") }) : h("img", { class: "chosen", src: url, alt: t("photo") });
  sheet(t(moving ? "video" : "photo"), (close) => form((data) => {
    const caption = data.get("caption").trim();
    close();
    return sendFile(chat, moving ? "video" : "image", made, caption ? { caption } : {});
  }, t("send"), shown, field(t("caption"), h("input", { name: "caption", maxlength: "1024", autocomplete: "off", autofocus: true }))));
}

/** A picture as phones send it, JPEG or PNG; null where the browser can't read it. */
async function photo(file) {
  const drawn = await createImageBitmap(file).catch(() => null);
  if (!drawn) return null;
  const scale = Math.min(1, LONGEST_SIDE / Math.max(drawn.width, drawn.height));
  if (scale === 1 && ["image/jpeg", "image/png"].includes(file.type)) return file;
  const canvas = h("canvas", { width: Math.round(drawn.width * scale), height: Math.round(drawn.height * scale) });
  canvas.getContext("2d").drawImage(drawn, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob((blob) => done(blob && new File([blob], "photo.jpg", { type: "image/jpeg" })), "image/jpeg", 0.86));
}

/** Takes a place: one of a few, or any. */
export function placeSheet(send) {
  const input = (name, more) => h("input", { name, autocomplete: "off", ...more });
  sheet(t("location"), (close) => [
    h("div", { class: "rows" }, PLACES.map((place) => h("button", { type: "button", class: "row", onclick: () => { close(); send(place); } }, h("span", { class: "tile" }, icon("pin")), h("span", { class: "lines" }, h("b", {}, place.name), h("small", {}, place.address))))),
    form((data) => {
      const location = { latitude: Number(data.get("latitude")), longitude: Number(data.get("longitude")) };
      if (data.get("name")) location.name = data.get("name");
      close();
      return send(location);
    }, t("send"),
    h("h3", {}, t("another-place")),
    field(t("place-name"), input("name", { maxlength: "100" })),
    h("div", { class: "pair" },
      field(t("latitude"), input("latitude", { type: "number", step: "any", min: "-90", max: "90", required: true })),
      field(t("longitude"), input("longitude", { type: "number", step: "any", min: "-180", max: "180", required: true })))),
  ]);
}

function personSheet(chat) {
  const made = somebody(chat.data.customer.country in COUNTRIES ? chat.data.customer.country : "MX");
  sheet(t("contact"), (close) => form((data) => {
    const name = data.get("name").trim();
    const written = data.get("phone").trim();
    close();
    return chat.send({ type: "contacts", contacts: [{ name: { formatted_name: name, first_name: name.split(" ")[0] }, phones: [{ phone: written, type: "CELL", wa_id: written.replace(/\D/g, "") }], origin: "other" }] });
  }, t("send"),
  field(t("name"), h("input", { name: "name", required: true, value: made.name, autocomplete: "off" })),
  field(t("phone"), h("input", { name: "phone", type: "tel", required: true, value: phone(made.phone.replace(/\D/g, "")), autocomplete: "off" }))));
}
