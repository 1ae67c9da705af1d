// The server ends and starts anew under two pages that are open: they go on by themselves, and miss nothing. `node
// inbox_restart.mjs URL SIMULATOR NUMBER EMAIL PASSWORD FOLDER`; on `restart` whoever runs it starts the server anew, and answers
// with the simulator's new address.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { allTried, check, comes, soon } from "./checks.mjs";
import { lookAt, open } from "./screens.mjs";

const [url, first, number, email, password, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
let simulator = first;

async function writes(text) {
  const body = JSON.stringify({ phone_number_id: number, from: "525555500801", type: "text", text: { body: text } });
  const answer = await fetch(`${simulator}/_sim/messages`, { method: "POST", body });
  assert.ok(answer.ok, await answer.text());
}

const browser = await open();
const troubles = [];
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: "es", reducedMotion: "reduce" });
  context.setDefaultTimeout(45_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => troubles.push(error.stack));
  await page.goto(`${url}/login`);
  await page.getByLabel("Correo").fill(email);
  await page.getByLabel("Contraseña", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Entrar", exact: true }).click();
  await page.waitForURL("**/inbox");
  await goesOn(page);
  assert.deepEqual(troubles, []);
  allTried();
} finally {
  await browser.close();
}
process.exit(0);

/** The page goes on by itself, and misses nothing. */
async function goesOn(page) {
  await writes("un momento antes");
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li a", { hasText: "un momento antes" }).click();
  await page.locator(".message .text", { hasText: "un momento antes" }).waitFor();
  await page.locator("#body").fill("lo que escribía");
  await page.evaluate(() => { globalThis.same = true; });
  console.log("restart");
  simulator = (await answers.next()).value;
  for (let nth = 0; nth < 20; nth += 1) await writes(`después ${nth}.`);
  await soon(30, 5_000, "the page goes on by itself", page.locator(".message .text", { hasText: "después 19." }).waitFor());
  const texts = await page.locator(".message.in .text").evaluateAll((all) => all.map((text) => text.textContent));
  check(30, "nothing is missed, nothing doubled", texts.filter((text) => text.startsWith("después")).sort(), Array.from({ length: 20 }, (_, nth) => `después ${nth}.`).sort());
  const row = page.locator("#list > li", { has: page.locator("a[aria-current]") });
  await row.getByText("Borrador:").waitFor();
  await comes(30, "one row, on top", async () => [await row.count(), await page.locator("#list > li").first().getAttribute("id")], [1, await row.getAttribute("id")]);
  check(30, "nothing was loaded anew, and the draft is there", [await page.evaluate(() => globalThis.same), await page.locator("#body").inputValue()], [true, "lo que escribía"]);
  await page.locator("#body").fill("y ya contesto");
  await page.locator("#body").press("Enter");
  await page.locator(".message.out:not(.pending)", { hasText: "y ya contesto" }).waitFor();
  await lookAt(page, "after", join(folder, "after.png"));
}
