// Files that go with what is written: chosen, pasted and dropped; what is wrong with one is said before it leaves; a line that
// is cut, a file that is refused and one that is taken back cost nothing else.

import assert from "node:assert/strict";
import { becomes, check, comes } from "./checks.mjs";
import { noise } from "./noise.mjs";

export async function files({ url, simulator, number, sessions, sitDown, writes, look }) {
  const { context, page, see } = await sitDown(look, sessions, /ERR_INTERNET_DISCONNECTED|ERR_FAILED|status of (415|422)/);
  const open = async (from, text) => {
    await writes(from, text);
    await page.goto(`${url}/inbox?view=all`);
    await page.locator("#list > li a", { hasText: text }).first().click();
    await page.locator(".thread .text", { hasText: text }).waitFor();
  };
  const sent = (name) => page.locator(".message.out:not(.pending)", { hasText: name });
  const tray = page.locator("[data-tray] li");
  await open("525555500301", "¿Me mandas las fotos?");
  const small = noise(64);

  // Three at once, the words with the first; one of them is taken back.
  await page.locator("[data-files]").setInputFiles([
    { name: "uno.png", mimeType: "image/png", buffer: small },
    { name: "dos.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4\n1 0 obj\n<<>>\nendobj\n") },
    { name: "tres.txt", mimeType: "text/plain", buffer: Buffer.from("hola\n") },
  ]);
  await becomes(() => tray.count(), 3);
  await see("tray");
  await page.getByRole("button", { name: "Quitar tres.txt" }).click();
  await page.locator("#body").fill("Aquí van");
  await page.keyboard.press("Enter");
  await sent("dos.pdf").waitFor();
  await becomes(() => tray.count(), 0);
  const [first, second] = await page.locator(".message.out:not(.pending)").all();
  await becomes(() => first.locator(".text").textContent(), "Aquí van");
  await becomes(async () => [await first.locator("a.picture").count(), await second.locator("a.file").count()], [1, 1], "in their order");
  const allGone = () => page.waitForFunction(() => !document.querySelector(".messages .tick.waits, .messages .pending"));
  await allGone();
  const accepted = async () => (await (await fetch(`${simulator}/_sim/accepted?phone_number_id=${number}`)).json()).data.map(({ request }) => request);
  const ours = JSON.stringify(await accepted());
  check(38, "once", ours.split('"Aquí van"').length, 2);

  // Many of them leave what is written, and what sends it, in sight.
  await page.locator("[data-files]").setInputFiles(Array.from({ length: 15 }, (_, nth) => ({ name: `muchos ${nth}.txt`, mimeType: "text/plain", buffer: Buffer.from("uno\n") })));
  await becomes(() => tray.count(), 15);
  const inSight = await page.evaluate(() => {
    const end = document.querySelector(".composer").getBoundingClientRect().bottom;
    const boxes = ["#body", ".composer button.primary"].map((one) => document.querySelector(one).getBoundingClientRect());
    return [...boxes.map(({ top, bottom }) => top >= 0 && bottom <= Math.min(end, innerHeight)), document.documentElement.scrollHeight <= innerHeight];
  });
  check(38, "the box and its button are in sight, and the page stays where it is", inSight, [true, true, true]);
  for (let left = 15; left > 0; left -= 1) await tray.first().locator("[data-remove]").click();
  await becomes(() => tray.count(), 0);

  // Too large a picture: what is wrong is said, and what can be done.
  const large = noise(1500);
  assert.ok(large.length > 5 << 20);
  await page.locator("[data-files]").setInputFiles({ name: "grande.png", mimeType: "image/png", buffer: large });
  await page.getByText(/La imagen pesa \d+(,\d)? MB; WhatsApp admite 5 MB\./).waitFor();
  await page.locator("#body").press("Enter");
  await page.getByText("Decide antes qué hacer con este archivo.").waitFor();
  await see("too-large");
  await page.getByRole("button", { name: "Reducir y enviar" }).click();
  await page.locator(".message.out:not(.pending) a.picture").nth(1).waitFor();
  await allGone();
  await comes(38, "the smaller one went", async () => (await accepted()).filter(({ type }) => type === "image").length, 2);
  await page.locator("[data-files]").setInputFiles({ name: "otra.png", mimeType: "image/png", buffer: small });
  await page.getByRole("button", { name: "Enviar como documento" }).click();
  await page.locator("#body").press("Enter");
  await sent("otra.png").waitFor();

  // What WhatsApp does not take is said before anything leaves; a picture of another kind can be made one of its own.
  await page.locator("[data-files]").setInputFiles({ name: "x.zip", mimeType: "application/zip", buffer: Buffer.from("PK") });
  await page.getByText("WhatsApp no admite archivos de este tipo (application/zip).").waitFor();
  await page.getByRole("button", { name: "Quitar x.zip" }).click();
  // One that is not what it says is refused by the server, in words, and the rest goes on.
  await page.locator("[data-files]").setInputFiles([
    { name: "falsa.png", mimeType: "image/png", buffer: Buffer.from("%PDF-1.4 falsa") },
    { name: "bien.txt", mimeType: "text/plain", buffer: Buffer.from("bien\n") },
  ]);
  await page.locator("#body").press("Enter");
  await sent("bien.txt").waitFor();
  await page.getByText(/No se subió: El archivo dice ser de un tipo/).waitFor();
  await see("refused");
  await page.locator(".pending [data-cancel]").click();
  await becomes(() => page.locator(".message.pending").count(), 0);

  // Without a line it waits, and says so; with one it goes.
  await context.setOffline(true);
  await page.locator("[data-files]").setInputFiles({ name: "luego.txt", mimeType: "text/plain", buffer: Buffer.from("luego\n") });
  await page.locator("#body").fill("te lo mando luego");
  await page.keyboard.press("Enter");
  await page.getByText("Se subirá al recuperar la conexión. Deja abierta esta página.").waitFor();
  await context.setOffline(false);
  await sent("luego.txt").waitFor();
  await becomes(() => sent("te lo mando luego").count(), 1);

  await onTheirWay(page, accepted);
  await dropped(page, open, sent, small);
  await context.close();
}

/** How far each is can be seen while it is on its way, and one that is taken back then never goes. */
async function onTheirWay(page, accepted) {
  const held = [];
  await page.route(/\/files$/, (route) => { held.push(route); });
  await page.locator("[data-files]").setInputFiles(["va.txt", "no va.txt", "va también.txt"].map((name) => ({ name, mimeType: "text/plain", buffer: Buffer.from(`${name}\n`) })));
  await page.locator("#body").press("Enter");
  const pending = (name) => page.locator(".message.pending", { hasText: name });
  await becomes(async () => held.length, 3);
  check(38, "each says how far it is", await page.locator(".message.pending progress:not([hidden])").count(), 3);
  await pending("no va.txt").locator("[data-cancel]").click();
  await pending("no va.txt").waitFor({ state: "detached" });
  for (const route of held) await route.continue().catch(() => {});
  await page.unroute(/\/files$/);
  await page.locator(".message.out:not(.pending)", { hasText: "va también.txt" }).waitFor();
  await page.waitForFunction(() => !document.querySelector(".messages .tick.waits, .messages .pending"));
  const names = (await accepted()).filter(({ type }) => type === "document").map(({ document }) => document.filename);
  check(38, "two went, in their order, and what was taken back did not", names.filter((name) => /va/.test(name)), ["va.txt", "va también.txt"]);
}

/** What is pasted and dropped goes to whoever is open, and to nobody else. */
async function dropped(page, open, sent, picture) {
  const give = (how, names) => page.evaluate(({ kind, all, bytes }) => {
    const data = new DataTransfer();
    for (const name of all) data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
    const target = kind === "paste" ? document.querySelector("#body") : document.querySelector(".messages");
    const event = kind === "paste"
      ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
      : new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
    target.dispatchEvent(event);
    return event.defaultPrevented;
  }, { kind: how, all: names, bytes: [...picture] });
  assert.ok(await give("paste", ["pegada.png"]));
  await becomes(() => page.locator("[data-tray] li").count(), 1);
  await open("525555500302", "Soy otra persona");
  check(38, "a file stays with whom it was chosen for", await page.locator("[data-tray] li").count(), 0);
  assert.ok(await give("dragover", ["suelta.png"]));
  await page.getByText("Suelta aquí lo que quieras enviar a").waitFor();
  assert.ok(await give("drop", ["suelta.png"]));
  await page.locator("[data-tray] li", { hasText: "suelta.png" }).waitFor();
  await page.locator("#body").press("Enter");
  await page.locator(".message.out:not(.pending) a.picture").waitFor();
  await becomes(async () => await sent("suelta.png").count() + await page.locator(".message.out").count(), 1);
}
