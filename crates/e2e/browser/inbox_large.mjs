// Ten thousand conversations, and one of fifty thousand messages: both cost what a small inbox costs. `node inbox_large.mjs URL
// SIMULATOR NUMBER EMAIL PASSWORD FOLDER`, beside a demo that was made so large.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { allTried, check, comes } from "./checks.mjs";
import { lookAt, open } from "./screens.mjs";

const [url, simulator, number, email, password, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const LONG = 50_000;
const FIRST_DAY = "01990000-0000-7000-8000-000000000007"; // One of its first messages.

const browser = await open();
const troubles = [];
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: "es", reducedMotion: "reduce" });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => troubles.push(error.stack));
  page.on("console", (line) => line.type() === "error" && troubles.push(line.text()));
  await page.goto(`${url}/login`);
  await page.getByLabel("Correo").fill(email);
  await page.getByLabel("Contraseña", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Entrar", exact: true }).click();
  await page.waitForURL("**/inbox");
  for (const step of [long, list]) {
    const began = Date.now();
    await step(page);
    console.log(`ok ${step.name} after ${Date.now() - began} ms`);
  }
  assert.deepEqual(troubles, []);
  allTried();
} finally {
  await browser.close();
}

/** How long the server takes for the frame of a conversation, in the middle of several times. */
function took(page, href) { return page.evaluate(async (path) => {
  const all = [];
  for (let nth = 0; nth < 9; nth += 1) {
    const began = performance.now();
    await (await fetch(path, { headers: { "turbo-frame": "thread" } })).text();
    all.push(performance.now() - began);
  }
  return all.sort((one, other) => one - other)[4];
}, href); }

async function long(page) {
  await page.goto(`${url}/inbox?view=all`);
  const row = page.locator("#list > li a", { hasText: "La de siempre" });
  const [theirs, short] = [await row.getAttribute("href"), await page.locator("#list > li a", { hasText: "Lista 00001" }).getAttribute("href")];
  const [costs, costsLittle] = [await took(page, theirs), await took(page, short)];
  console.log(`the long one takes ${costs.toFixed(1)} ms, one of a message ${costsLittle.toFixed(1)} ms`);
  // One holds forty messages, the other one of them.
  check(26, `it costs ${costs.toFixed(1)} ms beside ${costsLittle.toFixed(1)} ms`, costs < costsLittle * 4 + 50);
  const began = Date.now();
  await row.click();
  await page.locator(".message .text", { hasText: `largo ${LONG}.` }).waitFor();
  console.log(`check 26: it is painted after ${Date.now() - began} ms`);
  // 120 is the aim, which a quiet machine keeps; of a crowded one this is a multiple of what its server takes alone.
  check(26, `it is painted after ${Date.now() - began} ms`, Date.now() - began < 120 * 5 + costs * 20);
  check(26, "a part of it is here", await page.locator("li.message").count() <= 200);
  check(26, "the page stays small", await page.evaluate(() => document.querySelectorAll("*").length) <= 6_000);
  await lookAt(page, "long", join(folder, "long.png"));
  // Around a message of its first day.
  const id = new URL(page.url()).pathname.split("/")[2];
  await page.goto(`${url}/inbox/${id}?view=all&message=${FIRST_DAY}`);
  const found = page.locator(`#m-${FIRST_DAY}`);
  await found.waitFor();
  const [bubble, pane] = [await found.boundingBox(), await page.locator("[data-scroller]").boundingBox()];
  check(26, "it is in the middle", Math.abs(bubble.y + bubble.height / 2 - pane.y - pane.height / 2) < pane.height / 3);
  await comes(26, "the end is elsewhere, and a press away", () => page.locator("[data-latest]").isVisible());
  await page.locator("[data-latest]").click();
  await page.locator(".message .text", { hasText: `largo ${LONG}.` }).waitFor();
}

async function list(page) {
  await page.goto(`${url}/inbox?view=all`);
  await comes(27, "fifty rows are sent", () => page.locator("#list > li").count(), 50);
  const seen = new Map();
  const step = () => page.evaluate(async () => {
    const pane = document.querySelector("[data-list]");
    pane.scrollBy(0, 1_800);
    const frame = () => new Promise((on) => { requestAnimationFrame(() => setTimeout(on)); });
    await frame();
    do await frame(); while (document.querySelector("[data-more][data-asked]"));
    return [...document.querySelectorAll("#list > li")].map((row) => [row.id, Number(row.dataset.at), row.querySelector(".name").textContent.trim()]);
  });
  let most = 0;
  for (let nth = 0; nth < 120 && seen.size < 1_000; nth += 1) {
    const rows = await step();
    most = Math.max(most, rows.length);
    check(27, "each once", new Set(rows.map(([id]) => id)).size, rows.length);
    check(27, "in order", rows.map(([, at]) => at), rows.map(([, at]) => at).toSorted((one, other) => other - one));
    rows.forEach(([id, , name]) => seen.set(id, name));
  }
  check(27, `a thousand are reached, and ${seen.size} were`, seen.size >= 1_000);
  check(27, `${most} rows were here at once`, most <= 150);
  const names = [...seen.values()].filter((name) => name.startsWith("Lista "));
  check(27, "none is left out", names, names.map((_, nth) => `Lista ${String(nth + 1).padStart(5, "0")}`));
  // And back to where it began.
  for (let nth = 0; nth < 120; nth += 1) {
    const isTop = await page.evaluate(async () => {
      const pane = document.querySelector("[data-list]");
      pane.scrollBy(0, -2_400);
      await new Promise((on) => { requestAnimationFrame(() => setTimeout(on, 10)); });
      return pane.scrollTop === 0 && document.querySelector("#list").style.paddingBlockStart === "";
    });
    if (isTop) break;
  }
  await page.locator("#list > li", { hasText: "La de siempre" }).waitFor();
  await comes(27, "what waits is counted, as far as that says anything", async () => (await page.locator("#views [data-view=active] .count").textContent()).trim(), "99+");
  await lookAt(page, "list", join(folder, "list.png"));
}
