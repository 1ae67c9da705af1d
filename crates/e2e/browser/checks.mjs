// What the inbox promises, by number, and in which run each promise is tried. A run that ends without having tried all that
// stands here under its name fails. `node checks.mjs` says the names of the runs.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";

export const CHECKS = {
  inbox: {
    1: "what a customer writes is on top of an open list within a second, with its count, and nothing is loaded anew",
    3: "to pass over a row is not to read it",
    16: "what was being written outlives a reload and a tab that is closed",
    28: "without a line: how old is what is seen; what is written waits, goes once, in order, and all is well again",
    29: "what came meanwhile, from customers and colleagues, is there, all and in order",
  },
  messages: {
    23: "what is read stays where it is; what came below is told of, and a press leads there",
    25: "a long conversation: all of it once, no more than two hundred at a time, nothing jumps",
    38: "files: progress, a smaller picture offered, one taken back; what is dropped goes to whom it is dropped on",
  },
  hostile: {
    50: "three hundred texts that mean harm are texts wherever a text is shown",
  },
  inbox_together: {
    4: "it is read when it was seen, by one in front of whom it was; then for all",
    5: "what is marked as unread is so for both, and nothing else marks it",
    15: "a draft is of one person and one conversation: on their other devices, in their list, and nobody else's",
    17: "who writes an answer is seen, and no longer than a few seconds after",
    18: "whoever has not seen a colleague's newer answer is asked before theirs goes",
    19: "whoever takes a conversation is named above it wherever it is open",
    22: "what leaves a view leaves it without moving a row that somebody is about to press",
    35: "whoever is removed hears nothing more, and sees nothing more",
    42: "letters are letters where somebody writes, and nothing at all for whoever turned them off",
  },
  sending: {
    6: "what is sent stands there at once, and climbs its ladder in signs and in words",
    7: "two presses send once",
    8: "three in a row go in order, and what fails marks itself alone",
    9: "behind 24 hours: why, and a template with the text beside it",
    10: "what nobody knows is said, not sent again, and known by itself later",
    11: "whatever order and however often it is told: one bubble, which never falls back",
    12: "the window: warned of, closed and open again under an open page, the draft kept",
  },
  places: {
    2: "a press on a row shows the conversation, its address and the box to write in, at once",
    24: "at the end, a tall picture that comes late leaves it at the end",
    32: "eight tabs share one stream, and the next one takes it over",
    33: "back and forward: address, conversation and marked row agree, and know what came meanwhile",
    34: "who signs out leaves nothing behind, and the other tabs say so",
    41: "by keys alone, the focus always in sight",
    44: "landmarks, headings and names; what is read aloud is what is new, once",
    45: "at 320 pixels and 400 %, nothing scrolls sideways",
    47: "on a phone: list, conversation and contact by taps and back, above the keyboard, in targets for fingers",
    48: "each language whole: its tag, times and sizes as it writes them, no name of a text, and long words fit",
    52: "no page breaks its policy or logs an error",
    57: "without JavaScript: sign in, read, answer, resolve, go on",
  },
  kinds: {
    36: "each type has a bubble with a name, none is blank, and an unknown one shows what it is",
    37: "a reaction, an answer, an edit and a deletion are where they belong, before or behind what they are about",
    39: "a file that cannot be had is said in words",
    49: "right to left, and what turns letters round, stays within its own bounds",
    51: "what could run is fetched, and never runs",
  },
  inbox_large: {
    26: "a conversation of fifty thousand opens like a short one, at its end or around a message",
    27: "of ten thousand conversations a few are here at a time, each once and in order",
  },
  inbox_restart: {
    30: "a server that starts anew under an open page: nothing is missed or doubled",
  },
};

/** What is tried by hand, on a quiet machine: `ONLY=places STEP=… node inbox.mjs …` (`inbox_places.mjs`). */
export const BY_HAND = {
  31: "who missed very much sees everything anew, and keeps the draft",
  43: "no rule of accessibility is broken, with menus and dialogs open, in both languages, schemes and three widths",
  46: "nothing moves for who wants it so; ticks are words where colours are forced",
  53: "whatever is another organization's is not there",
  58: "what a page weighs and takes stays within its budget",
};

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
  if (process.env.ONLY) return;
  assert.deepEqual(Object.keys(CHECKS[PART] ?? {}).filter((number) => !tried.has(Number(number))), [], "not tried");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(Object.keys(CHECKS).join("\n"));
