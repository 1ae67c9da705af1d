// Two agents work in the inbox of the demo: drafts on another device, who is there and who writes, the contact panel, keys and
// the palette. `node inbox_together.mjs URL SIMULATOR NUMBER EMAIL PASSWORD FOLDER`.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { allTried, becomes, check, comes, soon } from "./checks.mjs";
import { noise } from "./noise.mjs";
import { lookAt, open } from "./screens.mjs";

const [url, simulator, number, email, password, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const WIDE = { width: 1280, height: 860 };
const NARROW = { width: 390, height: 844 };
const FROM = "525555500142";
const troubles = [];
let conversation; // Its row's element.
const row = (page) => page.locator(`#${conversation}`);
const box = (page) => page.locator("#body");
const browser = await open();
try {
  const owner = await sitDown(WIDE, "es", "light");
  await owner.page.goto(`${url}/login`);
  await owner.page.getByLabel("Correo").fill(email);
  await owner.page.getByLabel("Contraseña", { exact: true }).fill(password);
  await owner.page.getByRole("button", { name: "Entrar", exact: true }).click();
  await owner.page.waitForURL("**/inbox");
  const sessions = await owner.context.storageState();
  const marta = await joins(owner.page);
  await writes("¿Me apartas un pastel?");
  const only = process.env.ONLY?.split(",");
  for (const [name, step] of Object.entries({ drafts, presence, reading, answering, moving, panel, keys, removed, looks })) {
    if (only && !only.includes(name)) continue;
    await step({ lucia: owner.page, marta: marta.page, sessions });
    console.log(`ok ${name}`);
  }
  assert.deepEqual(troubles, []);
  allTried();
} catch (error) {
  // What stood there when it failed.
  for (const [nth, context] of browser.contexts().entries()) await context.pages()[0]?.screenshot({ path: join(folder, `failed-${nth}.png`) }).catch(() => {});
  throw error;
} finally {
  await browser.close();
}

/** A customer writes. */
async function writes(text, from = FROM) {
  const body = JSON.stringify({ phone_number_id: number, from, type: "text", text: { body: text } });
  const answer = await fetch(`${simulator}/_sim/messages`, { method: "POST", body });
  assert.ok(answer.ok, await answer.text());
}

async function sitDown(viewport, language, scheme, state) {
  const context = await browser.newContext({
    viewport, locale: language, colorScheme: scheme, reducedMotion: "reduce", hasTouch: viewport.width < 720, storageState: state,
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  // Turbo's own: a frame went with its page while it was still asked for.
  const isOfTurbo = (error) => error.name === "AbortError" && /turbo\.js/.test(error.stack);
  page.on("pageerror", (error) => !isOfTurbo(error) && troubles.push(error.stack));
  page.on("console", (line) => line.type() === "error" && !/ERR_FAILED|status of (401|403|404|409|422)/.test(line.text()) && troubles.push(line.text()));
  return { context, page };
}

/** Somebody is invited, and comes to work here. */
async function joins(page) {
  await page.goto(`${url}/settings/members/invite`);
  await page.locator("#email").fill("rosa@lucero.example");
  await page.getByRole("button", { name: "Crear el enlace" }).click();
  const link = await page.getByLabel("Enlace de invitación").inputValue();
  const marta = await sitDown(WIDE, "es", "light");
  await marta.page.goto(link);
  await marta.page.getByLabel("Tu nombre").fill("Rosa Díaz");
  await marta.page.getByLabel("Contraseña", { exact: true }).fill("un pan de muerto grande");
  await marta.page.getByRole("button", { name: "Crear mi cuenta y entrar" }).click();
  await marta.page.waitForURL("**/inbox");
  return marta;
}

async function opens(page) {
  await page.goto(`${url}/inbox?view=all`);
  conversation ??= await page.locator("#list > li", { hasText: "¿Me apartas un pastel?" }).getAttribute("id");
  await row(page).locator("a").click();
  await page.locator(".thread .text", { hasText: "¿Me apartas un pastel?" }).waitFor();
}

/** What is begun follows its writer to another device, and nobody else; an old page overwrites nothing in silence. */
async function drafts({ lucia, marta, sessions }) {
  await opens(lucia);
  await box(lucia).fill("Claro, ¿de qué");
  await row(lucia).getByText("Borrador:").waitFor();
  const phone = await sitDown(NARROW, "es", "light", sessions);
  await phone.page.goto(lucia.url());
  await comes(15, "their other device has it", () => box(phone.page).inputValue(), "Claro, ¿de qué");
  await opens(marta);
  check(15, "nobody else has", [await box(marta).inputValue(), await row(marta).getByText("Borrador:").count()], ["", 0]);
  // Nor another conversation.
  await lucia.locator("#list > li > a:not([aria-current])").first().click();
  await lucia.waitForFunction((id) => document.querySelector("[data-thread]")?.dataset.thread !== id, conversation.slice(2));
  check(15, "it stays with its conversation", await box(lucia).count() ? await box(lucia).inputValue() : "", "");
  await row(lucia).locator("a").click();
  await lucia.locator(".thread .text", { hasText: "¿Me apartas un pastel?" }).waitFor();
  await comes(15, "and is there again", () => box(lucia).inputValue(), "Claro, ¿de qué");
  const saved = phone.page.waitForResponse((answer) => answer.url().endsWith("/draft"));
  await box(phone.page).fill("Claro, ¿de qué sabor?");
  assert.equal((await saved).status(), 200);
  // The first page knows nothing of that: it asks.
  await box(lucia).fill("Claro, ¿para cuándo?");
  await lucia.locator("[data-newer-draft] q", { hasText: "¿de qué sabor?" }).waitFor();
  const kept = lucia.waitForResponse((answer) => answer.url().endsWith("/draft") && answer.status() === 200);
  await lucia.locator("[data-keep-draft]").click();
  await kept;
  await phone.page.reload();
  await phone.page.waitForFunction(() => document.querySelector("#body").value === "Claro, ¿para cuándo?");
  await phone.context.close();
  await lucia.reload();
  await becomes(() => box(lucia).inputValue(), "Claro, ¿para cuándo?");
  await lucia.keyboard.press("Enter");
  await lucia.locator(".message.out:not(.pending)", { hasText: "¿para cuándo?" }).waitFor();
  await row(lucia).getByText("Borrador:").waitFor({ state: "detached" });
  await lucia.reload();
  await becomes(() => box(lucia).inputValue(), "");
  // What one tab sends is no draft of another one, which goes on from there.
  const begun = lucia.waitForResponse((answer) => answer.url().endsWith("/draft") && answer.ok());
  await box(lucia).fill("Con nueces");
  await begun;
  const other = await lucia.context().newPage();
  await other.goto(lucia.url());
  await becomes(() => box(other).inputValue(), "Con nueces");
  await box(lucia).press("Enter");
  await lucia.locator(".message.out:not(.pending)", { hasText: "Con nueces" }).waitFor();
  await comes(15, "what another tab sent is no draft here", () => box(other).inputValue(), "");
  const goesOn = other.waitForResponse((answer) => answer.url().endsWith("/draft") && answer.ok());
  await box(other).fill("¿Algo más?");
  await goesOn;
  check(15, "nothing is asked", await other.locator("[data-newer-draft]").isVisible(), false);
  const emptied = other.waitForResponse((answer) => answer.url().endsWith("/draft") && answer.ok());
  await box(other).fill("");
  await emptied;
  await other.close();
}

/** Who writes is seen within two seconds, and no longer than some seconds after they stopped. */
async function presence({ lucia, marta }) {
  await marta.bringToFront();
  await lucia.locator(".together", { hasText: "Rosa Díaz también mira" }).waitFor();
  await box(marta).fill("Yo le digo");
  await soon(17, 2_000, "seen writing", lucia.locator(".together", { hasText: "Rosa Díaz está escribiendo una respuesta" }).waitFor());
  await soon(17, 8_000, "seen to have stopped", lucia.locator(".together", { hasText: "escribiendo" }).waitFor({ state: "detached" }));
  await lucia.locator(".seen-by", { hasText: "Rosa Díaz" }).waitFor();
  await marta.goto(`${url}/settings/profile`);
  await lucia.locator(".together", { hasText: "mira" }).waitFor({ state: "detached" });
}

/** What is open where nobody looks is not read; once somebody looks, it is, for all. */
async function reading({ lucia, marta, sessions }) {
  await lucia.goto(`${url}/inbox?view=all`);
  await marta.goto(`${url}/inbox?view=all`);
  const unread = (page) => row(page).locator(".unread");
  await writes("¿Y velas?");
  await unread(lucia).waitFor();
  const behind = await sitDown(WIDE, "es", "light", sessions);
  // A tab that is opened behind another one has no focus and is not seen.
  await behind.page.addInitScript(() => {
    globalThis.isSeen = false;
    Object.defineProperty(document, "visibilityState", { get: () => (globalThis.isSeen ? "visible" : "hidden") });
    document.hasFocus = () => globalThis.isSeen;
  });
  await behind.page.goto(`${url}${await row(lucia).locator("a").getAttribute("href")}`);
  await behind.page.locator(".message .text", { hasText: "¿Y velas?" }).waitFor();
  await behind.page.waitForTimeout(1_800);
  check(4, "unseen, it is unread", await Promise.all([lucia, marta].map((page) => unread(page).count())), [1, 1]);
  await behind.page.evaluate(() => { globalThis.isSeen = true; document.dispatchEvent(new Event("visibilitychange")); });
  await Promise.all([lucia, marta].map((page) => unread(page).waitFor({ state: "detached" })));
  await comes(4, "seen, it is read for both", () => Promise.all([lucia, marta].map((page) => unread(page).count())), [0, 0]);
  // Read is not answered.
  await comes(4, "it waits for an answer all the same", () => row(lucia).locator(".urgent", { hasText: "espera" }).count(), 1);
  await behind.context.close();
}

/** Whoever has not seen a colleague's answer is asked; whoever takes a conversation is named. */
async function answering({ lucia, marta }) {
  const accepted = async (text) => JSON.stringify(await (await fetch(`${simulator}/_sim/accepted?phone_number_id=${number}`)).json()).split(`"${text}"`).length - 1;
  await opens(lucia);
  await opens(marta);
  await box(lucia).fill("Sí, velas también");
  // Hers is on its way here, and not here yet.
  await lucia.route(/\/inbox\/[^/]+\/messages\?.*ids=/, (route) => route.abort());
  await box(marta).fill("Velas no quedan");
  await box(marta).press("Enter");
  await marta.locator(".message.out:not(.pending)", { hasText: "Velas no quedan" }).waitFor();
  await box(lucia).press("Enter");
  await lucia.locator(".question", { hasText: "Rosa Díaz respondió mientras escribías." }).waitFor();
  check(18, "it is asked about", [await accepted("Sí, velas también"), await box(lucia).inputValue()], [0, "Sí, velas también"]);
  await lookAt(lucia, "question", join(folder, "question.png"));
  await lucia.unroute(/\/inbox\/[^/]+\/messages\?.*ids=/);
  await lucia.getByRole("button", { name: "Enviar también" }).click();
  await lucia.locator(".message.out:not(.pending)", { hasText: "Sí, velas también" }).locator(".tick:not(.waits)").waitFor();
  check(18, "it goes once, when that is meant", await accepted("Sí, velas también"), 1);
  await outOfSight({ lucia, marta, accepted });
  const takes = async (page) => {
    await page.locator("[data-thread] details.menu > summary[aria-keyshortcuts=A]").click();
    await page.getByRole("button", { name: "Asignarme" }).click();
  };
  await takes(marta);
  await soon(19, 1_000, "named where it is open", lucia.locator(".who-has", { hasText: "Rosa Díaz" }).waitFor());
  await lookAt(lucia, "taken", join(folder, "taken.png"));
  await box(lucia).fill("¿Le ayudo?");
  await box(lucia).press("Enter");
  await lucia.locator(".question", { hasText: "La lleva Rosa Díaz." }).waitFor();
  check(19, "whoever answers all the same is asked", await accepted("¿Le ayudo?"), 0);
  await box(lucia).fill("");
  await marta.locator("[data-thread] details.menu > summary[aria-keyshortcuts=A]").click();
  await marta.getByRole("button", { name: "A nadie" }).click();
  await lucia.locator(".who-has", { hasText: "Sin asignar" }).waitFor();
}

/** An answer that comes where its reader has scrolled away is told of, and asked about until it was in sight. */
async function outOfSight({ lucia, marta, accepted }) {
  for (let nth = 0; nth < 24; nth += 1) await writes(`y otra cosa ${nth}`);
  await lucia.locator(".message .text", { hasText: "y otra cosa 23" }).waitFor();
  await lucia.locator("[data-scroller]").evaluate((pane) => new Promise((on) => {
    pane.addEventListener("scroll", on, { once: true });
    pane.scrollTop = -600;
  }));
  await becomes(() => marta.locator(".message .text", { hasText: "y otra cosa 23" }).count(), 1);
  await box(marta).fill("De eso me encargo");
  await box(marta).press("Enter");
  await lucia.locator(".message.out:not(.pending)", { hasText: "De eso me encargo" }).waitFor({ state: "attached" });
  await comes(18, "what came below is told of", () => lucia.locator("[data-newer]:not([hidden])").textContent(), "1 mensaje nuevo ↓");
  await box(lucia).fill("Yo me encargo");
  await box(lucia).press("Enter");
  await lucia.locator(".question", { hasText: "Rosa Díaz respondió mientras escribías." }).waitFor();
  check(18, "what was not in sight is asked about", await accepted("Yo me encargo"), 0);
  // Now it is in sight: what is written from here on knows of it.
  await lucia.reload();
  await lucia.locator(".message.out", { hasText: "De eso me encargo" }).waitFor();
  await box(lucia).fill("Gracias, Rosa");
  await box(lucia).press("Enter");
  await lucia.locator(".message.out:not(.pending)", { hasText: "Gracias, Rosa" }).locator(".tick:not(.waits)").waitFor();
  await box(marta).fill("De nada");
  await box(marta).press("Enter");
  await lucia.locator(".message.out:not(.pending)", { hasText: "De nada" }).waitFor();
  await box(lucia).fill("Hasta luego");
  await box(lucia).press("Enter");
  await lucia.locator(".message.out:not(.pending)", { hasText: "Hasta luego" }).locator(".tick:not(.waits)").waitFor();
  check(18, "what was in sight is not asked about", await lucia.locator(".question[role=alert]").count(), 0);
}

/** What leaves a view leaves it without moving what somebody is about to press. */
async function moving({ lucia, marta }) {
  for (const [nth, from] of ["525555500151", "525555500152", "525555500153"].entries()) await writes(`en fila ${nth}`, from);
  const line = (page, nth) => page.locator("#list > li", { hasText: `en fila ${nth}` });
  for (const page of [lucia, marta]) {
    await page.goto(`${url}/inbox?view=unassigned`);
    await line(page, 2).waitFor();
  }
  const under = line(marta, 0).locator("a");
  await under.hover();
  const before = await under.boundingBox();
  await line(lucia, 2).locator("a").click();
  await lucia.locator(".thread .text", { hasText: "en fila 2" }).waitFor();
  await lucia.keyboard.press("Escape");
  await lucia.keyboard.press("m");
  await lucia.locator(".who-has:not(:text('Sin asignar'))").waitFor();
  await marta.locator("[data-held]:not([hidden])").waitFor();
  check(22, "what is under the pointer stays", await under.boundingBox(), before);
  await comes(22, "and the list says that there is more to know", async () => (await marta.locator("[data-held]").textContent()).trim(), "1 con novedades · Actualizar");
  await lookAt(marta, "held", join(folder, "held.png"));
  await marta.mouse.move(900, 500);
  await line(marta, 2).waitFor({ state: "detached" });
  await comes(22, "then it goes", () => line(marta, 2).count(), 0);
  await line(marta, 0).locator("a").hover();
  await marta.mouse.down();
  await writes("en fila 0, y algo más", "525555500151");
  await line(marta, 0).getByText("y algo más").waitFor();
  await marta.mouse.up();
  await marta.locator(".thread .text", { hasText: "en fila 0, y algo más" }).waitFor();
  check(22, "a press outlives new words", await marta.locator(".thread h2").count(), 1);
}

/** Whoever is removed hears nothing more, and sees nothing more. */
async function removed({ lucia, marta }) {
  await marta.goto(`${url}/inbox?view=all`);
  await row(marta).waitFor();
  const there = await row(marta).locator("a").getAttribute("href");
  await lucia.goto(`${url}/settings/members`);
  await lucia.getByRole("link", { name: "Quitar a Rosa Díaz" }).click();
  await lucia.getByRole("button", { name: "Quitar a Rosa Díaz" }).click();
  await lucia.getByRole("link", { name: "Quitar a Rosa Díaz" }).waitFor({ state: "detached" });
  await writes("esto ya no es para Rosa");
  await soon(35, 2_000, "her page says that it is over", marta.locator("#status", { hasText: "Tu sesión terminó." }).waitFor());
  check(35, "she hears nothing more", await marta.getByText("esto ya no es para Rosa").count(), 0);
  const answers = await marta.evaluate((paths) => Promise.all(paths.map(async (path) => (await fetch(path, { redirect: "manual" })).status)), [there, "/api/v1/events/stream", "/inbox/rows"]);
  check(35, `nor sees anything (${answers})`, answers.every((status) => [0, 401, 403, 404].includes(status)));
}

/** Whom a conversation is with, beside it: a name of one's own, and a block that Meta carries out. */
async function panel({ lucia }) {
  await opens(lucia);
  await lucia.locator("[data-panel]").click();
  const pane = lucia.locator("#panel-dialog");
  await pane.locator("dd", { hasText: FROM.slice(-8) }).first().waitFor();
  await pane.getByLabel("Nombre propio").fill("La del pastel");
  await pane.getByRole("button", { name: "Guardar" }).click();
  await pane.locator("h2", { hasText: "La del pastel" }).waitFor();
  await lookAt(lucia, "panel", join(folder, "panel-wide.png"));
  await pane.getByText("Bloquear…").click();
  await pane.getByRole("button", { name: "Bloquear a La del pastel" }).click();
  await pane.getByText("Bloqueado:").waitFor();
  await pane.getByRole("button", { name: "Desbloquear" }).click();
  await pane.getByText("Bloqueado:").waitFor({ state: "detached" });
  await pane.locator("[data-close-panel]").click();
  await pane.waitFor({ state: "hidden" });
  // In less room it is a dialog: Esc leads back to what opened it, though that was drawn anew meanwhile.
  await lucia.setViewportSize({ width: 820, height: 860 });
  const link = lucia.locator("[data-panel]");
  await link.evaluate((one) => { one.dataset.old = "1"; });
  await link.press("Enter");
  await pane.locator("h2", { hasText: "La del pastel" }).waitFor();
  await lucia.locator("[data-panel]:not([data-old])").waitFor();
  await lucia.keyboard.press("Escape");
  await becomes(() => lucia.evaluate(() => document.activeElement.matches("[data-panel]")));
  await lucia.setViewportSize(WIDE);
}

/** By keys alone: through the list, into a conversation, its panel, the list of keys, the palette; none while somebody writes. */
async function keys({ lucia, marta }) {
  const at = () => lucia.locator("#list a[aria-current]").getAttribute("href");
  await lucia.goto(`${url}/inbox?view=all`);
  await lucia.locator("#list > li").first().waitFor();
  await lucia.keyboard.press("j");
  await lucia.locator("[data-thread]").waitFor();
  const first = await at();
  await lucia.keyboard.press("j");
  await lucia.waitForFunction((before) => document.querySelector("#list a[aria-current]")?.getAttribute("href") !== before, first);
  await lucia.keyboard.press("k");
  await lucia.waitForFunction((before) => document.querySelector("#list a[aria-current]")?.getAttribute("href") === before, first);
  await lucia.waitForFunction(() => document.activeElement.closest("#list"));
  await lucia.keyboard.press("?");
  await lucia.locator("#keys-dialog[open]").waitFor();
  await lookAt(lucia, "keys", join(folder, "keys.png"));
  await lucia.keyboard.press("Escape");
  await lucia.keyboard.press("i");
  await lucia.locator("#panel-dialog[open] h2").waitFor();
  await lucia.keyboard.press("i");
  await lucia.keyboard.press("r");
  await lucia.waitForFunction(() => document.activeElement.id === "body");
  await lucia.keyboard.type("jkie?");
  check(42, "letters are letters where somebody writes", [await box(lucia).inputValue(), await at()], ["jkie?", first]);
  await box(lucia).fill("");
  await lucia.keyboard.press("Escape");
  await lucia.keyboard.press("Control+k");
  await lucia.keyboard.type("jue?");
  check(42, "and where somebody looks for something", [await lucia.locator("#palette input").inputValue(), await at(), await lucia.locator("#keys-dialog[open]").count()], ["jue?", first, 0]);
  await lucia.locator("#palette input").fill("pastel");
  await lucia.locator("#palette [role=option]", { hasText: "La del pastel" }).waitFor();
  await lookAt(lucia, "palette", join(folder, "palette.png"));
  await lucia.locator("#palette [role=option]", { hasText: "La del pastel" }).click();
  await lucia.locator(".thread h2", { hasText: "La del pastel" }).waitFor();
  await lucia.waitForFunction(() => document.activeElement.id === "body" && !document.querySelector("[busy], [aria-busy=true], [data-turbo-preview]"));
  await lucia.keyboard.press("Escape");
  await lucia.waitForFunction(() => document.activeElement.matches("[data-scroller]"));
  await toMine(lucia);
  // Closed by a key: the next one opens, and what was closed can be taken up again as it was.
  const open = () => lucia.evaluate(() => ({ ...document.querySelector("[data-thread]")?.dataset }));
  await lucia.goto(`${url}/inbox?view=active`);
  await lucia.locator("#list > li").first().waitFor();
  await lucia.keyboard.press("j");
  await lucia.locator("[data-thread]").waitFor();
  const closed = await open();
  assert.equal(closed.state, "active");
  await lucia.keyboard.press("e");
  await lucia.waitForFunction((id) => document.querySelector("[data-thread]")?.dataset.thread !== id, closed.thread);
  await lucia.getByText(`Resuelta: ${closed.who}.`).waitFor();
  await lookAt(lucia, "undo", join(folder, "undo.png"));
  await toMine(lucia);
  await lucia.getByRole("button", { name: "Deshacer" }).click();
  await lucia.waitForFunction((id) => document.querySelector("[data-thread]")?.dataset.thread === id, closed.thread);
  await becomes(async () => (await open()).state, "active");
  await lucia.locator("#undo").waitFor({ state: "hidden" });
  await later(lucia);
  await oneAfterTheOther(lucia);
  // What was read is unread again, for both, and nobody who stays in the list reads it by that; nothing else of it changes.
  await lucia.goto(`${url}/inbox?view=all`);
  await row(lucia).click();
  await lucia.locator("[data-thread]").waitFor();
  await row(lucia).locator(".unread").waitFor({ state: "detached" });
  const before = await row(lucia).locator(".urgent").allTextContents();
  await lucia.keyboard.press("Escape");
  await lucia.keyboard.press("u");
  await lucia.waitForURL((at) => at.pathname === "/inbox");
  await row(lucia).locator(".unread", { hasText: "1" }).waitFor();
  await becomes(() => lucia.evaluate(() => document.activeElement.closest("#list > li")?.id), conversation, "the focus is at its row");
  await marta.goto(`${url}/inbox?view=all`);
  await comes(5, "for both", async () => (await row(marta).locator(".unread [aria-hidden]").textContent()).trim(), "1");
  check(5, "and nothing else is changed", await row(lucia).locator(".urgent").allTextContents(), before);
  // Nothing else marks it: to take it, or to name whom it is with.
  await marta.goto(`${url}${(await row(marta).locator("a").getAttribute("href")).replace("?", "/contact?")}`);
  await marta.getByLabel("Nombre propio").fill("La del pastel de tres leches");
  await marta.getByRole("button", { name: "Guardar" }).click();
  await marta.locator("h2", { hasText: "La del pastel de tres leches" }).waitFor();
  await lucia.reload();
  await row(lucia).getByText("La del pastel de tres leches").first().waitFor();
  check(5, "nor by another name", (await row(lucia).locator(".unread [aria-hidden]").textContent()).trim(), "1");
  // Whoever turned them off has them off.
  await lucia.goto(`${url}/settings/profile`);
  await lucia.getByLabel("Usar letras sueltas como atajos").uncheck();
  await lucia.locator("form[action='/settings/profile/shortcuts'] button").click();
  await lucia.getByRole("status").getByText("Guardado.").waitFor();
  await lucia.goto(`${url}/inbox?view=all`);
  await lucia.locator("#list > li").first().waitFor();
  await lucia.keyboard.press("j");
  await lucia.keyboard.press("?");
  check(42, "no letter does anything for whoever turned them off", await lucia.locator("[data-thread], #keys-dialog[open]").count(), 0);
}

/** From the list, by one key again and again. */
async function oneAfterTheOther(page) {
  for (const nth of [1, 2, 3]) await writes(`se resuelve ${nth}`, `52555550016${nth}`);
  await page.goto(`${url}/inbox?view=active`);
  for (const nth of [1, 2, 3]) await page.locator("#list > li", { hasText: `se resuelve ${nth}` }).waitFor();
  await page.waitForFunction(() => performance.getEntriesByName("inbox-ready").length);
  const rows = await page.locator("#list > li").evaluateAll((all) => all.slice(0, 3).map(({ id }) => id.slice(2)));
  const at = () => page.evaluate(() => [document.querySelector("[data-thread]")?.dataset.thread, document.activeElement.closest("#list > li")?.id.slice(2)]);
  await page.keyboard.press("j");
  await becomes(at, [rows[0], rows[0]]);
  for (const next of rows.slice(1)) {
    await page.locator("[data-thread] [data-key=e]").waitFor();
    await page.keyboard.press("e");
    await becomes(at, [next, next], "the next one is open, and has the focus");
  }
}

/** By two keys, which count together only where they come soon one after the other: on a slow machine a second time. */
async function toMine(page) {
  for (let tries = 0; tries < 5; tries += 1) {
    await page.keyboard.press("g");
    await page.keyboard.press("m");
    if (await page.waitForURL(/view=mine/, { timeout: 4_000 }).then(() => true, () => false)) return;
  }
  assert.fail("g and m lead to one's own");
}

/** What is written now and leaves later is there with its time, and can leave at once all the same. */
async function later(page) {
  await box(page).fill("Su pedido sale a las nueve.");
  await page.locator(".composer .later > summary").click();
  const zone = (await page.locator(".composer .later .small").textContent()).trim();
  await becomes(async () => /T09:00$/.test(await page.locator("#plan-at").inputValue()), true, "what is meant most is there");
  const soon = new Date(Date.now() + 30 * 60_000).toLocaleString("sv-SE", { timeZone: zone }).slice(0, 16).replace(" ", "T");
  // What was refused is said, and no more once it is mended.
  const passed = new Date(Date.now() - 3_600_000).toLocaleString("sv-SE", { timeZone: zone }).slice(0, 16).replace(" ", "T");
  await page.locator("#plan-at").fill(passed);
  await page.getByRole("button", { name: "Programar" }).click();
  await page.locator(".composer .fault").waitFor();
  if (!await page.locator(".composer .later[open]").count()) await page.locator(".composer .later > summary").click();
  await page.locator("#plan-at").fill(soon);
  await lookAt(page, "plan", join(folder, "plan.png"));
  await page.getByRole("button", { name: "Programar" }).click();
  const bubble = page.locator("li.message:not(.pending)", { hasText: "Su pedido sale a las nueve." }).last();
  await bubble.getByText("Se enviará hoy").or(bubble.getByText("Se enviará mañana")).waitFor();
  await becomes(() => page.locator(".composer .later[open]").count(), 0);
  await becomes(() => page.locator(".composer :is(.fault, [aria-invalid=true])").count(), 0, "nothing of it is refused any more");
  await bubble.hover();
  await bubble.locator(".on-message > summary").click();
  await lookAt(page, "planned", join(folder, "planned.png"));
  await bubble.getByRole("button", { name: "Enviar ahora" }).click();
  await bubble.getByText("Se enviará").waitFor({ state: "detached" });
  // Enter, while a time is chosen, plans; and what is planned stands for one message alone.
  await box(page).fill("Y esto también.");
  await page.locator(".composer .later > summary").click();
  await page.locator("#plan-at").fill(soon);
  await box(page).press("Enter");
  const second = page.locator("li.message:not(.pending)", { hasText: "Y esto también." }).last();
  await second.getByText("Se enviará").waitFor();
  await box(page).fill("Esto ya.");
  await box(page).press("Enter");
  const third = page.locator("li.message:not(.pending)", { hasText: "Esto ya." }).last();
  await third.locator(".tick:not(.waits)").waitFor();
  await becomes(() => third.getByText("Se enviará").count(), 0);
  // So is a file; and the next one goes at once.
  const file = (name) => page.locator("[data-files]").setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(name) });
  const shown = (name) => page.locator("li.message:not(.pending)", { hasText: name }).last();
  await file("luego.txt");
  await page.locator("[data-tray] li").waitFor();
  await page.locator(".composer .later > summary").click();
  await page.locator("#plan-at").fill(soon);
  await page.getByRole("button", { name: "Programar" }).click();
  await shown("luego.txt").getByText("Se enviará").waitFor();
  await file("ahora.txt");
  await page.locator("[data-tray] li").waitFor();
  await page.locator(".composer button.primary").click();
  await shown("ahora.txt").locator(".tick:not(.waits)").waitFor();
  await becomes(() => shown("ahora.txt").getByText("Se enviará").count(), 0);
  // One that must be made smaller first waits for that, and is planned all the same.
  await page.locator("[data-files]").setInputFiles({ name: "grande.png", mimeType: "image/png", buffer: noise(1500) });
  await page.locator(".composer .later > summary").click();
  await page.locator("#plan-at").fill(soon);
  await page.getByRole("button", { name: "Programar" }).click();
  await page.getByRole("button", { name: "Reducir y enviar" }).click();
  const picture = page.locator("li.message:not(.pending)", { has: page.locator("a.picture") }).last();
  await picture.getByText("Se enviará").waitFor();
  // Its words come back into an empty box, are this tab's from then on, and put nothing aside that stands there.
  const edit = async () => {
    await second.hover();
    if (!await second.locator(".on-message[open]").count()) await second.locator(".on-message > summary").click();
    await second.getByRole("button", { name: "Editar el texto" }).click();
  };
  await box(page).fill("Algo más");
  await edit();
  await page.getByRole("alert").getByText("Ya tienes un borrador aquí.").waitFor();
  await becomes(() => box(page).inputValue(), "Algo más");
  const isDraft = (answer) => answer.url().endsWith("/draft") && answer.request().method() === "POST";
  const emptied = page.waitForResponse((answer) => isDraft(answer) && !new URLSearchParams(answer.request().postData()).get("body"));
  await box(page).fill("");
  await emptied;
  await edit();
  await page.waitForFunction(() => document.querySelector("#body")?.value === "Y esto también.");
  const saved = page.waitForResponse(isDraft);
  await box(page).press("End");
  await box(page).pressSequentially(" ¿Sí?");
  assert.equal((await saved).status(), 200, "the tab knows which version it goes on from");
  await box(page).fill("");
}

/** The same on a phone, in English, in the dark. */
async function looks({ sessions }) {
  const phone = await sitDown(NARROW, "en", "dark", sessions);
  await phone.page.goto(`${url}/settings/profile`);
  await phone.page.locator("#language").selectOption("en");
  await phone.page.locator("form[action='/settings/profile'] button").click();
  await phone.page.getByRole("status").getByText("Saved.").waitFor();
  await lookAt(phone.page, "profile", join(folder, "profile-narrow.png"));
  await phone.page.goto(`${url}/settings/numbers`);
  await lookAt(phone.page, "numbers", join(folder, "numbers-narrow.png"));
  await phone.page.goto(`${url}/inbox?view=all`);
  await row(phone.page).locator("a").click();
  await phone.page.locator("[data-panel]").click();
  await phone.page.waitForURL(/\/contact/);
  await phone.page.getByText("Your name for them").waitFor();
  await lookAt(phone.page, "contact", join(folder, "contact-narrow.png"));
  await phone.page.goBack();
  await phone.page.locator("[data-thread]").waitFor();
  await phone.context.close();
}
