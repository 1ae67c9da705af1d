// Files that go with what is written: chosen, pasted or dropped, looked at before they leave, and brought to the server one
// by one. Each becomes a message with an id of its own. Until its bytes are here, a file waits in this page alone.
import { $, box, chosen, flush, giveBack, inbox, outbox, over, pend, sendBy, submit, takeOut, thread, uuid7 } from "./inbox.js";
import { isEndHere } from "./reading.js";

const AT_ONCE = 3;
const TRIES = 8;
const STALLED = 30_000; // So long without a byte, and the line is taken for cut.

/** What waits in each conversation's tray. */
const trays = new Map();
/** What is on its way to the server, in its order. */
let going = [];

const open = () => thread()?.dataset.thread;
const composer = () => $("[data-composer]");
const tray = (conversation = open()) => trays.get(conversation) ?? [];
const keep = (items, conversation = open()) => { if (items.length) trays.set(conversation, items); else trays.delete(conversation); draw(); };

// --- What can be sent ----------------------------------------------------------------------------------------------------

/** The server's own table: kinds, the types of each, and how large they may be. */
const kinds = () => JSON.parse(composer().dataset.takes);

const size = (bytes) => {
  const [value, unit] = bytes < 1024 ** 2 ? [Math.max(1, Math.floor(bytes / 1024)), "KB"] : [bytes / 1024 ** 2, "MB"];
  return `${new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 }).format(value)} ${unit}`;
};

/** As what it is sent. What has no type is for the server to look at. */
function kindOf({ file, media, asDocument }) {
  const all = kinds();
  const document = all.find(({ kind }) => kind === "document");
  const own = all.find(({ types }) => types.includes(file?.type));
  if (media || asDocument || !file.type) return document;
  return own;
}

/** What is wrong with a file, and what can be done about it. */
function problem(item) {
  const { file, media } = item;
  if (media) return undefined;
  const isPicture = file.type.startsWith("image/");
  if (!file.size) return { wrong: "empty", offers: [] };
  // WhatsApp measures a file by what it is, also where it is sent as a document.
  const kind = kinds().find(({ types }) => types.includes(file.type)) ?? kindOf(item);
  if (!kind) return { wrong: "notTaken", offers: isPicture ? ["convert"] : [] };
  if (file.size <= kind.most) return undefined;
  return { wrong: isPicture ? "bigPicture" : "big", most: kind.most, offers: isPicture ? ["shrink"] : [] };
}

/** The same picture as a JPEG that is small enough; fails where the browser cannot read it. */
async function shrunk(file) {
  const { most } = kinds().find(({ kind }) => kind === "image");
  const picture = await createImageBitmap(file);
  for (let longest = 2560; longest >= 320; longest = Math.round(longest * 0.7)) {
    const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    const context = canvas.getContext("2d");
    context.fillStyle = "white"; // JPEG has nothing to see through.
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const made = await new Promise((done) => { canvas.toBlob(done, "image/jpeg", 0.85); });
    if (made && made.size <= most) return new File([made], `${file.name.replace(/\.[^.]*$/, "")}.jpg`, { type: "image/jpeg" });
  }
  throw new Error("no size is small enough");
}

// --- The tray ------------------------------------------------------------------------------------------------------------

const named = (item) => item.file?.name ?? item.name;

/** A small picture of it, if it is one. Its address lives as long as the file. */
function showThumb(place, item) {
  if (!item.file?.type.startsWith("image/")) return;
  item.url ??= URL.createObjectURL(item.file);
  const image = new Image();
  image.alt = "";
  image.onerror = () => image.remove();
  image.src = item.url;
  place.append(image);
}

function forget(item) {
  if (item.url) URL.revokeObjectURL(item.url);
  item.url = undefined;
}

function describe(element, item) {
  $("[data-name]", element).textContent = named(item);
  $("[data-size]", element).textContent = item.file ? size(item.file.size) : "";
  showThumb($(".thumb", element), item);
}

function drawItem(item) {
  const element = $("[data-tray-item]").content.firstElementChild.cloneNode(true);
  describe(element, item);
  const remove = $("[data-remove]", element);
  remove.ariaLabel = remove.ariaLabel.replace("{n}", named(item));
  remove.onclick = () => { forget(item); keep(tray().filter((other) => other !== item)); box()?.focus(); };
  const found = problem(item);
  const wrong = $("[data-wrong]", element);
  if (!found) { offerDocument(element, item); return element; }
  wrong.hidden = false;
  const words = item.cannotShrink ? wrong.dataset.noShrink : wrong.dataset[found.wrong];
  wrong.textContent = words.replace("{s}", size(item.file.size)).replace("{m}", found.most ? size(found.most) : "").replace("{t}", item.file.type);
  if (item.asked) wrong.textContent += ` ${wrong.dataset.choose}`;
  const offers = item.cannotShrink ? [] : found.offers;
  $(".choices", element).hidden = !offers.length;
  for (const offer of offers) {
    const button = $(`[data-${offer}]`, element);
    button.hidden = false;
    button.onclick = () => decide(item, button);
  }
  return element;
}

/** A picture or a film can go as a document, as it is. */
function offerDocument(element, item) {
  const kind = kinds().find(({ types }) => types.includes(item.file?.type));
  if (!kind?.caption || kind.kind === "document") return;
  const button = $("[data-as-document]", element);
  $(".choices", element).hidden = false;
  button.hidden = false;
  button.ariaPressed = String(Boolean(item.asDocument));
  button.onclick = () => {
    item.asDocument = !item.asDocument;
    draw();
    $(`[data-tray] li:nth-child(${tray().indexOf(item) + 1}) [data-as-document]`)?.focus();
  };
}

/** A picture is made smaller, or one that WhatsApp takes, and what is in the tray is sent. */
async function decide(item, button) {
  button.disabled = true;
  const form = composer();
  const small = await shrunk(item.file).catch(() => undefined);
  if (!small) item.cannotShrink = true;
  else { forget(item); item.file = small; }
  draw();
  if (composer() === form && !tray().some(problem)) form.requestSubmit(chosen(form));
}

function draw() {
  const place = $("[data-tray]");
  if (!place) return;
  const items = tray();
  place.hidden = !items.length;
  $("ul", place).replaceChildren(...items.map(drawItem));
  $("[data-files]").multiple = true;
}

function add(files) {
  if (!composer() || !files.length) return;
  keep([...tray(), ...[...files].map((file) => ({ file }))]);
  box().focus();
}

document.addEventListener("change", ({ target }) => {
  if (!target.matches?.("[data-files]")) return;
  add(target.files);
  target.value = "";
});

document.addEventListener("paste", (event) => {
  const isElsewhere = event.target !== box() && event.target.matches?.("input, textarea, [contenteditable]");
  // What a spreadsheet copies is a text, and a picture of it too.
  if (!composer() || isElsewhere || event.clipboardData.getData("text/plain") || !event.clipboardData.files.length) return;
  event.preventDefault();
  add(event.clipboardData.files);
});

const hasFiles = (event) => inbox() && event.dataTransfer?.types.includes("Files");
function showDrop(isOver) {
  const words = $("[data-drop]");
  if (words) words.hidden = !isOver || !composer();
}
document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  // Beside the conversation nothing is dropped: a browser would open it in place of the page.
  event.preventDefault();
  const isThere = Boolean(composer() && event.target.closest?.("[data-thread]"));
  event.dataTransfer.dropEffect = isThere ? "copy" : "none";
  showDrop(isThere);
});
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) showDrop(false); });
document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  showDrop(false);
  if (event.target.closest?.("[data-thread]")) add(event.dataTransfer.files);
});

// --- Sending -------------------------------------------------------------------------------------------------------------

// Before whoever sends texts hears of it.
window.addEventListener("submit", (event) => {
  if (!event.target.matches?.("[data-composer]") || !tray().length) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  sendBy(event, send);
}, true);

function send(form) {
  const items = tray();
  const undecided = items.find(problem);
  if (undecided) {
    undecided.asked = true;
    draw();
    const element = $(`[data-tray] li:nth-child(${items.indexOf(undecided) + 1})`);
    ($(".choices button:not([hidden])", element) ?? $("[data-remove]", element)).focus();
    return false;
  }
  // The words go with the first file that can carry some; with none, behind them.
  const carrier = items.find((item) => kindOf(item).caption);
  const conversation = open();
  const words = carrier ? "" : box().value;
  if (!carrier) box().value = "";
  const first = takeOut(form);
  keep([]);
  items.forEach((item, nth) => {
    const params = new URLSearchParams(first.params);
    const id = nth ? uuid7() : first.id;
    const text = item === carrier ? first.text : "";
    const more = { id, body: text, as: item.asDocument ? "document" : "", ...(nth ? { reply: "" } : {}) };
    for (const [name, value] of Object.entries(more)) params.set(name, value);
    const entry = { ...first, id, text, file: named(item), params, conversation };
    going.push({ ...item, entry, state: item.media ? "here" : "next", tries: 0, progress: 0 });
  });
  drawGoing();
  handOn();
  if (!words.trim()) return true;
  box().value = words;
  return submit(form);
}

const bubble = ({ entry }) => document.getElementById(`m-${entry.id}`);

/** What is on its way in the open conversation stands there. */
function drawGoing() {
  if (!isEndHere()) return;
  for (const one of going) {
    if (one.entry.conversation !== open() || !composer() || bubble(one)) continue;
    const element = $("[data-pending-file]").content.firstElementChild.cloneNode(true);
    describe(element, one);
    const text = $(".text", element);
    text.hidden = !one.entry.text;
    text.textContent = one.entry.text;
    $("[data-cancel]", element).onclick = () => cancel(one);
    $("[data-retry]", element).onclick = () => again(one);
    pend(one.entry.id, element);
    show(one);
  }
}

function show(one) {
  const element = bubble(one);
  if (!element?.classList.contains("pending")) return;
  const wrong = $("[data-wrong]", element);
  $("progress", element).value = one.progress;
  $("progress", element).hidden = one.state === "failed";
  $(".foot", element).hidden = one.state === "failed";
  $("[data-retry]", element).hidden = one.state === "going" || one.state === "next";
  wrong.hidden = !["waits", "failed"].includes(one.state);
  wrong.textContent = one.state === "failed" ? wrong.dataset.failed.replace("{w}", one.why) : wrong.dataset.waiting;
}

function turn(one, state, why) {
  Object.assign(one, { state, why });
  show(one);
  handOn();
}

function cancel(one) {
  going = going.filter((other) => other !== one);
  clearTimeout(one.timer);
  one.request?.abort();
  forget(one);
  giveBack({ ...one.entry, params: undefined });
  handOn();
}

function again(one) {
  clearTimeout(one.timer);
  one.tries = 0;
  turn(one, "next");
}

/** What is here goes on as a message, in the order in which it was sent; what is not is brought here. */
function handOn() {
  const held = new Set();
  for (const one of [...going]) {
    const { conversation } = one.entry;
    if (one.state !== "here") { if (one.state !== "failed") held.add(conversation); continue; }
    if (held.has(conversation)) continue;
    going = going.filter((other) => other !== one);
    one.entry.params.set("media", one.media);
    $(".on-its-way", bubble(one) ?? document.createElement("p"))?.remove();
    outbox.add({ ...one.entry, params: String(one.entry.params), media: one.media, at: Date.now() });
    forget(one);
    flush();
  }
  const room = AT_ONCE - going.filter(({ state }) => state === "going").length;
  going.filter(({ state }) => state === "next").slice(0, Math.max(0, room)).forEach(bring);
}

function bring(one) {
  const request = new XMLHttpRequest();
  const body = new FormData();
  body.set("file", one.file, one.file.name);
  Object.assign(one, { request, state: "going", progress: 0 });
  const heard = () => { clearTimeout(one.timer); one.timer = setTimeout(() => request.abort(), STALLED); };
  request.open("POST", `/inbox/${one.entry.conversation}/files`);
  request.responseType = "json";
  request.upload.onprogress = ({ loaded, total }) => { heard(); one.progress = loaded / total; show(one); };
  request.onload = () => { clearTimeout(one.timer); arrived(one, request); };
  request.onerror = () => wait(one);
  request.onabort = () => { if (going.includes(one)) wait(one); };
  heard();
  request.send(body);
  show(one);
}

function arrived(one, { status, response, responseURL }) {
  if (status === 201) { one.media = response.id; turn(one, "here"); return; }
  if (!responseURL.endsWith("/files")) {
    over();
    turn(one, "failed", inbox()?.dataset.over ?? "");
    return;
  }
  // Not now: the same is tried again, later each time.
  if (status < 500 && status !== 429 || one.tries === TRIES) { turn(one, "failed", response?.why ?? `HTTP ${status}`); return; }
  wait(one);
}

/** The line is cut, or the server busy. */
function wait(one) {
  clearTimeout(one.timer);
  one.tries += 1;
  one.timer = setTimeout(() => turn(one, "next"), Math.min(500 * 2 ** one.tries, 10_000));
  turn(one, "waits");
}

window.addEventListener("online", () => going.filter(({ state }) => state === "waits").forEach(again));
window.addEventListener("beforeunload", (event) => {
  if (going.length) event.preventDefault();
});
// Whoever leaves takes along what they chose.
document.addEventListener("submit", ({ target }) => {
  if (target.getAttribute?.("action") !== "/logout") return;
  const left = going;
  going = [];
  left.forEach((one) => { clearTimeout(one.timer); one.request?.abort(); });
  trays.clear();
}, true);

// What was not sent waits in its tray; its bytes are here.
document.addEventListener("wazapp:given-back", ({ detail: { conversation, file, media } }) => {
  if (media) keep([...tray(conversation), { media, name: file }], conversation);
});
for (const when of ["turbo:load", "turbo:frame-load", "wazapp:composer"]) document.addEventListener(when, () => { draw(); drawGoing(); });
