// What the inbox keeps within: what it weighs and takes, who was away for long, who wants nothing to move, and what is another
// organization's.

import { readFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";
import { becomes, check, comes } from "./checks.mjs";
import { WIDE, desk, make, signIn } from "./inbox_desk.mjs";

export async function bounds(kit) {
  const at = await desk(kit, { ...WIDE, name: "bounds" }, /ERR_INTERNET_DISCONNECTED|status of (404|410)/);
  await at.says("525555500921", "límite uno", { profile_name: "Límite uno" });
  await make([weight, burst, switches, still, away, foreign], at);
  check(52, "no page breaks its policy", at.broken, []);
  await at.context.close();
}

/** A page that was never here before, and how much of each kind came over the line. */
async function fresh({ kitBrowser, sessions }) {
  const context = await kitBrowser.newContext({ viewport: { width: 1280, height: 860 }, locale: "es", storageState: sessions });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  const came = new Map(); // By request: what it is, and its size.
  devtools.on("Network.responseReceived", ({ requestId, response: { url, headers }, type }) => {
    came.set(requestId, { type, path: new URL(url).pathname, packed: headers["content-encoding"] ?? headers["Content-Encoding"], size: 0 });
  });
  devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => { if (came.has(requestId)) came.get(requestId).size = encodedDataLength; });
  return { context, page, devtools, came };
}

/** What a page weighs, and how soon it can be used. */
async function weight({ kitBrowser, sessions, url, page, row }) {
  const href = await page.goto(`${url}/inbox?view=all`).then(() => row("Límite uno").locator("a").getAttribute("href"));
  const { context, page: cold, came } = await fresh({ kitBrowser, sessions });
  const ready = async (what, budget) => {
    const took = await cold.waitForFunction(() => performance.getEntriesByName("inbox-ready")[0]?.startTime).then((handle) => handle.jsonValue());
    console.log(`check 58: ${what} is ready after ${Math.round(took)} ms`);
    check(58, `${what} is ready after ${Math.round(took)} ms`, took < budget * 5);
  };
  // One with many rows, and a conversation of many messages.
  const long = await page.locator("#list > li a", { hasText: "Mariana Ortega" }).getAttribute("href");
  await cold.goto(`${url}${href}`);
  await ready("a cold page", 700);
  await cold.waitForLoadState("load");
  await becomes(async () => [...came.values()].filter(({ type, size }) => type !== "EventSource" && !size).length, 0);
  const all = [...came.values()];
  const of = (wanted) => all.filter(({ path }) => wanted(path)).reduce((sum, { size }) => sum + size, 0);
  const kilo = (bytes) => Math.round(bytes / 102.4) / 10;
  const [scripts, styles, icons] = [".js", ".css", "/icons.svg"].map((end) => of((path) => path.endsWith(end)));
  console.log(`check 58: ${kilo(scripts)} KB of scripts, ${kilo(styles)} KB of styles, ${kilo(icons)} KB of icons, ${came.size} requests`);
  check(58, `scripts: ${kilo(scripts)} KB`, scripts <= 64 * 1024);
  check(58, `styles: ${kilo(styles)} KB`, styles <= 16 * 1024);
  check(58, `icons: ${kilo(icons)} KB`, icons <= 8 * 1024);
  check(58, "no fonts", all.filter(({ type }) => type === "Font"), []);
  check(58, "what is large comes packed", all.filter(({ type, packed }) => ["Script", "Stylesheet", "Document"].includes(type) && !packed).map(({ path }) => path), []);
  check(58, `few requests: ${came.size}`, came.size <= 40);
  await cold.goto(`${url}${href}`);
  await ready("a warm page", 350);
  // On the line, as this server packs it.
  const documents = async (path, headers) => {
    const { context: other, page: one, came: its } = await fresh({ kitBrowser, sessions });
    await one.setExtraHTTPHeaders(headers);
    await one.goto(`${url}${path}`);
    await other.close();
    return [...its.values()].filter(({ type }) => type === "Document").reduce((sum, { size }) => sum + size, 0);
  };
  const [whole, frame] = [await documents(long, {}), await documents(long, { "turbo-frame": "thread" })];
  console.log(`check 58: ${kilo(whole)} KB of HTML, ${kilo(frame)} KB for a conversation alone`);
  check(58, `HTML: ${kilo(whole)} KB`, whole <= 24 * 1024);
  check(58, `a conversation alone: ${kilo(frame)} KB`, frame <= 14 * 1024);
  check(58, "elements", await cold.evaluate(() => document.querySelectorAll("*").length) <= 6_000);
  await context.close();
}

/** Two hundred events in one burst: no long task of ours. */
async function burst({ page, url }) {
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li").first().waitFor();
  const found = await page.evaluate(async () => {
    const long = [];
    new PerformanceObserver((list) => long.push(...list.getEntries().map((one) => one.duration))).observe({ type: "longtask" });
    const rows = [...document.querySelectorAll("#list > li")].slice(0, 20);
    const began = performance.now();
    for (let nth = 0; nth < 200; nth += 1) {
      const row = rows[nth % rows.length].cloneNode(true);
      row.dataset.at = String(Number(rows[0].dataset.at) + nth * 1_000_000);
      const stream = document.createElement("turbo-stream");
      stream.setAttribute("action", "upsert");
      stream.setAttribute("target", "list");
      const template = document.createElement("template");
      template.content.append(row);
      stream.append(template);
      document.body.append(stream);
    }
    await new Promise((on) => { requestAnimationFrame(() => setTimeout(on)); });
    const took = performance.now() - began;
    await new Promise((on) => { setTimeout(on, 100); });
    return { took: Math.round(took), longest: Math.round(Math.max(0, ...long)) };
  });
  console.log(`check 58: a burst of 200 took ${JSON.stringify(found)}`);
  check(58, `a burst of 200 rows: ${found.took} ms`, found.took < 60 * 15);
}

/** Switching to and fro leaves nothing behind. */
async function switches({ kitBrowser, sessions, url }) {
  const { context, page, devtools } = await fresh({ kitBrowser, sessions });
  const counts = async () => {
    await devtools.send("HeapProfiler.collectGarbage");
    const { metrics } = await devtools.send("Performance.getMetrics");
    const of = (name) => metrics.find((one) => one.name === name).value;
    return { heap: of("JSHeapUsedSize"), listeners: of("JSEventListeners") };
  };
  await devtools.send("Performance.enable");
  await page.goto(`${url}/inbox?view=all`);
  const goes = (times) => page.evaluate(async (count) => {
    for (let nth = 0; nth < count; nth += 1) {
      const rows = document.querySelectorAll("#list > li > a");
      const row = rows[nth % 8];
      const id = row.closest("li").id.slice(2);
      row.click();
      while (document.querySelector("[data-thread]")?.dataset.thread !== id) await new Promise((on) => { setTimeout(on, 4); });
    }
  }, times);
  await goes(24);
  const before = await counts();
  await goes(40);
  const after = await counts();
  console.log(`check 58: 40 switches: ${JSON.stringify({ before, after })}`);
  // Two thousand may leave 20 MB: forty of them a few hundred kilobytes, beside what Turbo remembers of ten pages.
  check(58, "the heap stays", after.heap - before.heap < 4 * 1024 * 1024);
  check(58, "so do the listeners", after.listeners <= before.listeners * 1.5 + 100);
  await context.close();
}

/** Who was away for more than can be told one by one. */
async function away({ page, open, says, control, number }) {
  await open("límite uno");
  await page.mouse.move(900, 300); // What is under the pointer would wait.
  await page.locator("#body").fill("borrador de antes");
  const before = await page.evaluate(() => Number(document.querySelector("[data-inbox]").dataset.live));
  await page.context().setOffline(true);
  const from = (nth) => `5255555093${String(nth % 40).padStart(2, "0")}`;
  for (let lot = 0; lot < 26; lot += 1) {
    await Promise.all(Array.from({ length: 40 }, (_, nth) => control("messages", { phone_number_id: number, from: from(nth), type: "text", text: { body: `mucho ${lot}.` } })));
  }
  await says("525555500921", "entre muchos");
  const { request } = page.context();
  const tooMany = `/api/v1/events?after=${before + 1_000}&limit=1`;
  await comes(31, "far more came than is told one by one", async () => (await (await request.get(new URL(tooMany, page.url()).href)).json()).data?.length, 1);
  await page.context().setOffline(false);
  await page.locator(".message .text", { hasText: "entre muchos" }).waitFor();
  await comes(31, "the conversation is right", () => page.locator(".message .text", { hasText: "entre muchos" }).count(), 1);
  const rows = (within) => [...within.querySelectorAll("#list > li")].map((one) => [one.id, one.querySelector(".preview").textContent.trim()]).slice(0, 50);
  const lists = `(async () => { const rows = ${rows}; const text = await (await fetch("/inbox?view=all")).text();
    const [here, there] = [rows(document), rows(new DOMParser().parseFromString(text, "text/html"))]; return JSON.stringify(here) === JSON.stringify(there); })()`;
  await comes(31, "and so is the list", () => page.evaluate(lists));
  await comes(31, "the draft is kept", () => page.locator("#body").inputValue(), "borrador de antes");
  await forgotten({ page, says });
}

/** Who was away until the log forgot what came. */
async function forgotten({ page, says }) {
  let told = 0;
  await page.route(/\/api\/v1\/events\?/, (route) => {
    told += 1;
    return told > 1 ? route.continue() : route.fulfill({ status: 410, contentType: "application/json", body: "{}" });
  });
  await page.context().setOffline(true);
  await says("525555500921", "y lo olvidado");
  const anew = page.waitForRequest((request) => request.headers()["turbo-frame"] === undefined && request.url() === page.url());
  await page.context().setOffline(false);
  await anew;
  await page.locator(".message .text", { hasText: "y lo olvidado" }).waitFor();
  await page.unroute(/\/api\/v1\/events\?/);
  check(31, "the log was gone", told > 0);
  await comes(31, "the conversation is right", () => page.locator(".message .text", { hasText: "y lo olvidado" }).count(), 1);
  await comes(31, "the draft is still kept", () => page.locator("#body").inputValue(), "borrador de antes");
  await page.locator("#body").fill("");
}

/** Nothing moves for whoever wants it so; colours of one's own. */
async function still({ page, url, open, says }) {
  await open("límite uno");
  await says("525555500921", "se mueve");
  await page.locator(".message .text", { hasText: "se mueve" }).waitFor();
  check(46, "nothing moves", await page.evaluate(() => document.getAnimations().filter((one) => one.playState === "running").length), 0);
  await page.emulateMedia({ forcedColors: "active" });
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li a", { hasText: "Límite uno" }).first().click();
  await page.locator("[data-composer]").waitFor();
  await page.locator("#body").fill("con palabras");
  await page.keyboard.press("Enter");
  await page.locator(".message.out:not(.pending) .tick:is(.sent, .delivered, .read)").first().waitFor();
  const word = await page.locator(".message.out:not(.pending) .tick .spoken").last().boundingBox();
  check(46, "ticks are words", word.width > 20 && word.height > 8);
  await page.emulateMedia({ forcedColors: null });
}

/** What is another organization's: on each of the inbox's ways, and in what is told meanwhile. */
async function foreign({ page, url, simulator, number, control, says, kitBrowser, email, password }) {
  const other = await signIn(kitBrowser, { url, email, password });
  await other.page.locator(".rail details.menu > summary").first().click();
  await other.page.getByRole("button", { name: "Harbor & Pine" }).click();
  await other.page.locator(".rail summary .label", { hasText: "Harbor & Pine" }).waitFor({ state: "attached" });
  await other.page.goto(`${url}/inbox?view=all`);
  await other.page.locator("#list > li a").first().click();
  await other.page.locator(".message").first().waitFor();
  const [theirs, message] = await other.page.evaluate(() => [document.querySelector("[data-thread]").dataset.thread, document.querySelector("li.message").id.slice(2)]);
  await other.page.goto(`${url}/inbox/${theirs}/templates`);
  const template = await other.page.locator(".templates a").first().getAttribute("href").then((href) => href.split("?")[0].split("/").pop());
  await other.context.close();
  // Every way of `inbox/mod.rs`, with what it takes.
  const gets = ["", "/messages?ids=", "/templates", `/templates/${template}`, "/contact", `/messages/${message}/forward`];
  const posts = [
    ["/messages", "body=x"], ["/draft", "body=x&version=0"], ["/presence", "doing=look&shown=1"], ["/read", "through=1"], ["/unread", ""],
    ["/state", "state=resolved"], ["/assign", "assignee=me"], ["/block", "to=block"], ["/contact", "own_name=x"], [`/templates/${template}`, "id=x"],
    [`/messages/${message}/reaction`, "emoji=x"], [`/messages/${message}/plan`, "do=now"], [`/messages/${message}/forward`, "to=x"], ["/files", undefined],
  ];
  const ways = readFileSync(new URL("../../web/src/inbox/mod.rs", import.meta.url), "utf8").matchAll(/\.route\("\/inbox\/\{id\}([^"]*)", (.*)\)$/gm);
  const named = (path) => path.replace("{message}", message).replace("{template}", template);
  for (const [, path, does] of ways) {
    if (/\bget\(/.test(does)) check(53, `${path} is asked for`, gets.some((one) => one.split("?")[0] === named(path)));
    if (/\bpost\(/.test(does)) check(53, `${path} is posted to`, posts.some(([one]) => one === named(path)));
  }
  await page.goto(`${url}/inbox?view=all`);
  const found = await page.evaluate(async ([paths, forms, id]) => {
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const file = () => { const data = new FormData(); data.set("file", new File(["x"], "x.txt", { type: "text/plain" })); return { body: data }; };
    const all = [];
    for (const path of paths) all.push([path, (await fetch(`/inbox/${id}${path}`)).status]);
    for (const [path, body] of forms) all.push([path, (await fetch(`/inbox/${id}${path}`, { method: "POST", ...(body === undefined ? file() : { body, headers: form }) })).status]);
    all.push(["rows", (await (await fetch(`/inbox/rows?ids=${id}`, { headers: { accept: "text/vnd.turbo-stream.html" } })).text()).includes("upsert")]);
    return all;
  }, [gets, posts, theirs]);
  check(53, "not there, whatever is asked", found.filter(([, status]) => status !== 404 && status !== false), []);
  // What happens there is told to nobody here.
  const state = await (await fetch(`${simulator}/_sim/state`)).json();
  const numbers = state.businesses.flatMap(({ wabas }) => wabas.flatMap((waba) => waba.numbers.map((one) => one.phone_number_id)));
  const elsewhere = await page.evaluate(async () => (await (await fetch("/api/v1/numbers?limit=100")).json()).data.map((one) => one.phone_number_id))
    .then((ours) => numbers.filter((one) => !ours.includes(one)));
  check(53, "there are numbers of others", elsewhere.length > 0);
  await page.evaluate(() => {
    globalThis.told = [];
    globalThis.source = new EventSource("/api/v1/events/stream");
    const note = ({ data }) => globalThis.told.push(data);
    for (const type of ["message.received", "conversation.updated", "contact.updated", "message.status"]) globalThis.source.addEventListener(type, note);
    return new Promise((on) => { globalThis.source.onopen = on; });
  });
  for (const theirNumber of elsewhere) await control("messages", { phone_number_id: theirNumber, from: "525555500922", type: "text", text: { body: "en otra casa" } });
  await says("525555500921", "y en esta");
  await comes(53, "what happens here is told", () => page.evaluate(() => globalThis.told.some((data) => data.includes("y en esta"))));
  check(53, "what happens there is not", await page.evaluate(() => globalThis.told.filter((data) => data.includes("en otra casa"))), []);
  await page.evaluate(() => globalThis.source.close());
}
