// The picture at the head of the README: the inbox of a demo of its own, which ends with it. `node screenshot.mjs WAZAPP PICTURE`.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "./screens.mjs";

const [wazapp, picture] = process.argv.slice(2);
const LARGEST = 300 << 10;

const folder = mkdtempSync(join(tmpdir(), "wazapp-"));
chmodSync(folder, 0o711); // PostgreSQL may run as a user of its own.
const settings = { ...process.env, WAZAPP_DATA_DIR: join(folder, "data"), WAZAPP_LISTEN: "127.0.0.1:0" };
const demo = spawn(wazapp, ["demo", "--simulator", "127.0.0.1:0", "--json"], { env: settings, stdio: ["ignore", "pipe", "inherit"] });
const ended = new Promise((end) => { demo.on("exit", end); });

/** What the demo says once it is furnished. */
async function welcome() {
  let said = "";
  for await (const piece of demo.stdout.setEncoding("utf8")) {
    said += piece;
    const line = said.split("\n").slice(0, -1).find((line) => line.startsWith('{"url"'));
    if (line) return JSON.parse(line);
  }
  throw new Error("the demo ended before it was furnished");
}

try {
  const { url, sign_in: { email, password } } = await welcome();
  const browser = await open();
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, locale: "en", colorScheme: "light", reducedMotion: "reduce" });
  await page.goto(`${url}/inbox`);
  await page.locator("#email").fill(email);
  await page.locator("#password").fill(password);
  await page.locator("#password").press("Enter");
  await page.waitForURL("**/inbox");
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li a", { hasText: "Mariana Ortega" }).click();
  await page.locator(".thread h2", { hasText: "Mariana Ortega" }).waitFor();
  await page.evaluate(() => Promise.all([...document.images].map((image) => image.decode().catch(() => {}))));
  await page.evaluate(() => document.activeElement?.blur());
  await page.screenshot({ path: picture });
  await browser.close();
  assert.ok(statSync(picture).size < LARGEST, `${picture} is larger than ${LARGEST} bytes`);
} finally {
  demo.kill("SIGTERM");
  await ended;
  rmSync(folder, { recursive: true, force: true });
}
