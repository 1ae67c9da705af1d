// Every kind of message, in and out: each is drawn and has a name, what is said about one stands on it, what cannot be had is
// said, and what could do harm is only fetched.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { check, comes } from "./checks.mjs";

const base64 = (text) => Buffer.from(text).toString("base64");

/** What customers send, and what of it must be in sight. */
const KINDS = [
  ["text", { text: { body: "¿A qué hora cierran?" } }, "¿A qué hora cierran?"],
  ["image", { image: { caption: "Este pan" } }, "Este pan"],
  ["video", { video: {} }],
  ["audio", { audio: {} }],
  ["document", { document: { filename: "pedido.pdf" } }, "pedido.pdf"],
  ["sticker", { sticker: {} }],
  ["location", { location: { latitude: 19.43, longitude: -99.13, name: "Mi casa", address: "Calle 5" } }, "Mi casa"],
  ["contacts", { contacts: [{ name: { formatted_name: "Tía Lola", first_name: "Lola" }, phones: [{ phone: "+52 55 0000 0000" }] }] }, "Tía Lola"],
  ["interactive", { interactive: { button_reply: { id: "si", title: "Sí, confirmo" } } }, "Sí, confirmo"],
  ["interactive", { interactive: { list_reply: { id: "a", title: "Mañana", description: "a las 9" } } }, "Mañana"],
  ["interactive", { interactive: { nfm_reply: { name: "flow", body: "Enviado", response_json: '{"personas":"4"}' } } }, "4"],
  ["button", { button: { text: "Quiero uno", payload: "x" } }, "Quiero uno"],
  ["order", { order: { catalog_id: "1", text: "para hoy", product_items: [{ product_retailer_id: "concha-6", quantity: 2, item_price: 60, currency: "MXN" }] } }, "concha-6"],
  ["unsupported", {}, "no entrega a las empresas"],
  ["hologram", { hologram: { angle: 7 } }, '"angle": 7'],
  ["text", { text: { body: "por su anuncio" }, referral: { headline: "Pan de muerto", body: "Ya hay", source_url: "https://fb.me/x", source_type: "ad", source_id: "1" } }, "Pan de muerto"],
];

export async function kinds(kit) {
  const { url, simulator, number, sessions, sitDown, control, look } = kit;
  const { context, page, see } = await sitDown(look, sessions, /status of (404|410)/);
  const state = await (await fetch(`${simulator}/_sim/state`)).json();
  const at = {
    ...kit, context, page, see, other: state.businesses[0].wabas[0].numbers.find((one) => one.phone_number_id !== number).phone_number_id,
    says: (from, message, more = {}) => control("messages", { phone_number_id: number, from, ...message, ...more }),
    /** What Meta tells, word by word. */
    async hears(from, messages) {
      const value = {
        messaging_product: "whatsapp", metadata: { display_phone_number: "525585261100", phone_number_id: number },
        contacts: [{ profile: { name: "Quien edita" }, wa_id: from }], messages,
      };
      const body = JSON.stringify({ object: "whatsapp_business_account", entry: [{ id: state.businesses[0].wabas[0].id, changes: [{ field: "messages", value }] }] });
      const signature = `sha256=${createHmac("sha256", state.app.secret).update(body).digest("hex")}`;
      const answer = await fetch(state.callback_url, { method: "POST", body, headers: { "content-type": "application/json", "x-hub-signature-256": signature } });
      assert.equal(answer.status, 200);
    },
    async open(text, shown = text) {
      await page.goto(`${url}/inbox?view=all`);
      await page.locator("#list > li a", { hasText: text }).first().click();
      await page.locator(".thread", { hasText: shown }).first().waitFor();
    },
  };
  await expire(at);
  for (const step of [each, about, turned, runs, gone]) {
    const began = Date.now();
    await step(at);
    console.log(`  ${step.name} after ${Date.now() - began} ms`);
  }
  await context.close();
}

/** Messages of a page without a name, or without anything to see. */
const blank = (within) => [...within.querySelectorAll("li.message")].filter((item) => {
  const line = item.querySelector(".across");
  if (line) return !line.querySelector("bdi").textContent.trim();
  const article = item.querySelector("article");
  if (!/^.+, \d{1,2}:\d\d/.test(article.getAttribute("aria-label"))) return true;
  return ![...article.children].some((part) => !part.matches(".author, .foot, .on-message, .reactions, blockquote")
    && (part.textContent.trim() || part.matches("img, video, a.picture, .sound")));
}).map((item) => item.outerHTML.slice(0, 400));

async function each({ page, see, says, open }) {
  const from = "525555500701";
  for (const [type, content] of KINDS) await says(from, { type, ...content }, { profile_name: "De todo un poco" });
  await open("De todo un poco", "Pan de muerto");
  await page.waitForFunction((count) => document.querySelectorAll("li.message.in").length === count, KINDS.length);
  await page.waitForFunction(() => !document.querySelector("li.message .file.waits"));
  const texts = await page.locator("li.message.in").allTextContents();
  for (const [type, , shown] of KINDS) if (shown) check(36, `${type} shows ${shown}`, texts.some((text) => text.includes(shown)));
  await comes(36, "none is blank", () => page.evaluate(`(${blank})(document)`), []);
  const named = { image: "a.picture img", video: "video", audio: "audio", sticker: "img.sticker" };
  for (const [type, part] of Object.entries(named)) await comes(36, `${type} can be seen or heard`, async () => await page.locator(`li.message ${part}`).count() > 0);
  await comes(36, "an unknown type can be looked into", () => page.locator("li.message", { hasText: '"angle": 7' }).locator("details pre").count(), 1);
  // Boxes have their place before what is in them has come.
  await comes(36, "pictures have a box of their own", () => page.locator("li.message a.picture img").first().evaluate((image) => image.getBoundingClientRect().height > 40));
  await page.evaluate(() => document.querySelector("[data-scroller]").scrollTo(0, -1e6));
  await see("kinds");
  // What the demo's people wrote and were told, in all conversations.
  const pages = await page.evaluate(`(async () => {
    const blank = ${blank};
    const read = async (path) => new DOMParser().parseFromString(await (await fetch(path)).text(), "text/html");
    const rows = [...(await read("/inbox?view=all")).querySelectorAll("#list > li a")].map((row) => row.getAttribute("href"));
    const found = { blank: [], kinds: new Set() };
    for (const row of rows) {
      const page = await read(row + "&latest=1");
      found.blank.push(...blank(page));
      page.querySelectorAll("li.message.out article").forEach((one) => found.kinds.add(one.getAttribute("aria-label").split(", ").slice(2, 3)[0]));
    }
    return { rows: rows.length, blank: found.blank, kinds: [...found.kinds] };
  })()`);
  check(36, "nor in any conversation of the demo", pages.blank, []);
  assert.ok(pages.rows > 10 && pages.kinds.length >= 4, JSON.stringify(pages.kinds));
}

async function about({ page, see, hears, open }) {
  const from = "525555500702";
  const now = Math.floor(Date.now() / 1000) - 60;
  const one = (id, more, second = 0) => ({ from, id: `wamid.kinds-${id}`, timestamp: String(now + second), ...more });
  const text = (id, body, second, more = {}) => one(id, { type: "text", text: { body }, ...more }, second);
  const [reaction, edit, revoke] = ["reaction", "edit", "revoke"];
  const sets = (when, second) => {
    const id = (name) => `wamid.kinds-${name}-${when}`;
    return {
      originals: ["reacted", "edited", "deleted"].map((name, nth) => text(`${name}-${when}`, `${name} ${when}`, second + nth)),
      said: [
        one(`r-${when}`, { type: reaction, reaction: { message_id: id("reacted"), emoji: "👍" } }, second + 10),
        one(`e-${when}`, { type: edit, edit: { original_message_id: id("edited"), message: { type: "text", text: { body: `mended ${when}` } } } }, second + 11),
        one(`d-${when}`, { type: revoke, revoke: { original_message_id: id("deleted") } }, second + 12),
        text(`a-${when}`, `answer ${when}`, second + 13, { context: { from, id: id("reacted") } }),
      ],
    };
  };
  const [behind, before] = [sets("behind", 0), sets("before", 20)];
  await hears(from, [text("first", "para empezar", -5)]);
  for (const message of [...behind.originals, ...behind.said, ...before.said, ...before.originals]) await hears(from, [message]);
  await open("Quien edita", "para empezar");
  const bubble = (name, when) => page.locator("li.message", { hasText: `${name} ${when}` });
  for (const when of ["behind", "before"]) {
    await bubble("reacted", when).first().waitFor();
    await bubble("mended", when).first().waitFor();
    await comes(37, `a reaction ${when}`, () => page.locator("li.message.in:has(.reactions)", { hasText: `reacted ${when}` }).locator(".reactions", { hasText: "👍" }).count(), 1);
    await comes(37, `an edit ${when}`, async () => [await bubble("mended", when).getByText("editado").count(), await page.getByText(`edited ${when}`, { exact: true }).count()], [1, 0]);
    await comes(37, `a deletion ${when}`, () => page.getByText(`deleted ${when}`).count(), 0);
    await comes(37, `an answer ${when}`, () => bubble("answer", when).locator("blockquote", { hasText: `reacted ${when}` }).count(), 1);
  }
  await comes(37, "what was deleted says so", () => page.locator("li.message", { hasText: "Mensaje eliminado" }).count(), 2);
  await see("about");
}

/** On another number, Meta has no file any more, or another one than it says. That this stays so takes a while to know. */
async function expire({ control, other }) {
  const says = (from, message) => control("messages", { phone_number_id: other, from, profile_name: "Sin archivos", ...message });
  await control("faults", { kind: "media_wrong_hash", phone_number_id: other });
  await says("525555500703", { type: "image", image: { caption: "foto cambiada" } });
  await control("faults", { kind: "media_expired", phone_number_id: other });
  await says("525555500703", { type: "image", image: { caption: "foto que caducó" } });
}

async function gone({ page, see, simulator, open }) {
  await open("Sin archivos", "foto que caducó");
  const lost = page.locator("li.message .file.gone");
  await lost.nth(1).waitFor({ timeout: 90_000 });
  await fetch(`${simulator}/_sim/faults`, { method: "DELETE" });
  const words = await lost.allTextContents();
  check(39, "in words", [words.length, words.every((said) => said.trim().length > 20)], [2, true]);
  const broken = await page.evaluate(() => [...document.querySelectorAll(".messages img")].filter((image) => image.complete && !image.naturalWidth).length);
  check(39, "no broken picture", broken, 0);
  await see("gone");
}

async function turned({ page, see, says, open }) {
  const from = "525555500704";
  const rows = async () => page.locator("#list > li > a").evaluateAll((all) => all.map((row) => [row.offsetWidth, row.offsetHeight].join()));
  await says("525555500705", { type: "text", text: { body: "vecina" } }, { profile_name: "Vecina Normal" });
  await page.goto(new URL("/inbox?view=all", page.url()).href);
  const neighbour = () => page.locator("#list > li", { hasText: "Vecina Normal" }).evaluate((row) => [".name bdi", "time", ".preview"].map((part) => {
    const { left, width, height } = row.querySelector(part).getBoundingClientRect();
    return [left, width, height].map(Math.round);
  }));
  const before = await neighbour();
  await says(from, { type: "text", text: { body: "مرحبا، أريد خبزا 3 قطع" } }, { profile_name: "\u202eعمر حسن" });
  await says(from, { type: "text", text: { body: "שלום world עולם" } });
  await says(from, { type: "document", document: { filename: "factura\u202egpj.exe", mime_type: "application/octet-stream", data: base64("MZ") } });
  await says(from, { type: "text", text: { body: "hola \u202eoirártnoc" } });
  await page.goto(new URL("/inbox?view=all", page.url()).href);
  check(49, "the row beside it is as it was", await neighbour(), before);
  await comes(49, "each row is as large as the others", async () => new Set(await rows()).size, 1);
  await open("عمر", "مرحبا");
  const arabic = page.locator("li.message", { hasText: "مرحبا" });
  const found = await arabic.evaluate((item) => ({
    direction: getComputedStyle(item.querySelector(".text")).direction,
    foot: getComputedStyle(item.querySelector(".foot")).direction,
    article: item.querySelector("article").getBoundingClientRect().left,
  }));
  const latin = await page.locator("li.message.in", { hasText: "hola" }).evaluate((item) => item.querySelector("article").getBoundingClientRect().left);
  check(49, "its text runs from the right, its bubble and its foot stay", [found.direction, found.foot, Math.round(found.article)], ["rtl", "ltr", Math.round(latin)]);
  await comes(49, "Hebrew too", () => page.locator("li.message .text", { hasText: "שלום" }).evaluate((text) => getComputedStyle(text).direction), "rtl");
  const file = page.locator("li.message a.file bdi", { hasText: "factura" });
  await file.waitFor();
  await comes(49, "a file ends as it seems to", () => file.textContent(), "facturagpj.exe");
  const name = await page.locator(".thread h2 bdi").textContent();
  assert.ok(name.includes("عمر"));
  await see("turned");
}

async function runs({ page, context, says, open }) {
  const from = "525555500706";
  const evil = "<script>window.top.hit = 1; window.hit = 1</script>";
  const files = [
    ["x.svg", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" onload="window.hit=1">${evil}</svg>`],
    ["x.html", "text/html", `<!DOCTYPE html>${evil}`],
  ];
  for (const [filename, mime_type, text] of files) await says(from, { type: "document", document: { filename, mime_type, data: base64(text) } }, { profile_name: "Con páginas" });
  await open("Con páginas", "x.html");
  await page.locator("a.file", { hasText: "x.html" }).waitFor();
  for (const [filename] of files) {
    const link = page.locator("a.file", { hasText: filename });
    const href = await link.getAttribute("href");
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    check(51, `${filename} is fetched`, download.suggestedFilename().startsWith("x."), true);
    const headers = await page.evaluate(async (path) => {
      const { headers } = await fetch(path);
      return ["content-disposition", "x-content-type-options", "content-security-policy"].map((name) => headers.get(name));
    }, href);
    check(51, `${filename} is nothing that a browser opens`, [/^attachment/.test(headers[0]), headers[1]], [true, "nosniff"]);
    // Whoever follows its address all the same.
    const other = await context.newPage();
    await other.goto(new URL(href, page.url()).href).catch(() => {});
    check(51, `${filename} never runs`, await other.evaluate(() => window.hit !== undefined).catch(() => false), false);
    await other.close();
  }
  check(51, "nor here", await page.evaluate(() => window.hit !== undefined), false);
}
