// The inbox for everybody: by keys alone, by touch, large, narrow, without JavaScript, in eight tabs, back and forward, in both
// languages.

import { becomes, check, comes, soon } from "./checks.mjs";
import { WIDE, desk, make, signIn } from "./inbox_desk.mjs";
import { noise } from "./noise.mjs";

const LOOK = { ...WIDE, name: "places" };
const PHONE = { width: 390, height: 844 };

export async function places(kit) {
  const at = await desk(kit, LOOK, /ERR_|status of (401|404|409|410|503)/);
  for (const [nth, text] of ["una", "dos", "tres", "cuatro"].entries()) await at.says(`52555550091${nth}`, `plaza ${text}`, { profile_name: `Plaza ${text}` });
  await make([presses, late, wayBack, tabs, byKeys, journey, heard, wide, words, touch, plain, elsewhere, signsOut], at);
  check(52, "no page breaks its policy", at.broken, []);
  await at.context.close();
}

const middle = (all, share = 0.5) => all.toSorted((one, other) => one - other)[Math.floor(all.length * share)];

/** Rows that are pressed, one after the other. */
async function presses({ page, url }) {
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li").first().waitFor();
  const took = await page.evaluate(async () => {
    const ids = [...document.querySelectorAll("#list > li")].slice(0, 6).map((row) => row.id);
    const all = [];
    for (let nth = 0; nth < 20; nth += 1) {
      // A row is drawn anew when something of it changes.
      const row = document.querySelector(`#${ids[nth % ids.length]} > a`);
      const id = row.closest("li").id.slice(2);
      const began = performance.now();
      row.click();
      const isThere = () => document.querySelector("[data-thread]")?.dataset.thread === id && location.pathname.endsWith(id);
      while (!isThere()) await new Promise((on) => { setTimeout(on, 1); });
      await new Promise((on) => { requestAnimationFrame(() => setTimeout(on)); });
      all.push(performance.now() - began);
    }
    return all;
  });
  const [p50, p95] = [middle(took), middle(took, 0.95)];
  console.log(`check 2: a press shows a conversation after ${Math.round(p50)} ms, at the 95th of a hundred after ${Math.round(p95)}`);
  check(2, `p95 is ${Math.round(p95)} ms`, p95 < 120 * 8);
  check(58, `p50 of a press is ${Math.round(p50)} ms`, p50 < 80 * 8);
  await page.locator("#list > li > a", { hasText: "plaza una" }).click();
  await page.locator(".thread h2", { hasText: "Plaza una" }).waitFor();
  await page.waitForFunction(() => document.activeElement?.id === "body");
  await comes(2, "the box is where one writes", () => page.evaluate(() => document.activeElement.id), "body");
}

/** At the end, a tall picture that comes, and comes late. */
async function late({ page, open, control, number }) {
  await open("plaza una");
  const isAtEnd = () => page.locator("[data-scroller]").evaluate((pane) => Math.abs(pane.scrollTop) <= 1);
  for (let nth = 0; nth < 25; nth += 1) await control("messages", { phone_number_id: number, from: "525555500910", type: "text", text: { body: `relleno ${nth}.` } });
  await page.locator(".message .text", { hasText: "relleno 24." }).waitFor();
  await becomes(isAtEnd);
  await page.route(/\/media\//, async (route) => { await new Promise((on) => { setTimeout(on, 700); }); await route.continue().catch(() => {}); });
  await control("messages", { phone_number_id: number, from: "525555500910", type: "image", image: { data: noise(400).toString("base64"), mime_type: "image/png", caption: "alta" } });
  await page.locator(".message a.picture img").waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll(".message a.picture img")].every((image) => image.complete));
  check(24, "it stays at the end", await isAtEnd());
  await page.unroute(/\/media\//);
}

/** Back and forward across four conversations. */
async function wayBack({ page, url, says, row }) {
  // The stream is refused at first: what is told of it then is told all the same.
  let refused = 0;
  await page.route("**/api/v1/events/stream?*", (route) => { refused += 1; return refused > 1 ? route.continue() : route.fulfill({ status: 503, body: "" }); });
  await page.goto(`${url}/inbox?view=all`);
  await becomes(async () => refused > 1);
  await page.unroute("**/api/v1/events/stream?*");
  const ids = {};
  for (const name of ["una", "dos", "tres", "cuatro"]) {
    await row(`Plaza ${name}`).locator("a").click();
    await page.locator(".thread h2", { hasText: `Plaza ${name}` }).waitFor();
    await page.waitForFunction(() => location.pathname.split("/")[2] === document.querySelector("[data-thread]").dataset.thread);
    ids[name] = await page.evaluate(() => document.querySelector("[data-thread]").dataset.thread);
  }
  await says("525555500911", "mientras tanto");
  const agrees = (name, way) => {
    const open = () => page.evaluate(() => ({
      address: location.pathname.split("/")[2], thread: document.querySelector("[data-thread]")?.dataset.thread,
      rows: [...document.querySelectorAll("#list a[aria-current]")].map((row) => row.closest("li").id.slice(2)),
      title: document.title.split(" · ")[0],
    }));
    return comes(33, `${way} to ${name}`, open, { address: ids[name], thread: ids[name], rows: [ids[name]], title: `Plaza ${name}` });
  };
  for (const name of ["tres", "dos", "una"]) {
    await page.goBack();
    await agrees(name, "back");
    if (name === "dos") await page.locator(".message .text", { hasText: "mientras tanto" }).waitFor();
  }
  for (const name of ["dos", "tres", "cuatro"]) { await page.goForward(); await agrees(name, "forward"); }
  await comes(33, "what came meanwhile is there", () => row("mientras tanto").count(), 1);
  // The list is where it was left, on the way back and forward.
  await page.goto(`${url}/inbox?view=all`);
  await row("Plaza tres").waitFor();
  const top = await scrolled(page);
  await page.locator("#list > li a").nth(12).click();
  await page.waitForURL(/inbox\/[0-9a-f-]{36}/);
  await page.goBack();
  await page.waitForURL(/inbox\?view=all/);
  await comes(33, "the list is where it was", () => page.locator("[data-list]").evaluate((list) => list.scrollTop), top);
}

/** Somebody scrolls down the list: how far. */
function scrolled(page) {
  return page.locator("[data-list]").evaluate((list) => new Promise((on) => {
    list.addEventListener("scroll", () => on(list.scrollTop), { once: true });
    list.scrollTop = 400;
  }));
}

/** Eight tabs, one stream. */
async function tabs({ context, page, url, says, row }) {
  await page.goto(`${url}/inbox?view=all`);
  const streams = new Set();
  const isStream = (request) => request.url().includes("/events/stream");
  const follow = (one) => {
    one.on("request", (request) => isStream(request) && streams.add(one));
    one.on("close", () => streams.delete(one));
  };
  const all = [];
  for (let nth = 0; nth < 8; nth += 1) {
    const tab = await context.newPage();
    follow(tab);
    await soon(32, 2_000, `tab ${nth + 1} is there`, tab.goto(`${url}/inbox?view=all`).then(() => tab.locator("#list > li").first().waitFor()));
    all.push(tab);
  }
  await page.goto("about:blank"); // It had the stream: the next one takes it over.
  await Promise.all([says("525555500912", "para las ocho"), ...all.map((tab) => row("para las ocho", tab).waitFor())]);
  check(32, "one of eight follows the stream", streams.size, 1);
  const [leader] = streams;
  await leader.close();
  const rest = all.filter((tab) => tab !== leader);
  await says("525555500912", "para las siete");
  await soon(32, 1_000, "the next one takes it over", Promise.all(rest.map((tab) => row("para las siete", tab).waitFor())));
  check(32, "again one", streams.size, 1);
  await Promise.all(rest.map((tab) => tab.close()));
}

/** What has the focus can be seen to have it. */
async function ring(page, where) {
  const found = await page.evaluate(() => {
    const one = document.activeElement;
    const box = one.matches(".attach input") ? one.closest("label") : one;
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(box);
    const parts = (color) => color.match(/[\d.]+/g).slice(0, 3).map((part) => Number(part) / 255);
    const light = (color) => parts(color).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)).reduce((sum, part, nth) => sum + part * [0.2126, 0.7152, 0.0722][nth], 0);
    const isClear = (element) => /rgba\(.*, 0\)/.test(getComputedStyle(element).backgroundColor);
    let under = box.parentElement ?? box;
    while (under.parentElement && isClear(under)) under = under.parentElement;
    const [ours, theirs] = [light(outlineColor), light(getComputedStyle(isClear(under) ? document.body : under).backgroundColor)];
    return { tag: one.tagName, style: outlineStyle, width: parseFloat(outlineWidth), ratio: (Math.max(ours, theirs) + 0.05) / (Math.min(ours, theirs) + 0.05) };
  });
  check(41, `${where}: the focus is in sight (${JSON.stringify(found)})`, found.tag !== "BODY" && found.style !== "none" && found.width >= 2 && found.ratio >= 3);
}

/** By keys alone; where the focus is can be seen at each step. */
async function byKeys({ page, url, row }) {
  await page.goto(`${url}/inbox?view=all`);
  await row("Plaza tres").waitFor();
  await page.waitForFunction(() => performance.getEntriesByName("inbox-ready").length);
  await page.keyboard.press("Tab");
  await ring(page, "the way past the rail");
  // Tab's way goes through the list in one stop, and comes to its end.
  const stops = [];
  for (let nth = 0; nth < 60; nth += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => (document.activeElement === document.body ? undefined : document.activeElement.closest("#list") ? "row" : document.activeElement.tagName));
    if (!stop) break;
    stops.push(stop);
    if (stop === "row") await ring(page, "a row");
  }
  check(41, `the list is one stop of ${stops.length}`, stops.filter((stop) => stop === "row").length, 1);
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li").first().waitFor();
  await page.waitForFunction(() => performance.getEntriesByName("inbox-ready").length);
  for (const _ of [1, 2]) {
    await page.keyboard.press("j");
    await page.waitForFunction(() => document.activeElement.closest("#list") && document.querySelector("[data-thread]"));
    await ring(page, "the list");
  }
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.id === "body");
  await ring(page, "the box");
  // What is drawn while somebody moves on does not take the focus back; what is drawn anew under it keeps it.
  const focused = await page.evaluate(async () => {
    const { renderStreamMessage } = await import(performance.getEntriesByType("resource").find(({ name }) => name.endsWith("/turbo.js")).name);
    const drawn = async (target, then) => {
      document.getElementById("body").focus();
      const fresh = target.startsWith("composer-") ? document.getElementById(target).outerHTML : "";
      renderStreamMessage(`<turbo-stream action="${fresh ? "replace" : "update"}" target="${target}"><template>${fresh}</template></turbo-stream>`);
      then();
      for (let frame = 0; frame < 4; frame += 1) await new Promise((on) => { requestAnimationFrame(() => setTimeout(on)); });
      return document.activeElement.id;
    };
    return [await drawn("status", () => document.getElementById("messages").focus()), await drawn(document.querySelector("[data-thread] .composer").id, () => {})];
  });
  check(41, "the focus stays where somebody put it", focused, ["messages", "body"]);
  await page.keyboard.press("Escape");
  await ring(page, "the messages");
  await page.keyboard.press("Control+k");
  await page.waitForFunction(() => document.activeElement?.matches("#palette input"));
  await ring(page, "the palette");
  // What was opened before stays, though the page remembers only now where it has come.
  await page.waitForFunction(() => !document.documentElement.ariaBusy && !document.querySelector("[busy], [aria-busy=true]"));
  await ring(page, "the palette, still");
  await page.keyboard.press("Escape");
}

/** A round of work by keys alone, from the door on. */
async function journey({ kitBrowser, url, email, password, says }) {
  for (const nth of ["uno", "dos"]) await says(`52555550091${nth === "uno" ? 5 : 6}`, `por teclado ${nth}`, { profile_name: `Teclado ${nth}` });
  const context = await kitBrowser.newContext({ viewport: { width: 1280, height: 860 }, locale: "es", reducedMotion: "reduce" });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const press = (key) => page.keyboard.press(key);
  const tabTo = async (what) => {
    for (let nth = 0; nth < 60; nth += 1) {
      if (await page.evaluate((wanted) => document.activeElement.matches(wanted), what)) return ring(page, what);
      await press("Tab");
    }
    throw new Error(`Tab never comes to ${what}`);
  };
  const isAt = (what, words) => comes(41, words, () => page.evaluate((wanted) => document.activeElement.matches(wanted), what)).then(() => ring(page, words));
  const isOpen = (who) => page.locator(".thread h2", { hasText: who }).waitFor();
  await page.goto(`${url}/inbox`);
  await tabTo("#email");
  await page.keyboard.type(email);
  await tabTo("#password");
  await page.keyboard.type(password);
  await press("Enter");
  await page.waitForURL("**/inbox");
  await page.waitForFunction(() => performance.getEntriesByName("inbox-ready").length);
  await press("j");
  await isOpen("Teclado dos");
  await isAt("#list a[aria-current]", "the first row");
  await press("j");
  await isOpen("Teclado uno");
  await isAt("#list a[aria-current]", "the second row");
  await press("Enter");
  await isAt("#body", "the box");
  await page.keyboard.type("Contesto sin ratón");
  await press("Enter");
  await page.locator(".message.out:not(.pending)", { hasText: "Contesto sin ratón" }).waitFor();
  await isAt("#body", "the box, behind what was sent");
  await press("Escape");
  await isAt("[data-scroller]", "the messages");
  await press("a");
  await isAt("[data-key=m]", "whose it is");
  await press("Enter");
  await page.locator(".who-has bdi").waitFor();
  await isAt("#body", "the box, behind that");
  await press("Escape");
  await press("i");
  await page.locator("#panel-dialog[open] h2").waitFor();
  await tabTo("#panel-dialog #own_name");
  await press("Escape");
  await press("Escape");
  // Whoever closes it is no worse off than before.
  await comes(41, "the focus is not lost with the panel", async () => (await page.evaluate(() => document.activeElement.tagName)) !== "BODY");
  await page.locator("[data-scroller]").focus();
  await press("t");
  await page.locator(".templates a").first().waitFor();
  await comes(41, "templates have the focus", async () => (await page.evaluate(() => document.activeElement.closest("#thread") !== null)));
  // Shown anew, it is a page of its own, which leads back to the whole of the inbox.
  await page.reload();
  await tabTo(".template-pane .back-list");
  await press("Enter");
  await isOpen("Teclado uno");
  await comes(41, "beside its list", () => page.locator("#list > li").first().isVisible());
  await page.locator("[data-scroller]").focus();
  // What stands above it is drawn anew before there is an answer: what was done can be undone all the same.
  const drawnAnew = page.evaluate(() => new Promise((on) => {
    const above = document.querySelector(".above");
    const look = setInterval(() => { if (above.isConnected) return; clearInterval(look); on(); }, 20);
  }));
  await page.route("**/state?*", async (route) => { await drawnAnew; await route.continue(); });
  await press("e");
  await page.evaluate(() => document.dispatchEvent(new CustomEvent("inbox:changed", { detail: { conversation_id: document.querySelector("[data-thread]").dataset.thread } })));
  await page.getByText("Resuelta: Teclado uno.").waitFor();
  await page.unroute("**/state?*");
  await comes(41, "the next one is open, and has the focus", async () => page.evaluate(() => document.querySelector("[data-thread]").dataset.who !== "Teclado uno" && document.activeElement !== document.body));
  await press("Control+k");
  await isAt("#palette input", "the palette");
  await page.keyboard.type("Teclado dos");
  await page.locator("#palette [role=option]", { hasText: "Teclado dos" }).waitFor();
  await press("Enter");
  await isOpen("Teclado dos");
  await isAt("#body", "the box of whom was found");
  // Where nothing can be written, and where the list alone is left, the focus is at the row of whom it was about.
  const isAtRow = (who, words) => comes(41, words, () => page.evaluate(() => document.activeElement.closest("#list > li")?.querySelector(".name").textContent), who);
  await says("525555500917", "por teclado ayer", { profile_name: "Teclado ayer", timestamp: String(Math.floor(Date.now() / 1000) - 25 * 3600) });
  await page.goto(`${url}/inbox?view=all`);
  await page.waitForFunction(() => performance.getEntriesByName("inbox-ready").length);
  await press("j");
  await page.locator("[data-thread]").waitFor();
  await press("r");
  await press("Control+k");
  await page.keyboard.type("Teclado ayer");
  await page.locator("#palette [role=option]", { hasText: "Teclado ayer" }).waitFor();
  await press("Enter");
  await isOpen("Teclado ayer");
  await isAtRow("Teclado ayer", "the row of whom can be sent a template alone");
  await page.waitForURL(/inbox\/[0-9a-f-]{36}/);
  await page.waitForFunction(() => !document.documentElement.ariaBusy && !document.querySelector("[busy], [aria-busy=true]"));
  await page.evaluate(() => document.activeElement.blur());
  for (let nth = 0; nth < 4 && new URL(page.url()).pathname !== "/inbox"; nth += 1) {
    await page.goBack();
    await page.waitForFunction(() => !document.documentElement.ariaBusy);
  }
  await page.waitForURL((there) => there.pathname === "/inbox");
  await comes(41, "back at the list, a row has it", () => page.evaluate(() => Boolean(document.activeElement.closest("#list > li"))));
  await context.close();
}

/** What is read aloud: names, headings, landmarks; and news, once. */
async function heard({ page, open, says, row }) {
  await says("525555500913", "plaza cuatro dice");
  await open("plaza cuatro dice");
  const found = await page.evaluate(() => ({
    h1: [...document.querySelectorAll("h1")].length,
    landmarks: ["nav[aria-label]", "section.list-pane[aria-labelledby]", "main", "section.messages[aria-label]"].map((one) => document.querySelectorAll(one).length >= 1),
    log: document.querySelectorAll("[role=log]").length,
    skips: [...document.querySelectorAll("a.skip")].map((link) => Boolean(document.querySelector(link.getAttribute("href")))),
    list: document.querySelector("#list").tagName + document.querySelector("#list > li > a").tagName,
  }));
  check(44, "landmarks, one heading above all, ways past", found, { h1: 1, landmarks: [true, true, true, true], log: 0, skips: [true, true, true, true], list: "ULA" });
  await page.evaluate(() => document.activeElement.blur());
  await says("525555500912", "hola, plaza tres", { profile_name: "Plaza tres" });
  await row("hola, plaza tres").waitFor();
  const name = (await row("hola, plaza tres").locator("a").evaluate((link) => [...link.querySelectorAll(":scope > :not([aria-hidden])")].map((part) => part.textContent).join(" "))).replace(/\s+/g, " ");
  check(44, `a row says who, what, how long, and how much: ${name}`, ["Plaza tres", "hola, plaza tres", "espera", "sin leer"].filter((part) => !name.includes(part)), []);
  const message = await page.locator(".message.in article").last().getAttribute("aria-label");
  check(44, `a message says who, when, and of what kind: ${message}`, /^Plaza cuatro, \d{1,2}:\d\d, texto$/.test(message));
  // News is said once; older messages that come as somebody reads are no news.
  await page.evaluate(() => {
    globalThis.said = [];
    const status = document.querySelector("#status");
    new MutationObserver(() => globalThis.said.push(status.textContent)).observe(status, { childList: true, characterData: true, subtree: true });
  });
  await says("525555500913", "esto es nuevo");
  await page.locator(".message .text", { hasText: "esto es nuevo" }).waitFor();
  await comes(44, "one line for a message", () => page.evaluate(() => globalThis.said), ["Plaza cuatro: esto es nuevo"]);
}

/** Enlarged four times on a screen of 1280, a page has 320 pixels. */
async function wide({ sitDown, sessions, url }) {
  const { context, page, see } = await sitDown({ ...LOOK, name: "places-320", width: 320, height: 256 }, sessions);
  await page.goto(`${url}/inbox?view=all`);
  const sideways = (what) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth).then((more) => check(45, `${what} scrolls sideways`, more <= 0));
  await page.locator("#list > li").first().waitFor();
  await sideways("the list");
  await page.locator("#list > li a").first().click();
  await page.locator("[data-thread]").waitFor();
  await sideways("a conversation");
  await see("thread");
  const [ends, begins] = await page.evaluate(() => [document.querySelector(".window").getBoundingClientRect().right, document.querySelector(".above .menu").getBoundingClientRect().left]);
  check(45, `what stands above it lies on nothing (${ends}, ${begins})`, ends <= begins);
  await page.goto(page.url().replace("?", "/contact?"));
  await sideways("a contact");
  await context.close();
}

/** Without JavaScript. */
async function plain({ url, email, password, kitBrowser, says }) {
  const context = await kitBrowser.newContext({ viewport: { width: 1280, height: 860 }, locale: "es", javaScriptEnabled: false });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await says("525555500914", "sin guiones", { profile_name: "Plaza plana" });
  await page.goto(`${url}/inbox`);
  await page.getByLabel("Correo").fill(email);
  await page.getByLabel("Contraseña", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Entrar", exact: true }).click();
  await page.waitForURL("**/inbox");
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li a", { hasText: "Plaza plana" }).click();
  await comes(57, "it can be read", () => page.locator(".message .text", { hasText: "sin guiones" }).count(), 1);
  await page.getByRole("button", { name: "Marcar como leído" }).click();
  await comes(57, "and marked as read", () => page.locator("form.mark-read").count(), 0);
  await page.locator("#body").fill("respuesta sin guiones");
  await page.getByRole("button", { name: "Enviar", exact: true }).click();
  await comes(57, "and answered, once", () => page.locator(".message.out .text", { hasText: "respuesta sin guiones" }).count(), 1);
  await page.getByRole("button", { name: "Resolver" }).click();
  await comes(57, "and closed", () => page.getByRole("button", { name: "Reabrir" }).count(), 1);
  await page.goto(`${url}/inbox?view=resolved`);
  await comes(57, "and is among what was", () => page.locator("#list > li", { hasText: "Plaza plana" }).count(), 1);
  for (let nth = 0; nth < 45; nth += 1) await says(`5255555095${String(nth).padStart(2, "0")}`, `página ${nth}`);
  const more = page.getByRole("link", { name: "Más conversaciones" });
  await comes(57, "what came is there when it is asked for", async () => { await page.goto(`${url}/inbox?view=all`); return more.count(); }, 1);
  const first = await page.locator("#list > li").first().getAttribute("id");
  await more.click();
  await comes(57, "and the list goes on", async () => await page.locator("#list > li").count() > 0 && await page.locator(`#${first}`).count() === 0);
  await context.close();
}

/** Both languages, whole. */
async function words({ page, url, see }) {
  const large = noise(1500);
  for (const language of ["en", "es"]) {
    await page.goto(`${url}/settings/profile`);
    await page.locator("#language").selectOption(language);
    await page.locator("form[action='/settings/profile'] button").click();
    await page.getByRole("status").getByText(language === "es" ? "Guardado." : "Saved.").waitFor();
    for (const path of ["/inbox?view=all", "/settings", "/settings/members", "/settings/numbers"]) {
      await page.goto(`${url}${path}`);
      if (path.startsWith("/inbox")) { await page.locator("#list > li a").first().click(); await page.locator("[data-thread]").waitFor(); }
      await comes(48, `${path} says its language`, () => page.evaluate(() => document.documentElement.lang), language);
      // A text that nobody wrote shows its name: words and hyphens, as `row-waits`.
      const raw = await page.evaluate(() => {
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const found = [];
        for (let node = walk.nextNode(); node; node = walk.nextNode()) if (/^\s*[a-z]+(-[a-z]+)+\s*$/.test(node.textContent) && !node.parentElement.closest("script, style, bdi, code")) found.push(node.textContent);
        return found;
      });
      check(48, `${path} shows no name of a text`, raw, []);
    }
    const waits = await page.goto(`${url}/inbox?view=active`).then(() => page.locator("#list .urgent").first().textContent());
    // As large as the language writes it: with a comma, or with a point.
    await page.goto(`${url}/inbox?view=all`);
    await page.locator("#list > li a", { hasText: "Plaza una" }).click();
    await page.locator("[data-files]").setInputFiles({ name: "grande.png", mimeType: "image/png", buffer: large });
    const size = await page.locator("[data-tray] [data-size]").textContent();
    check(48, `how large: ${size}`, language === "es" ? /^\d,\d MB$/.test(size) : /^\d\.\d MB$/.test(size));
    check(48, `how long: ${waits}`, language === "es" ? /^espera \d+ (min|h|d)/.test(waits) : /^waits \d+ (min|h|d)/.test(waits));
  }
  // Words as long as German ones in every button and link fit.
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li a").first().click();
  await page.locator("[data-thread]").waitFor();
  await page.evaluate(() => {
    for (const one of document.querySelectorAll(".inbox button, .inbox .button .word, .views a, .chip, .window")) {
      const text = [...one.childNodes].find((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim()) ?? one.querySelector(".word")?.firstChild;
      if (text) text.textContent = text.textContent.trim().replace(/\S+/g, "Rechtsschutzversicherung");
    }
  });
  await see("long-words");
  await comes(48, "long words fit", () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  const cut = await page.evaluate(() => [...document.querySelectorAll(".thread header > *, .composer form > *")].filter((one) => one.offsetParent && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.className));
  check(48, "and nothing is pushed out of sight", cut, []);
}

/** What a row leads to is not there, is no page, or is for who signs in: it is said, and asked for again. */
async function elsewhere({ kitBrowser, url, email, password }) {
  const { context, page } = await signIn(kitBrowser, { url, email, password });
  const first = page.locator("#list > li a").first();
  const atTheList = async () => {
    await page.goto(`${url}/inbox?view=all`);
    await first.waitFor();
    await page.waitForFunction(() => performance.getEntriesByName("inbox-ready").length);
  };
  await atTheList();
  const gone = `/inbox/${crypto.randomUUID()}`;
  await first.evaluate((row, href) => { row.href = href; }, gone);
  await first.click();
  await page.waitForURL(`**${gone}`);
  await comes(26, "what is not there has a page that says so", () => page.locator("main h1").count(), 1);
  await atTheList();
  const href = await first.getAttribute("href");
  let asked = 0;
  await page.route(`${url}${href}`, (route) => { asked += 1; return route.fulfill({ status: 503, contentType: "text/plain", body: "busy" }); });
  for (const nth of [1, 2]) {
    await first.focus();
    await page.keyboard.press("Enter");
    await comes(26, `asked for, ${nth}`, async () => asked, nth);
    await page.waitForFunction(() => !document.querySelector("#thread[busy], #thread[aria-busy=true]"));
  }
  await page.unroute(`${url}${href}`);
  // Without a line it is said, and asked for again by who wants it.
  await context.setOffline(true);
  await first.click();
  await page.getByRole("alert").getByText("No pudimos abrir esta conversación. No se perdió nada.").waitFor();
  await context.setOffline(false);
  // With a line again, it may be asked for by itself.
  await page.getByRole("button", { name: "Reintentar" }).click({ timeout: 5_000 }).catch(() => {});
  await page.locator("[data-thread]").waitFor();
  await comes(2, "then it is there, and nothing is said any more", async () => [await page.locator("#alert").textContent(), new URL(page.url()).pathname], ["", new URL(href, url).pathname]);
  // Whose templates are open is marked in the list as well.
  const id = await page.locator("[data-thread]").getAttribute("data-thread");
  await page.locator(".composer [data-key=t]").click();
  await page.locator(".templates a").first().waitFor();
  await comes(33, "its row is marked", () => page.locator(`#c-${id} a[aria-current]`).count(), 1);
  await page.goBack();
  await page.locator("[data-thread]").waitFor();
  // More than a message can hold is not left out in silence.
  await page.locator("#body").click();
  await page.locator("#body").evaluate((box) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", "x".repeat(5_000));
    box.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  });
  const told = page.getByRole("alert").getByText("Un mensaje tiene 4096 caracteres como máximo");
  await told.waitFor();
  const [below, above] = await page.evaluate(() => [document.querySelector("#alert").parentElement.getBoundingClientRect().top, document.querySelector(".above > header").getBoundingClientRect().bottom]);
  check(2, `what is told covers no button (${below}, ${above})`, below >= above);
  // It goes by its button, by Esc, and once somebody writes on; the focus is not lost with it.
  const isThere = () => page.evaluate(() => [document.querySelector("#alert").parentElement.checkVisibility(), document.activeElement.tagName]);
  const tellsAgain = () => page.locator("#alert").evaluate((alert) => { alert.textContent = "se dice"; });
  await page.getByRole("button", { name: "Cerrar el aviso" }).click();
  await comes(2, "it is closed", isThere, [false, "TEXTAREA"]);
  await tellsAgain();
  await page.keyboard.press("Escape");
  await comes(2, "Esc closes it", isThere, [false, "TEXTAREA"]);
  await tellsAgain();
  await page.locator("#body").pressSequentially("x");
  await comes(2, "writing on closes it", isThere, [false, "TEXTAREA"]);
  await page.locator("#body").fill("");
  await atTheList();
  await context.clearCookies();
  await first.click();
  await page.waitForURL("**/login**");
  await context.close();
}

/** On a phone. */
async function touch({ kitBrowser, sessions, url, says }) {
  const context = await kitBrowser.newContext({ viewport: { width: PHONE.width, height: PHONE.height }, locale: "es", hasTouch: true, isMobile: true, storageState: sessions, reducedMotion: "reduce" });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await says("525555500910", "plaza una toca");
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li a", { hasText: "plaza una toca" }).tap();
  await page.locator(".thread .text", { hasText: "plaza una toca" }).first().waitFor();
  await comes(47, "the list makes room", () => page.locator("#list").isVisible(), false);
  await page.locator("[data-panel]").tap();
  await page.waitForURL(/\/contact/);
  await page.goBack();
  await page.locator("[data-thread]").waitFor();
  await page.goBack();
  await page.waitForURL(/\/inbox\?view=all/);
  await page.locator("#list > li").first().waitFor();
  await comes(47, "back retraces", () => page.locator("#list").isVisible());
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li").first().waitFor();
  const top = await scrolled(page);
  for (const way of [() => page.goBack(), () => page.locator("header .back-list").tap()]) {
    await page.locator("#list > li a").nth(8).tap();
    await page.locator("[data-thread]").waitFor();
    await page.waitForURL(/inbox\/[0-9a-f-]{36}/);
    await way();
    await page.waitForURL(/\/inbox\?view=all/);
    await comes(47, "to where the list was", () => page.locator("[data-list]").evaluate((list) => list.scrollTop), top);
  }
  await page.locator("[data-list]").evaluate((list) => { list.scrollTop = 0; });
  await page.locator("#list > li a", { hasText: "plaza una toca" }).tap();
  await page.locator(".thread .text", { hasText: "plaza una toca" }).first().waitFor();
  const small = await page.evaluate(() => [...document.querySelectorAll(".inbox a, .inbox button, .inbox summary, .inbox textarea, .inbox label.attach, .rail a, .rail summary")]
    .filter((one) => one.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true }) && !one.matches(".spoken, .skip, .text a, .day a"))
    .map((one) => [one.className || one.tagName, one.getBoundingClientRect()]).filter(([, { width, height }]) => width > 1 && (height < 43.5 || width < 43.5)).map(([name, { width, height }]) => `${name} ${Math.round(width)}×${Math.round(height)}`));
  check(47, "targets for fingers", small, []);
  const zoom = await page.locator("meta[name=viewport]").getAttribute("content");
  check(47, "it can be enlarged, and makes room for the keyboard", [/user-scalable=no|maximum-scale/.test(zoom), /interactive-widget=resizes-content/.test(zoom)], [false, true]);
  const assign = page.locator("[data-thread] header details.menu");
  await assign.locator("summary").tap();
  const sheet = await assign.locator(".sheet").boundingBox();
  check(47, `whose it is can be chosen on the screen (${JSON.stringify(sheet)})`, sheet.x >= 0 && sheet.y >= 0 && sheet.x + sheet.width <= PHONE.width && sheet.y + sheet.height <= PHONE.height);
  await assign.locator("summary").tap();
  await page.setViewportSize({ width: 390, height: 420 });
  await page.locator("#body").tap();
  const inSight = await page.evaluate(() => ["#body", ".message article"].map((one) => [...document.querySelectorAll(one)].at(-1).getBoundingClientRect()).map(({ top, bottom }) => top >= 0 && top < innerHeight && bottom <= innerHeight + 1));
  check(47, "the box and the last message are in sight above it", inSight, [true, true]);
  await comes(47, "the box is not enlarged by itself", () => page.locator("#body").evaluate((box) => parseFloat(getComputedStyle(box).fontSize) >= 16));
  await page.locator("#body").fill("línea");
  await page.keyboard.press("Enter");
  await comes(47, "Enter is a new line", () => page.locator("#body").inputValue(), "línea\n");
  await page.locator("#body").fill("");
  await context.close();
}

/** Who signs out in one tab. */
async function signsOut({ kitBrowser, url, email, password }) {
  const { context, page } = await signIn(kitBrowser, { url, email, password });
  await page.goto(`${url}/inbox?view=all`);
  const other = await context.newPage();
  await other.goto(`${url}/inbox?view=all`);
  await other.locator("#list > li a", { hasText: "Plaza una" }).click();
  await other.locator("#body").fill("a medias");
  await page.locator(".rail details.menu > summary").last().click();
  await page.getByRole("button", { name: /Salir|Cerrar sesión/ }).click();
  await page.waitForURL(/login/);
  await other.locator("#status", { hasText: "Tu sesión terminó." }).waitFor({ timeout: 40_000 });
  await comes(34, "the other tab says so", () => other.locator("#status").textContent(), "Tu sesión terminó. Lo que escribiste está guardado. Entrar");
  const back = new URL(await other.locator("#status").getByRole("link", { name: "Entrar" }).getAttribute("href"), url);
  check(34, "and leads back there", [back.pathname, new URL(back.searchParams.get("next"), url).href], ["/login", other.url()]);
  check(34, "nothing is left behind", await page.evaluate(() => [localStorage.length, sessionStorage.length]), [0, 0]);
  await context.close();
}
