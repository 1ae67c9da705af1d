// Uses the inbox of the demo as an agent does, beside customers who write. `PART=places node inbox.mjs URL SIMULATOR NUMBER EMAIL
// PASSWORD FOLDER` makes a run of `CHECKS.md`; with `ONLY=…` some visits of it, with `STEP=…` some steps of a visit.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { allTried, becomes, check, comes, soon } from "./checks.mjs";
import { bounds } from "./inbox_bounds.mjs";
import { files } from "./inbox_files.mjs";
import { hostile } from "./inbox_hostile.mjs";
import { kinds } from "./inbox_kinds.mjs";
import { messages } from "./inbox_messages.mjs";
import { places } from "./inbox_places.mjs";
import { screens } from "./inbox_screens.mjs";
import { sending } from "./inbox_sending.mjs";
import { lookAt, open } from "./screens.mjs";

const [url, simulator, number, email, password, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const LOOKS = [
  { name: "wide-es-light", width: 1280, height: 860, language: "es", scheme: "light" },
  { name: "wide-en-dark", width: 1280, height: 860, language: "en", scheme: "dark" },
  { name: "middle-es-dark", width: 820, height: 1100, language: "es", scheme: "dark" },
  { name: "narrow-es-light", width: 390, height: 844, language: "es", scheme: "light" },
];

const browser = await open();
const troubles = [];
let sessions;
try {
  sessions = await signIn();
  const kit = { kitBrowser: browser, email, password, url, simulator, number, sessions, sitDown, control, writes, folder, look: LOOKS[0] };
  const visits = [
    ...LOOKS.map((look) => [look.name, () => visit(look)]),
    ["live", live],
    ["offline", offline],
    ["kept", kept],
    ["files", () => files(kit), "messages"],
    ["messages", () => messages(kit), "messages"],
    ["hostile", () => hostile(kit), "hostile"],
    ["sending", () => sending(kit), "sending"],
    ["kinds", () => kinds(kit), "kinds"],
    ["places", () => places(kit), "places"],
    ["bounds", () => bounds(kit), "bounds"],
    ["screens", () => screens(kit), "screens"],
  ];
  const [part, only] = [process.env.PART ?? "inbox", process.env.ONLY?.split(",")];
  for (const [name, run] of visits.filter(([one, , of = "inbox"]) => (only ? only.includes(one) : of === part))) {
    const began = Date.now();
    await run();
    console.log(`ok ${name} after ${Date.now() - began} ms`);
  }
  assert.deepEqual(troubles, []);
  allTried();
} finally {
  await browser.close();
}

/** What happens at Meta's. */
async function control(path, body) {
  const answer = await fetch(`${simulator}/_sim/${path}`, { method: "POST", body: JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** A customer writes. */
function writes(from, text) {
  return control("messages", { phone_number_id: number, from, type: "text", text: { body: text } });
}

async function sitDown(look, state, expected = /ERR_INTERNET_DISCONNECTED|status of (409|422)/) {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    locale: look.language,
    colorScheme: look.scheme,
    reducedMotion: "reduce",
    hasTouch: look.width < 720,
    storageState: state,
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  // Turbo's own: a frame went on elsewhere while it was still asked for.
  const isOfTurbo = (error) => error.name === "AbortError" && /turbo\.js/.test(error.stack);
  page.on("pageerror", (error) => !isOfTurbo(error) && troubles.push(error.stack));
  page.on("console", (line) => line.type() === "error" && !expected.test(line.text()) && troubles.push(line.text()));
  page.on("request", (request) => !request.url().startsWith(url) && !request.url().startsWith("blob:") && troubles.push(`asks ${request.url()}`));
  const see = (screen) => lookAt(page, screen, join(folder, `${look.name}-${screen}.png`));
  return { context, page, see };
}

async function signIn() {
  const { context, page } = await sitDown(LOOKS[0]);
  await page.goto(`${url}/inbox`);
  await page.getByLabel("Correo").fill(email);
  await page.getByLabel("Contraseña", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Entrar", exact: true }).click();
  await page.waitForURL("**/inbox");
  const state = await context.storageState();
  await context.close();
  return state;
}

/** The screens, at one look. */
async function visit(look) {
  const { context, page, see } = await sitDown(look, sessions);
  await page.goto(`${url}/settings/profile`);
  await page.locator("#language").selectOption(look.language);
  await page.locator("form[action='/settings/profile'] button").click();
  await page.getByRole("status").getByText(look.language === "es" ? "Guardado." : "Saved.").waitFor();
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li").first().waitFor();
  await see("list");
  await page.locator("#list > li a", { hasText: "Mariana Ortega" }).click();
  await page.locator(".thread h2", { hasText: "Mariana Ortega" }).waitFor();
  await page.waitForURL(/inbox\/[0-9a-f-]{36}/);
  await becomes(async () => await page.locator(".message").count() > 3);
  await see("thread");
  await page.goBack();
  await page.waitForURL(/inbox\?view=all/);
  for (const who of ["Gerardo Ibáñez", "Valentina Ruiz"]) {
    await page.locator("#list > li a", { hasText: who }).click();
    await page.locator(".thread h2", { hasText: who }).waitFor();
    await see(`thread-${who.split(" ")[0].toLowerCase()}`);
    await page.goto(`${url}/inbox?view=all`);
  }
  await context.close();
}

/** What comes is there at once; what is written stands there before anybody has it, and goes once. */
async function live() {
  const { context, page } = await sitDown(LOOKS[0], sessions);
  await page.goto(`${url}/inbox?view=active`);
  await page.locator("#list > li").first().waitFor();
  const from = "525555500199";
  await page.evaluate(() => { globalThis.same = true; });
  await writes(from, "¿Hacen envíos a domicilio?");
  const row = page.locator("#list > li", { hasText: "¿Hacen envíos a domicilio?" });
  await soon(1, 1_000, "a row", row.waitFor());
  await comes(1, "it stands on top", () => page.locator("#list > li").first().getAttribute("id"), await row.getAttribute("id"));
  await comes(1, "with its count", async () => (await row.locator(".unread [aria-hidden]").textContent()).trim(), "1");
  check(1, "nothing was loaded anew", await page.evaluate(() => globalThis.same));
  await row.hover();
  // As long as whoever looks at a conversation takes to have read it, and longer.
  await page.waitForTimeout(2_000);
  check(3, "it is as unread as before", (await row.locator(".unread [aria-hidden]").textContent()).trim(), "1");
  await row.locator("a").click();
  await page.locator(".thread .text", { hasText: "¿Hacen envíos a domicilio?" }).waitFor();
  await becomes(() => page.locator("#body").evaluate((box) => box === document.activeElement), true, "what is written goes into the box");
  await row.locator(".unread").waitFor({ state: "detached" });

  await page.mouse.move(900, 300);
  await page.locator("#body").fill("Sí, de 8 a 20 h.");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await becomes(() => page.locator("#body").inputValue(), "");
  const sent = page.locator(".message.out", { hasText: "Sí, de 8 a 20 h." });
  await sent.waitFor();
  await page.locator(".message.out:not(.pending) .tick.delivered, .message.out:not(.pending) .tick.read").last().waitFor();
  assert.equal(await sent.count(), 1, "one bubble");
  for (const text of ["uno", "dos", "tres"]) {
    await page.locator("#body").fill(text);
    await page.keyboard.press("Enter");
  }
  await page.waitForFunction(() => document.querySelectorAll(".message.out:not(.pending)").length >= 4);
  const texts = await page.locator(".message.out .text").allTextContents();
  assert.deepEqual(texts.slice(-3), ["uno", "dos", "tres"], "in the order in which they were written");
  await page.waitForFunction(() => !document.querySelector(".messages .tick.waits"));
  const accepted = await (await fetch(`${simulator}/_sim/accepted?phone_number_id=${number}`)).json();
  const ours = JSON.stringify(accepted);
  for (const text of ["Sí, de 8 a 20 h.", "uno", "dos", "tres"]) assert.equal(ours.split(`"${text}"`).length, 2, `${text} went once`);

  await writes(from, "¡Perfecto, gracias!");
  await page.locator(".message.in", { hasText: "¡Perfecto, gracias!" }).waitFor();
  assert.match(await page.locator("#status").textContent(), /¡Perfecto, gracias!/, "it is said aloud");

  // A draft stays with its conversation.
  await page.locator("#body").fill("esto es para otra persona");
  const hers = page.url();
  const loads = () => performance.getEntriesByName("inbox-ready").length;
  const loaded = await page.evaluate(loads);
  await page.locator("#list > li a", { hasNotText: "¡Perfecto, gracias!" }).first().click();
  await page.waitForURL((now) => now.href !== hers);
  // Turbo has put what it leaves into its memory.
  await page.waitForFunction((before) => performance.getEntriesByName("inbox-ready").length > before, loaded);
  await page.waitForFunction(() => document.querySelector(".thread h2") && document.querySelector("#body")?.value !== "esto es para otra persona");
  await page.goBack();
  await page.waitForFunction(() => document.querySelector("#body")?.value === "esto es para otra persona");

  // Taken, closed, and back when they write.
  await page.locator("#body").fill("");
  await page.getByRole("button", { name: "Resolver" }).click();
  await page.getByRole("button", { name: "Reabrir" }).waitFor();
  await writes(from, "Una cosa más…");
  await page.locator(".message.in", { hasText: "Una cosa más…" }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Resolver" }).waitFor();
  await context.close();
}

/** The line is cut while somebody writes: nothing is lost, and what came meanwhile is there. */
async function offline() {
  const { context, page } = await sitDown(LOOKS[0], sessions);
  const from = "525555500198";
  await writes(from, "Hola");
  await page.goto(`${url}/inbox?view=active`);
  await page.locator("#list > li a", { hasText: "Hola" }).first().click();
  await page.locator(".thread .text", { hasText: "Hola" }).waitFor();
  await page.evaluate(() => { globalThis.same = true; });
  await context.setOffline(true);
  const cut = Date.now();
  for (const text of ["lo escribí sin red", "y esto después"]) {
    await page.locator("#body").fill(text);
    await page.keyboard.press("Enter");
  }
  for (const text of ["lo escribí sin red", "y esto después"]) await page.locator(".message.pending", { hasText: text }).getByText("Se enviará al recuperar la conexión.").waitFor();
  await page.locator("#status", { hasText: /Sin conexión\. Lo que ves es de hace \d+ s\./ }).waitFor();
  check(28, `the line says how old it is, after ${Date.now() - cut} ms`, Date.now() - cut < 6_000 * 5);
  // One is meant no more.
  await page.locator("#body").fill("esto mejor no");
  await page.keyboard.press("Enter");
  await page.locator(".message.pending", { hasText: "esto mejor no" }).waitFor();
  await page.locator(".message.pending", { hasText: "esto mejor no" }).getByRole("button", { name: "Cancelar" }).click();
  await comes(28, "what is taken back is a draft again", () => page.locator("#body").inputValue(), "esto mejor no");
  await page.locator("#body").fill("");
  for (let nth = 0; nth < 60; nth += 1) await writes(from, `mensaje ${nth}`);
  const other = await sitDown(LOOKS[0], sessions);
  await other.page.goto(page.url());
  await other.page.locator("#body").fill("yo le contesto");
  await other.page.keyboard.press("Enter");
  await other.page.locator(".message.out:not(.pending)", { hasText: "yo le contesto" }).waitFor();
  await other.context.close();
  const isUpToDate = page.locator("#status", { hasText: "Al día." }).waitFor(); // It is said for a while.
  await context.setOffline(false);
  await Promise.all([isUpToDate, page.locator(".message.out:not(.pending)", { hasText: "y esto después" }).waitFor()]);
  await page.waitForFunction(() => document.querySelectorAll(".message.in").length >= 61);
  const texts = (await page.locator(".message.in .text").allTextContents()).filter((text) => text.startsWith("mensaje"));
  check(29, "all, once", texts.sort(), Array.from({ length: 60 }, (_, nth) => `mensaje ${nth}`).sort());
  // Meta's seconds, and what came first within one.
  const places = await page.locator(".message[data-sequence]").evaluateAll((all) => all.map(({ dataset }) => [Number(dataset.second), Number(dataset.sequence)]));
  check(29, "in order", places, places.toSorted(([a, b], [c, d]) => a - c || b - d));
  await comes(29, "a colleague's too", () => page.locator(".message.out", { hasText: "yo le contesto" }).count(), 1);
  await comes(28, "each went once, in order", async () => (await page.locator(".message.out .text").allTextContents()).filter((text) => /sin red|después$/.test(text)), ["lo escribí sin red", "y esto después"]);
  const accepted = async () => JSON.stringify(await (await fetch(`${simulator}/_sim/accepted?phone_number_id=${number}`)).json());
  await page.waitForFunction(() => !document.querySelector(".messages .tick.waits"));
  const gone = await accepted();
  check(28, "Meta has them once, and not what was taken back", ["lo escribí sin red", "y esto después", "esto mejor no"].map((text) => gone.split(`"${text}"`).length - 1), [1, 1, 0]);
  check(28, "nothing was loaded anew", await page.evaluate(() => globalThis.same));
  await context.close();
}

/** What is on its way outlives its page, and what was not sent is a draft: after a reload, elsewhere, and without a session. */
async function kept() {
  const { context, page } = await sitDown(LOOKS[0], sessions, /ERR_FAILED|status of (401|409|504)/);
  await writes("525555500197", "Buenas");
  await page.goto(`${url}/inbox?view=active`);
  await page.locator("#list > li a", { hasText: "Buenas" }).first().click();
  await page.locator(".thread .text", { hasText: "Buenas" }).waitFor();
  const isSend = (request) => request.method() === "POST" && request.url().includes("/messages");
  await page.route("**/*", (route) => (isSend(route.request()) ? route.abort() : route.continue()));
  await page.locator("#body").fill("va en camino");
  await page.keyboard.press("Enter");
  await page.locator(".message.pending.waiting", { hasText: "va en camino" }).waitFor();
  await page.reload();
  await page.locator(".message.pending", { hasText: "va en camino" }).waitFor();
  await page.unroute("**/*");
  const sent = page.locator(".message.out:not(.pending)", { hasText: "va en camino" });
  await sent.waitFor();
  await becomes(() => page.locator(".message.out", { hasText: "va en camino" }).count(), 1);

  // An answer that was lost behind a proxy: it is asked for again, and the message is there once.
  let lost = 0;
  await page.route("**/*", async (route) => {
    if (!isSend(route.request()) || lost) return route.continue();
    lost += 1;
    await route.fetch();
    return route.fulfill({ status: 504, contentType: "text/html", body: "<html>504</html>" });
  });
  await page.locator("#body").fill("con proxy");
  await page.keyboard.press("Enter");
  await page.locator(".message.out:not(.pending)", { hasText: "con proxy" }).waitFor();
  await page.unroute("**/*");
  await page.reload();
  await becomes(() => page.locator(".message.out", { hasText: "con proxy" }).count(), 1);
  assert.equal(lost, 1);

  // Within a second of typing it is the tab's; and the next tab has it from the server.
  await page.locator("#body").fill("a medio escribir");
  await page.reload();
  await comes(16, "it outlives a reload", () => page.locator("#body").inputValue(), "a medio escribir");
  const next = await context.newPage();
  const isSaved = page.waitForResponse((answer) => answer.url().endsWith("/draft") && answer.ok());
  await page.locator("#body").fill("a medio escribir, otra vez");
  await isSaved;
  const [href] = [page.url(), await page.close()];
  for (let tries = 0; tries < 20; tries += 1) {
    await next.goto(href);
    if (await next.locator("#body").inputValue() === "a medio escribir, otra vez") break;
  }
  await comes(16, "it outlives its tab", () => next.locator("#body").inputValue(), "a medio escribir, otra vez");
  await inNext(context, next);
}

/** Without a session, what was written is kept all the same. */
async function inNext(context, page) {
  await context.clearCookies();
  await page.locator("#body").fill("sin sesión");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => Object.values(sessionStorage).includes("sin sesión"));
  await context.addCookies(sessions.cookies);
  await page.reload();
  await page.waitForFunction(() => document.querySelector("#body")?.value === "sin sesión");
  await context.close();
}
