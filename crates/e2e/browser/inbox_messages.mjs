// What one does with a message: answer it, react, pass it on, copy it; and a long conversation, read from end to end.

import assert from "node:assert/strict";
import { becomes, check } from "./checks.mjs";

export async function messages({ url, simulator, number, sessions, sitDown, writes, control, look }) {
  const { context, page, see } = await sitDown(look, sessions);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const from = "525555500501";
  await writes(from, "¿Tienen roles de canela?");
  await writes("525555500502", "Yo también quiero");
  const open = async (text) => {
    await page.goto(`${url}/inbox?view=all`);
    await page.locator("#list > li a", { hasText: text }).first().click();
    await page.locator(".thread .text", { hasText: text }).waitFor();
    // Whoever opens one can write at once: what is done by keys comes behind that.
    await page.waitForFunction(() => document.activeElement.id === "body");
  };
  await open("¿Tienen roles de canela?");
  const bubble = page.locator(".message.in", { hasText: "¿Tienen roles de canela?" });
  const menu = bubble.locator(".on-message > summary");

  // By keys alone: the menu, an emoji, and taking it back.
  await menu.press("Enter");
  await bubble.locator(".sheet").waitFor();
  await see("message-menu");
  await bubble.getByRole("button", { name: "❤️" }).focus();
  await page.keyboard.press("Enter");
  await bubble.locator(".reactions", { hasText: "❤️" }).waitFor();
  await menu.click();
  await bubble.locator("button[aria-pressed=true]").click();
  await bubble.locator(".reactions").waitFor({ state: "detached" });
  await menu.click();
  await bubble.getByLabel("Otro emoji").fill("🥐");
  await page.keyboard.press("Enter");
  await bubble.locator(".reactions", { hasText: "🥐" }).waitFor();
  await menu.click();
  await bubble.getByLabel("Otro emoji").fill("no");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("Una reacción es un solo emoji").waitFor();
  const reactions = (await (await fetch(`${simulator}/_sim/accepted?phone_number_id=${number}`)).json()).data.filter(({ request }) => request.type === "reaction" && request.to.endsWith("5500501"));
  assert.deepEqual(reactions.map(({ request }) => request.reaction.emoji), ["❤️", "", "🥐"]);

  // Its text, an answer to it by its menu and by ↑, and a way from the answer to what it answers.
  await menu.click();
  await bubble.getByRole("button", { name: "Copiar texto" }).click();
  await becomes(() => page.evaluate(() => navigator.clipboard.readText()), "¿Tienen roles de canela?");
  await menu.click();
  await bubble.getByRole("link", { name: "Responder" }).click();
  await page.locator("[data-replying]:not([hidden])").waitFor();
  await page.locator("[data-no-reply]").click();
  await page.locator("#body").press("ArrowUp");
  await page.locator("[data-replying]:not([hidden])").waitFor();
  await page.locator("#body").fill("Sí, recién hechos");
  await page.keyboard.press("Enter");
  const answer = page.locator(".message.out:not(.pending)", { hasText: "Sí, recién hechos" });
  await answer.locator("blockquote", { hasText: "¿Tienen roles de canela?" }).waitFor();
  await page.evaluate(() => {
    const sees = (changes) => changes.forEach(({ target }) => { if (target.classList.contains("found")) window.found = target.textContent; });
    new MutationObserver(sees).observe(document.body, { subtree: true, attributeFilter: ["class"] });
  });
  await answer.locator("blockquote a").click();
  await page.waitForFunction(() => window.found?.includes("¿Tienen roles de canela?"));

  // Passed on to another.
  await menu.click();
  await bubble.getByRole("link", { name: "Reenviar" }).click();
  await page.getByRole("heading", { name: "Reenviar a" }).waitFor();
  await page.getByRole("checkbox", { name: /5500502/ }).check();
  await see("forward");
  // Who was chosen stays chosen, whomever a search finds.
  await page.getByRole("searchbox").fill("Mariana");
  await page.getByRole("searchbox").press("Enter");
  await page.locator(".forward .choice", { hasText: "Mariana Ortega" }).waitFor();
  await becomes(() => page.getByRole("checkbox", { name: /5500502/ }).isChecked(), true, "they are still chosen");
  await page.getByRole("button", { name: "Reenviar" }).click();
  await page.locator(".message.out:not(.pending)", { hasText: "¿Tienen roles de canela?" }).waitFor();
  await kinds({ page, see, url, control, number });
  await long({ page, url, control, number });
  await context.close();
}

/** A picture large, and the next one, by keys. */
async function kinds({ page, see, url, control, number }) {
  const from = "525555500504";
  for (const caption of ["La primera", "La segunda"]) await control("messages", { phone_number_id: number, from, type: "image", image: { caption } });
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li a", { hasText: "5500504" }).click();
  const picture = page.locator(".messages a.picture").first();
  await page.locator(".messages a.picture").nth(1).waitFor();
  await picture.click();
  const box = page.locator("[data-lightbox][open] img");
  await box.waitFor();
  await see("lightbox");
  const src = await box.getAttribute("src");
  await page.keyboard.press("ArrowRight");
  assert.notEqual(await box.getAttribute("src"), src);
  await page.keyboard.press("ArrowLeft");
  await becomes(() => box.getAttribute("src"), src);
  await page.keyboard.press("Escape");
  await box.waitFor({ state: "hidden" });
  await becomes(() => picture.evaluate((link) => link === document.activeElement), true, "back where it was opened");
}

/** Of four hundred messages, no more than two hundred are here at once; none is missed, none comes twice, and what is read stays where it is. */
async function long({ page, url, control, number }) {
  const from = "525555500503";
  const ids = Array.from({ length: 400 }, (_, nth) => `largo ${nth}.`);
  for (let at = 0; at < 400; at += 20) {
    for (const text of ids.slice(at, at + 20)) await control("messages", { phone_number_id: number, from, type: "text", text: { body: text } });
  }
  await page.goto(`${url}/inbox?view=all`);
  const row = page.locator("#list > li a", { hasText: "5500503" });
  await row.locator(".unread", { hasText: "400" }).waitFor();
  await row.click();
  await page.locator("li.new").waitFor();
  // It opens at the first that is unread, far above the end; the line stands there once.
  await becomes(() => page.locator("li.new").count(), 1);
  const [line, pane] = [await page.locator("li.new").boundingBox(), await page.locator("[data-scroller]").boundingBox()];
  assert.ok(line.y >= pane.y - 2 && line.y < pane.y + pane.height, "what is new is in sight");
  await becomes(async () => await page.locator("li.older").isHidden() && await page.locator("li.newer").isVisible(), true, "at its beginning, not at its end");

  const step = (by) => page.evaluate(async (pixels) => {
    const scroller = document.querySelector("[data-scroller]");
    const middle = scroller.getBoundingClientRect().top + scroller.clientHeight / 2;
    scroller.scrollBy(0, pixels);
    const kept = [...document.querySelectorAll("li.message")].find((item) => item.getBoundingClientRect().bottom > middle);
    const before = kept.getBoundingClientRect().top;
    // What comes near begins to come, and has come.
    const frame = () => new Promise((on) => { requestAnimationFrame(() => setTimeout(on)); });
    await frame();
    do await frame(); while (document.querySelector("[data-asked]"));
    const texts = [...document.querySelectorAll("li.message .text")].map((text) => text.textContent);
    const places = [...document.querySelectorAll("li.message")].map(({ dataset }) => [Number(dataset.second), Number(dataset.sequence)]);
    const ends = ["older", "newer"].filter((name) => document.querySelector(`li.${name}`).hidden);
    return { moved: kept.isConnected ? Math.abs(kept.getBoundingClientRect().top - before) : 0, texts, places, ends };
  }, by);
  // What comes as somebody reads is not read aloud.
  await page.evaluate(() => {
    globalThis.said = [];
    const status = document.querySelector("#status");
    new MutationObserver(() => globalThis.said.push(status.textContent)).observe(status, { childList: true, characterData: true, subtree: true });
  });
  const all = new Set();
  const walk = async (by, end) => {
    for (let nth = 0; nth < 120; nth += 1) {
      const { moved, texts, places, ends } = await step(by);
      check(25, `what is read moved by ${moved} px at step ${nth} of ${by}, with ${places.length} there`, moved <= 2);
      check(25, `${places.length} messages are here`, places.length <= 200);
      check(25, "none is there twice", new Set(texts).size, texts.length);
      check(25, "in order", places, places.toSorted(([a, b], [c, d]) => a - c || b - d));
      texts.forEach((text) => all.add(text));
      if (ends.includes(end)) return;
    }
    assert.fail(`never came to ${end}`);
  };
  await walk(600, "newer");
  check(25, "none is missed", all.size, 400);
  await page.locator("[data-scroller]").evaluate((scroller) => { scroller.scrollTop = 0; });
  all.clear();
  await walk(-600, "older");
  check(25, "nor on the way back", all.size, 400);
  check(44, "nothing of it is read aloud", await page.evaluate(() => globalThis.said), []);
  // Far from the end, what comes does not move anything; it is told of, and a press leads there.
  const read = () => page.evaluate(() => {
    const pane = document.querySelector("[data-scroller]").getBoundingClientRect();
    const item = [...document.querySelectorAll("li.message")].find((one) => one.getBoundingClientRect().top > pane.top);
    return [item.id, Math.round(item.getBoundingClientRect().top)];
  });
  const before = await read();
  await page.locator("[data-thread] details.menu > summary").first().click();
  await page.getByRole("button", { name: "Asignarme" }).click();
  await page.locator(".who-has bdi").waitFor();
  check(25, "nor does it by what is done above it", [await read(), await page.locator("[data-thread] details.menu[open]").count()], [before, 0]);
  await becomes(() => page.evaluate(() => document.activeElement.id), "body");
  await control("messages", { phone_number_id: number, from, type: "text", text: { body: "largo 400." } });
  await becomes(() => page.locator("[data-newer]:not([hidden])").textContent(), "1 mensaje nuevo ↓");
  for (let nth = 401; nth < 405; nth += 1) await control("messages", { phone_number_id: number, from, type: "text", text: { body: `largo ${nth}.` } });
  await page.locator("[data-newer]:not([hidden])", { hasText: "5 mensajes nuevos" }).waitFor();
  check(23, "what is read is where it was", await read(), before);
  await page.locator("[data-newer]").click();
  await page.locator(".message .text", { hasText: "largo 404." }).waitFor();
  const last = page.locator("li.message").last();
  const [end, below] = await last.waitFor().then(() => Promise.all([last, page.locator("[data-scroller]")].map((one) => one.boundingBox())));
  check(23, `a press leads to the end (${JSON.stringify([end, below])})`, end.y + end.height <= below.y + below.height + 1 && end.y >= below.y);
}
