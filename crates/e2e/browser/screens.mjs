// What every visit in a browser needs: the browser, and a close look at each screen.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import AxeBuilder from "@axe-core/playwright";
import { chromium } from "playwright-core";

/** Debian's browser, with these switches. */
export const open = (...switches) => chromium.launch({
  executablePath: execFileSync("which", ["chromium"], { encoding: "utf8" }).trim(),
  args: [...(process.getuid() === 0 ? ["--no-sandbox"] : []), ...switches],
});

/** Looks at a screen: no rule of accessibility is broken, nothing is wider than the screen, and a picture is kept. */
export async function lookAt(page, screen, picture) {
  await look(page, screen, picture);
  const [inside, outside] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(inside <= outside, `${screen} is ${inside} wide`);
  const squeezed = await page.evaluate(() => [...document.querySelectorAll("h1, h2, h3")]
    .filter((heading) => heading.checkVisibility() && heading.clientWidth > 1 && !heading.matches(".spoken") && heading.clientWidth < Math.min(72, 9 * heading.textContent.trim().length)).map(({ textContent }) => textContent));
  assert.deepEqual(squeezed, [], `${screen} leaves its headings no room`);
}

/** The same of a screen that was looked at in other colours already. */
export const contrastOf = (page, screen, picture) => look(page, screen, picture, ["color-contrast"]);

async function look(page, screen, picture, rules) {
  await page.evaluate(() => Promise.all([...document.images].map((image) => image.decode().catch(() => {}))));
  await page.screenshot({ path: picture });
  // The page has no frames: without the look for them, axe takes a quarter of the time.
  const axe = new AxeBuilder({ page }).setLegacyMode(true).options({ resultTypes: ["violations"] });
  const { violations } = await (rules ? axe.withRules(rules) : axe).analyze();
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map((node) => `${node.html}\n    ${node.failureSummary}`).join("\n  ")}`);
  assert.deepEqual(found, [], `${screen} breaks rules`);
}
