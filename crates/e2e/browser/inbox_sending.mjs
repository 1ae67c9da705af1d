// What is sent from the inbox, from the box to the customer's eyes: each step, what goes wrong on the way, and when the window
// closes.

import assert from "node:assert/strict";
import { check, comes, soon } from "./checks.mjs";

const RUNGS = ["waits", "sent", "delivered", "read"];

export async function sending(kit) {
  const { simulator, number, sessions, sitDown, control, look } = kit;
  const { context, page, see } = await sitDown(look, sessions, /status of 409/);
  const accepted = async (text) => {
    const { data } = await (await fetch(`${simulator}/_sim/accepted?phone_number_id=${number}`)).json();
    return data.filter(({ request }) => request.text?.body === text).length;
  };
  const at = {
    ...kit, page, see, accepted,
    box: page.locator("#body"),
    out: (text) => page.locator("li.message.out", { hasText: text }),
    fault: (fault) => control("faults", { phone_number_id: number, ...fault }),
    noFaults: async () => assert.ok((await fetch(`${simulator}/_sim/faults`, { method: "DELETE" })).ok),
    says: (from, text, more = {}) => control("messages", { phone_number_id: number, from, type: "text", text: { body: text }, ...more }),
    async open(text) {
      await page.goto(`${kit.url}/inbox?view=all`);
      await page.locator("#list > li a", { hasText: text }).first().click();
      await page.locator(".thread .text", { hasText: text }).first().waitFor();
      await page.mouse.move(900, 300);
    },
  };
  for (const step of [ladder, once, one, windowFault, nobodyKnows, anyOrder, closes, before, refused]) {
    const began = Date.now();
    await step(at);
    console.log(`  ${step.name} after ${Date.now() - began} ms`);
  }
  await context.close();
}

/** Follows what stands below the message that is sent next. */
const watch = (page) => page.evaluate(() => {
  globalThis.rungs = [];
  const note = () => {
    const tick = [...document.querySelectorAll("li.message.out")].at(-1)?.querySelector(".tick");
    const rung = tick && [tick.classList[1], tick.querySelector(".spoken").textContent];
    if (rung && String(rung) !== String(globalThis.rungs.at(-1))) globalThis.rungs.push(rung);
  };
  new MutationObserver(note).observe(document.querySelector(".messages"), { childList: true, subtree: true });
});
const rungs = (page) => page.evaluate(() => globalThis.rungs);

async function ladder({ page, box, out, says, open, accepted, simulator }) {
  const from = "525555500601";
  const { customer } = await says(from, "¿Abren mañana?");
  const phone = async (reads) => {
    const answer = await fetch(`${simulator}/_sim/customers/${customer}`, { method: "PATCH", body: JSON.stringify({ reads }) });
    assert.ok(answer.ok, await answer.text());
  };
  await phone("off");
  await open("¿Abren mañana?");
  await watch(page);
  await box.fill("Sí, a las ocho");
  const [there, took] = await page.evaluate(() => {
    const began = performance.now();
    document.querySelector("[data-composer]").requestSubmit();
    return [document.querySelector("li.pending .text")?.textContent, performance.now() - began];
  });
  check(6, "it stands there at once", there, "Sí, a las ocho");
  check(6, `without waiting, and took ${took} ms`, took < 50 * 5);
  const tick = (name) => out("Sí, a las ocho").locator(`.tick.${name}`);
  await tick("sent").waitFor();
  await phone("soon");
  await tick("delivered").waitFor();
  await tick("read").waitFor();
  await comes(6, "step by step, each with its name", () => rungs(page), [["waits", "en cola"], ["sent", "enviado"], ["delivered", "entregado"], ["read", "leído"]]);
  check(6, "Meta has it once", await accepted("Sí, a las ocho"), 1);
  const name = await out("Sí, a las ocho").locator("article").getAttribute("aria-label");
  assert.match(name, /leído/);
}

async function once({ page, box, out, accepted }) {
  await box.fill("dos toques");
  await page.locator(".composer button.primary").dblclick();
  await out("dos toques").locator(".tick:not(.waits)").waitFor();
  await box.fill("dos veces Intro");
  await box.press("Enter");
  await box.press("Enter");
  await out("dos veces Intro").locator(".tick:not(.waits)").waitFor();
  for (const text of ["dos toques", "dos veces Intro"]) {
    check(7, `${text}: one bubble`, await out(text).count(), 1);
    check(7, `${text}: sent once`, await accepted(text), 1);
  }
}

async function one({ page, box, out, fault, accepted }) {
  await fault({ kind: "error", code: 131009, count: 1 });
  const three = ["el primero", "el segundo", "el tercero"];
  for (const text of three) { await box.fill(text); await box.press("Enter"); }
  await out("el primero").locator(".tick.failed").waitFor();
  for (const text of three.slice(1)) await out(text).locator(".tick:is(.sent, .delivered, .read)").waitFor();
  const texts = await page.locator("li.message.out .text").allTextContents();
  check(8, "in the order in which they were written", texts.slice(-3), three);
  await comes(8, "one failed", () => page.locator("li.message.out .tick.failed").count(), 1);
  await comes(8, "the others went", () => Promise.all(three.map(accepted)), [0, 1, 1]);
  await comes(8, "it offers to be sent again", () => out("el primero").getByRole("button", { name: "Reintentar" }).count(), 1);
  assert.match(await out("el primero").locator(".fault").textContent(), /131009/);
}

async function windowFault({ page, see, box, out, fault }) {
  await fault({ kind: "error", code: 131047, count: 1 });
  await box.fill("ya es tarde");
  await box.press("Enter");
  await out("ya es tarde").getByText("No se envió: pasaron más de 24 h desde el último mensaje de").waitFor();
  await see("fault");
  await out("ya es tarde").getByRole("link", { name: "Elegir plantilla" }).click();
  await page.locator(".template-pane").waitFor();
  const beside = page.locator(".template-pane > .draft", { hasText: "ya es tarde" });
  await comes(9, "the text stands beside the templates", () => beside.count(), 1);
  const templates = page.locator(".template-pane .templates li:visible");
  const all = await templates.allTextContents();
  const search = page.getByRole("searchbox", { name: "Buscar entre las plantillas" });
  const few = all[1].slice(0, 6).toUpperCase();
  await search.fill(few);
  await comes(12, "the templates are searched", () => templates.allTextContents(), all.filter((name) => name.toUpperCase().includes(few)));
  await search.fill("nada de esto");
  await comes(12, "and it says that none is so", () => page.locator(".template-pane [data-no-match]").textContent(), "Nada coincide.");
  await search.fill("");
  await comes(12, "and are all back", () => templates.count(), all.length);
  await templates.first().locator("a").click();
  await page.locator(".template-pane form").waitFor();
  await comes(9, "and beside the one that was chosen", () => beside.count(), 1);
  await see("template-beside");
  await page.locator(".template-pane .back-list").click();
  await page.locator("[data-thread]").waitFor();
}

async function nobodyKnows({ page, see, box, out, fault, noFaults, accepted }) {
  await fault({ kind: "delay", seconds: 6, count: 3 });
  await fault({ kind: "reset_after_accept", count: 1 });
  await box.fill("¿llegó?");
  await box.press("Enter");
  await out("¿llegó?").locator(".tick.doubtful").waitFor();
  await out("¿llegó?").getByText("No sabemos si llegó: WhatsApp no contestó.").waitFor();
  await see("unknown");
  await comes(10, "whoever wants it may send it again, and knows", () => out("¿llegó?").getByRole("button", { name: "Enviar de nuevo, puede llegar dos veces" }).count(), 1);
  await out("¿llegó?").locator(".tick:is(.delivered, .read)").waitFor();
  check(10, "one bubble", await out("¿llegó?").count(), 1);
  check(10, "nothing was sent again", await accepted("¿llegó?"), 1);
  check(10, "nothing is said of it any more", await out("¿llegó?").locator(".fault").count(), 0);
  await noFaults();
}

async function anyOrder({ page, box, out, fault, noFaults }) {
  for (const kind of ["early_status", "shuffle", "duplicate", "repeat_status"]) await fault({ kind, rate: 1 });
  for (const text of ["al revés", "al revés también"]) {
    await watch(page);
    await box.fill(text);
    await box.press("Enter");
    await out(text).last().locator(".tick.read").waitFor();
    const places = (await rungs(page)).map(([rung]) => RUNGS.indexOf(rung)).slice((await rungs(page)).findIndex(([rung]) => rung === "waits"));
    check(11, "it never falls back", places, places.toSorted());
  }
  check(11, "one bubble each", await page.locator("li.message.out .text").evaluateAll((all) => all.filter((text) => text.textContent.startsWith("al revés")).length), 2);
  await noFaults();
}

async function closes({ page, see, box, says, open }) {
  const ago = (seconds) => String(Math.floor(Date.now() / 1000) - seconds);
  await says("525555500602", "Hace casi un día", { timestamp: ago(23 * 3600) });
  await open("Hace casi un día");
  await comes(12, "near its end, it warns above the conversation", () => page.locator(".window.warn").count(), 1);
  const row = page.locator("#list > li", { hasText: "Hace casi un día" });
  await comes(12, "and in the list", () => row.locator(".urgent.warn").count(), 1);
  await see("window-warned");
  await says("525555500603", "Hace un día", { timestamp: ago(24 * 3600 - 12) });
  await open("Hace un día");
  await box.fill("lo que iba a decir");
  await page.evaluate(() => { globalThis.same = true; });
  await page.locator(".composer .why", { hasText: "La ventana de 24 h se cerró" }).waitFor();
  await comes(12, "at its end, templates take the place of the box", async () => [await box.count(), await page.locator(".composer .templates a").count() > 0], [0, true]);
  await page.locator(".composer .draft", { hasText: "lo que iba a decir" }).waitFor();
  await page.locator(".window.over").waitFor();
  await see("window-over");
  await soon(12, 1_000, "once the customer writes, the box is back with its draft", says("525555500603", "Aquí sigo").then(async () => {
    await page.waitForFunction(() => document.querySelector("#body")?.value === "lo que iba a decir");
  }));
  check(12, "nothing was loaded anew", await page.evaluate(() => globalThis.same));
  await comes(12, "and the window is open again", () => page.locator(".window:not(.over, .warn)").count(), 1);
}

/** Who wrote, be it before the number came here, is not said never to have written. */
async function before({ page, url }) {
  await page.goto(`${url}/inbox?view=all`);
  const found = await page.evaluate(async () => {
    const all = [];
    for (const { href } of document.querySelectorAll("#list > li > a")) {
      const one = new DOMParser().parseFromString(await (await fetch(href)).text(), "text/html");
      const why = one.querySelector(".composer .why")?.textContent ?? "";
      if (one.querySelector("li.message.in")) all.push([one.querySelector(".window") !== null, why]);
    }
    return all;
  });
  const asHistory = found.filter(([heard, why]) => !heard && why);
  check(12, "some came as history", asHistory.length > 0);
  check(12, "their window is said to be closed", asHistory.filter(([, why]) => !/La ventana de 24 h se cerró hace \d+ (h|d)\./.test(why)), []);
}

/** A text that is sent by hand into a window that is closed. */
async function refused({ page, says, open, accepted }) {
  await says("525555500604", "Ayer les escribí", { timestamp: String(Math.floor(Date.now() / 1000) - 25 * 3600) });
  await open("Ayer les escribí");
  const by = (content) => page.evaluate(async ([kind, id]) => {
    const form = new URLSearchParams({ id, body: "a escondidas", seen: "999999999", anyway: "1" });
    const more = kind === "page" ? {} : { headers: { accept: "text/vnd.turbo-stream.html" } };
    return (await fetch(`/inbox/${document.querySelector("[data-thread]").dataset.thread}/messages`, { method: "POST", body: form, ...more })).status;
  }, [content, crypto.randomUUID()]);
  check(13, "it is refused, as a form and as a script's", [await by("page"), await by("stream")], [409, 409]);
  await page.reload();
  await page.locator(".composer .why").waitFor();
  check(13, "nothing waits to go", await page.locator("li.message.out").count(), 0);
  // What is queued goes at once: what is sent behind it has been accepted.
  await says("525555500605", "Yo escribo ahora");
  await open("Yo escribo ahora");
  await page.locator("#body").fill("a la vista");
  await page.locator("#body").press("Enter");
  await page.locator("li.message.out .tick:is(.sent, .delivered, .read)").waitFor();
  check(13, "nothing went", [await accepted("a escondidas"), await accepted("a la vista")], [0, 1]);
}
