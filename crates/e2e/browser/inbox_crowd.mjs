// Five agents at work in the inbox of a demo, beside 200 customers who write 20 times a second: nothing is missed or doubled,
// order and counts are right, nobody's page is loaded anew, and what it costs is told: into a file of the folder.
// `WAZAPP_CROWD_SECONDS=180 node inbox_crowd.mjs URL SIMULATOR NUMBER EMAIL PASSWORD FOLDER`, beside `wazapp demo`.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allTried, check } from "./checks.mjs";
import { open } from "./screens.mjs";

const [url, simulator, number, email, password, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const LONG = Number(process.env.WAZAPP_CROWD_SECONDS || 15) * 1_000;
assert.ok(LONG > 0, "WAZAPP_CROWD_SECONDS is a number of seconds");
const [AGENTS, CUSTOMERS, EACH_SECOND] = [5, 200, 20];
const ANSWERS_EVERY = 5_000;
const HEAP = 20 * 1024 * 1024;
const SOON = 300; // Within so many milliseconds 95 of a hundred are to be seen.
const PATIENCE = 10; // Machines that are shared are slower than people's.

const phone = (nth) => `5255561${String(nth).padStart(5, "0")}`;
const name = (nth) => `Cliente ${String(nth).padStart(3, "0")}`;
const sent = []; // By its number: whose, and when.
const writing = []; // By customer: what of theirs is under way.
const troubles = [];

const browser = await open("--enable-precise-memory-info");
try {
  const agents = await sitDown();
  // Those whom somebody has open write last, and are on top.
  for (let nth = CUSTOMERS - 1; nth >= 0; nth -= 1) await writes(nth);
  for (const [nth, agent] of agents.entries()) await opens(agent, nth);
  const before = await Promise.all(agents.map(heap));
  let middle;
  const began = Date.now();
  const answering = agents.map((agent, nth) => answers(agent, nth, began + LONG));
  const asked = [];
  for (let turn = 0; Date.now() < began + LONG; turn += 1) {
    // One in ten is of somebody whose conversation is open; they write seconds apart, or whichever of two webhooks comes first is first.
    asked.push(writes(turn % 10 === 0 ? (turn / 10) % AGENTS : AGENTS + ((turn * 7) % (CUSTOMERS - AGENTS))));
    if (Date.now() > began + LONG / 2) middle ??= Promise.all(agents.map(heap));
    const next = began + (turn + 1) * (1_000 / EACH_SECOND);
    await new Promise((resume) => { setTimeout(resume, Math.max(0, next - Date.now())); });
  }
  await Promise.all(asked);
  const said = await Promise.all(answering);
  const took = (Date.now() - began) / 1_000;
  await Promise.all(agents.map(settled));
  const heaps = [before, await middle, await Promise.all(agents.map(heap))];
  for (const [nth, agent] of agents.entries()) await checks(agent, nth, said[nth]);
  assert.deepEqual(troubles, []);
  const all = (await Promise.all(agents.map(late))).flat().sort((one, other) => one - other);
  told(all, heaps, { took, answers: said.flat().length });
  allTried();
} finally {
  await browser.close();
}

/** How soon all was seen, and what it cost. */
function told(all, heaps, { took, answers: answered }) {
  const at = (share) => Math.round(all[Math.min(all.length - 1, Math.floor(all.length * share))]);
  const mega = (bytes) => Number((bytes / 1024 / 1024).toFixed(1));
  const figures = JSON.stringify({
    agents: AGENTS, conversations: CUSTOMERS, seconds: Math.round(took), messages: sent.length - CUSTOMERS,
    each_second: Number(((sent.length - CUSTOMERS) / took).toFixed(1)), answers: answered, seen: all.length,
    visible_ms: { p50: at(0.5), p95: at(0.95), p99: at(0.99), most: at(1) },
    heap_mb: Object.fromEntries(["start", "middle", "end"].map((when, nth) => [when, heaps[nth].map(mega)])),
  });
  console.log(figures);
  writeFileSync(join(folder, "crowd.json"), figures);
  check(58, `95 of a hundred are seen within ${at(0.95)} ms`, at(0.95) <= SOON * PATIENCE);
  const grown = heaps[2].map((bytes, nth) => bytes - heaps[0][nth]);
  check(58, `the heap grew by ${grown.map(mega)} MB`, Math.max(...grown) < HEAP);
}

/** A customer writes, one message after the other. */
function writes(nth) {
  const mark = sent.push({ nth, at: Date.now() }) - 1;
  return (writing[nth] = (writing[nth] ?? Promise.resolve()).then(() => hands(nth, mark)));
}

async function hands(nth, mark) {
  const body = JSON.stringify({ phone_number_id: number, from: phone(nth), profile_name: name(nth), type: "text", text: { body: `m${mark}` } });
  const answer = await fetch(`${simulator}/_sim/messages`, { method: "POST", body });
  assert.ok(answer.ok, await answer.text());
}

async function visit() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: "es", reducedMotion: "reduce" });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => troubles.push(error.stack));
  page.on("console", (line) => line.type() === "error" && troubles.push(line.text()));
  // When the page first showed a message, in its row or in its conversation.
  await page.addInitScript(() => {
    globalThis.shown = {};
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const node of addedNodes) {
        if (!(node instanceof Element)) continue;
        for (const place of [node, ...node.querySelectorAll(".preview, .message .text")]) {
          const mark = place.matches(".preview, .message .text") && /^\s*m(\d+)\s*$/.exec(place.textContent);
          if (mark) globalThis.shown[mark[1]] ??= Date.now();
        }
      }
    }).observe(document, { childList: true, subtree: true });
  });
  return page;
}

/** The owner, and those whom they invite. */
async function sitDown() {
  const owner = await visit();
  await owner.goto(`${url}/login`);
  await owner.getByLabel("Correo").fill(email);
  await owner.getByLabel("Contraseña", { exact: true }).fill(password);
  await owner.getByRole("button", { name: "Entrar", exact: true }).click();
  await owner.waitForURL("**/inbox");
  const agents = [owner];
  for (let nth = 1; nth < AGENTS; nth += 1) {
    await owner.goto(`${url}/settings/members/invite`);
    await owner.locator("#email").fill(`agente${nth}@lucero.example`);
    await owner.getByRole("button", { name: "Crear el enlace" }).click();
    const link = await owner.getByLabel("Enlace de invitación").inputValue();
    const agent = await visit();
    await agent.goto(link);
    await agent.getByLabel("Tu nombre").fill(`Agente ${nth}`);
    await agent.getByLabel("Contraseña", { exact: true }).fill("un pan de muerto grande");
    await agent.getByRole("button", { name: "Crear mi cuenta y entrar" }).click();
    await agent.waitForURL("**/inbox");
    agents.push(agent);
  }
  return agents;
}

async function opens(page, nth) {
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li a", { hasText: name(nth) }).click();
  await page.locator(".thread h2", { hasText: name(nth) }).waitFor();
  await page.mouse.move(900, 300);
  await page.evaluate(() => { globalThis.same = true; });
}

/** Answers in the conversation that is open, now and then. */
async function answers(page, nth, until) {
  const said = [];
  while (Date.now() < until) {
    said.push(`a${nth}-${said.length}`);
    await page.locator("#body").fill(said.at(-1));
    await page.locator("#body").press("Enter");
    await page.locator(".message.out:not(.pending) .text", { hasText: said.at(-1) }).first().waitFor();
    await page.waitForTimeout(Math.min(ANSWERS_EVERY, Math.max(0, until - Date.now())));
  }
  return said;
}

async function heap(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("HeapProfiler.collectGarbage");
  await devtools.detach();
  return page.evaluate(() => performance.memory.usedJSHeapSize);
}

/** The last that was sent of each conversation. */
function lastOf() { return new Map(sent.map(({ nth }, mark) => [nth, mark])); }

/** All that was sent is here. */
async function settled(page) {
  const last = [...lastOf()].filter(([nth, mark]) => nth >= AGENTS && mark >= CUSTOMERS).map(([, mark]) => mark);
  await page.waitForFunction((marks) => marks.every((mark) => globalThis.shown[mark]), last);
}

/** What the page shows is what the server has, and what was sent. */
async function checks(page, nth, said) {
  check(58, "nothing was loaded anew", await page.evaluate(() => globalThis.same));
  // The conversation that stayed open: each once, in order, beside what was answered.
  const mine = sent.flatMap((one, mark) => (one.nth === nth ? [`m${mark}`] : []));
  const here = await page.locator(".message .text").allTextContents().then((all) => all.map((text) => text.trim()));
  const [theirs, ours] = ["m", "a"].map((sign) => here.filter((text) => text.startsWith(sign)));
  check(58, "each once, in order", theirs, mine.slice(-theirs.length));
  assert.ok(theirs.length > 20 || theirs.length === mine.length, `${theirs.length} of ${mine.length} are here`);
  assert.deepEqual(ours, said.slice(-ours.length), "each answer once, in order");
  // The list, beside one that is read anew.
  const rows = (within) => [...within.querySelectorAll("#list > li")].slice(0, 50).map((row) => ({
    id: row.id, last: row.querySelector(".preview").textContent.trim(), unread: row.querySelector(".unread [aria-hidden]")?.textContent ?? "0",
  }));
  const fresh = `(async () => { const rows = ${rows}; const text = await (await fetch("/inbox?view=all")).text();
    return [rows(document), rows(new DOMParser().parseFromString(text, "text/html"))]; })()`;
  let lists;
  for (let tries = 0; tries < 40; tries += 1) {
    lists = await page.evaluate(fresh);
    if (JSON.stringify(lists[0]) === JSON.stringify(lists[1])) break;
    await page.waitForTimeout(250);
  }
  check(58, "the list is the server's", lists[0], lists[1]);
  // Nobody read those whom nobody opened.
  const counts = new Map();
  for (const { nth: whose } of sent) counts.set(whose, (counts.get(whose) ?? 0) + 1);
  const last = new Map([...lastOf()].map(([whose, mark]) => [`m${mark}`, whose]));
  const known = lists[0].filter((row) => last.get(row.last) >= AGENTS);
  assert.ok(known.length > 30, `${known.length} rows are of customers who wait`);
  for (const row of known) assert.equal(Number(row.unread), counts.get(last.get(row.last)), `unread of ${name(last.get(row.last))}`);
}

/** How long each took to be seen: itself, or what stands in its place since. */
async function late(page) {
  const shown = await page.evaluate(() => globalThis.shown);
  const next = new Map(); // The next of the same customer that was seen, from the end.
  const all = [];
  for (let mark = sent.length - 1; mark >= CUSTOMERS; mark -= 1) {
    const { nth, at } = sent[mark];
    const seen = Math.min(shown[mark] ?? Infinity, next.get(nth) ?? Infinity);
    next.set(nth, seen);
    if (seen < Infinity) all.push(seen - at);
  }
  return all;
}
