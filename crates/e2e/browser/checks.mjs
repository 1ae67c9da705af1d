// What the inbox promises, by number, as `CHECKS.md` says it: in which run each promise is tried. A run that ends without having
// tried all that stands there under its name fails.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

/** By run: each number with what is promised. */
const CHECKS = {};
let run;
for (const line of readFileSync(new URL("CHECKS.md", import.meta.url), "utf8").split("\n")) {
  run = /^## `(\w+)`, by /.exec(line)?.[1] ?? run;
  const row = /^\| (\d+) \| (.+?) \|/.exec(line);
  if (row) (CHECKS[run] ??= {})[row[1]] = row[2];
}

const PART = process.env.PART ?? "inbox";
const tried = new Set();

/** A promise holds: what is the case is what was expected. */
export function check(number, words, is, expected = true) {
  tried.add(number);
  assert.deepEqual(is, expected, `check ${number}: ${words}`);
}

/** What a page is on its way to is soon the case, however slow the machine is. */
export async function becomes(is, expected = true, words = "") {
  const end = performance.now() + 20_000;
  // A page that is left has nothing to say; the next one has.
  const look = () => is().catch((fault) => { if (performance.now() < end && /context was destroyed/.test(fault.message)) return fault; throw fault; });
  let found = await look();
  while (!isDeepStrictEqual(found, expected) && performance.now() < end) {
    await new Promise((on) => { setTimeout(on, 50); });
    found = await look();
  }
  assert.deepEqual(found, expected, words);
}

/** A promise that a page is on its way to is soon kept. */
export async function comes(number, words, is, expected = true) {
  tried.add(number);
  await becomes(is, expected, `check ${number}: ${words}`);
}

/** Machines that are shared are slower than people's: so many times longer than promised is still no failure. */
const PATIENCE = 5;

/** A promise holds in time. */
export async function soon(number, milliseconds, words, comes) {
  const began = performance.now();
  const came = await comes;
  const took = performance.now() - began;
  console.log(`check ${number}: ${words} after ${Math.round(took)} ms`);
  check(number, `${words} within ${milliseconds} ms, and took ${Math.round(took)}`, took <= milliseconds * PATIENCE);
  return came;
}

/** All that this run is there for was tried. */
export function allTried() {
  if (process.env.ONLY || process.env.STEP) return;
  assert.ok(CHECKS[PART], `${PART} is no run of CHECKS.md`);
  assert.deepEqual(Object.keys(CHECKS[PART]).filter((number) => !tried.has(Number(number))), [], "not tried");
}
