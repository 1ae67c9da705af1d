// Three hundred texts that mean harm, in each place where the inbox shows a text: what is text stays text. Nothing runs,
// nothing is asked of anybody else, no policy is broken, and no screen becomes wider than it is.

import assert from "node:assert/strict";
import { becomes, check } from "./checks.mjs";

const HIT = "window.hit=1";
const SEEDS = [
  `<script>${HIT}</script>`, `<img src=x onerror=${HIT}>`, `"><svg onload=${HIT}>`, `'><iframe srcdoc="<script>parent.hit=1</script>">`,
  `</textarea><script>${HIT}</script>`, `</title><script>${HIT}</script>`, `</bdi></p></li><script>${HIT}</script>`,
  '</template><turbo-stream action="remove" target="list"></turbo-stream>',
  '<turbo-stream action="update" target="status"><template>pwned</template></turbo-stream>', '<turbo-frame id="thread" src="//evil.example"></turbo-frame>',
  "{{7*7}}", "{% raw %}", "${7*7}", "#{7*7}", "<style>*{display:none!important}</style>", "<link rel=stylesheet href=//evil.example/x.css>",
  '<meta http-equiv=refresh content="0;url=//evil.example">', "<base href=//evil.example>", "<form action=//evil.example><button>x", `<details open ontoggle=${HIT}>`,
  "<video src=//evil.example/x autoplay>", "<object data=//evil.example></object>", `<math><mtext><form><mglyph><style></math><img src onerror=${HIT}>`,
  "<!--", "]]>", "&lt;script&gt;", "&#x3c;script&#x3e;", "<bdo dir=rtl>", "<plaintext>", '" data-reply="x" onfocus="window.hit=1" autofocus="',
  `javascript:${HIT}`, `<a href="javascript:${HIT}">x</a>`, `data:text/html,<script>${HIT}</script>`, "vbscript:msgbox(1)", "https://a@evil.example/", `https://evil.example/"onmouseover="${HIT}`,
  `https://evil.example/<script>${HIT}</script>`, "//evil.example", "https://evil.example/?*a*_b_~c~`d`", "https://evil.example/\u202egpj.exe", "file:///etc/passwd",
  "factura\u202egpj.exe", "\u2067abc\u2066def", "\u202b".repeat(60), "عمر حسن، شكرا", "שלום world עולם", "\u061ca\u200f,", "مرحبا <b>x</b> hello",
  `Z${"\u0300\u0301\u0302\u0489".repeat(1250)}`, "a".repeat(10_000), "W".repeat(4_096), "ñ".repeat(4_096), "👩‍👩‍👧‍👦".repeat(300), "\u200b".repeat(2_000) + "x", "\ufdfd".repeat(60),
  "\n".repeat(500) + "x", "x\u00a0".repeat(500), "*".repeat(5_000), "_*~`".repeat(1_000), "```".repeat(999), "*a _b ~c* d_ e~ `f", "a\u0000b", "\u0007\u001b[31m\ufffe", "=cmd|' /C calc'!A0",
  "__proto__", "constructor", "[object Object]", "'; DROP TABLE wazapp.message; --", "%00%0d%0aSet-Cookie:x=1", "../../etc/passwd", "\\\\", "𒐫".repeat(40), "🏴󠁧󠁢󠁥󠁮󠁧󠁿".repeat(100),
];
const WRAPS = [(text) => text, (text) => `"${text}'`, (text) => `*${text}*`, (text) => `https://x.example/${text}`, (text) => `\u202e${text}`];
// As long as a message can be.
const TEXTS = WRAPS.flatMap((wrap) => SEEDS.map((seed) => [...wrap(seed)].slice(0, 4_096).join(""))).slice(0, 300);

/** In groups, so that none waits for all. */
async function each(items, work) {
  for (let from = 0; from < items.length; from += 25) await Promise.all(items.slice(from, from + 25).map((item, nth) => work(item, from + nth)));
}

export async function hostile({ url, simulator, number, sessions, sitDown, control, look }) {
  assert.equal(TEXTS.length, 300);
  const { context, page } = await sitDown({ ...look, width: 390, height: 844 }, sessions);
  const broken = [];
  await page.exposeFunction("tellBroken", (what) => broken.push(what));
  await context.addInitScript(() => addEventListener("securitypolicyviolation", (event) => window.tellBroken(`${event.violatedDirective} ${event.blockedURI}`)));
  page.on("dialog", (dialog) => { broken.push(`dialog ${dialog.message()}`); dialog.dismiss(); });
  const says = (from, message, name) => control("messages", { phone_number_id: number, from, ...(name ? { profile_name: name } : {}), ...message });

  /** What a screen shows is text alone, and as wide as the screen. */
  const look390 = async (where) => {
    const found = await page.evaluate(() => {
      const wide = [...document.querySelectorAll(".messages article, .conversations a, .thread h2, .thread header, .choice")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 || one.getBoundingClientRect().left < -1);
      const strange = document.querySelectorAll(".inbox script, .inbox style, .inbox iframe, .inbox object, .inbox base, .inbox meta, .inbox link, .messages svg:not(.icon), .inbox turbo-stream, .inbox math, .inbox plaintext");
      const links = [...document.querySelectorAll(".inbox a[href]")].filter((one) => !["http:", "https:", "blob:"].includes(one.protocol));
      return { hit: window.hit, wide: wide.map((one) => one.textContent.slice(0, 60)), strange: [...strange].map((one) => one.outerHTML.slice(0, 80)), links: links.map((one) => one.href), page: document.documentElement.scrollWidth - innerWidth };
    });
    check(50, where, { ...found, page: Math.max(0, found.page) }, { hit: undefined, wide: [], strange: [], links: [], page: 0 });
    check(50, where, broken, []);
  };

  // As what customers are called, and what they wrote last.
  await each(TEXTS, (text, nth) => says(`5255556${String(nth).padStart(5, "0")}`, { type: "text", text: { body: text } }, text));
  // In one conversation: as texts that quote one another, and wherever else a message holds a text.
  const one = "525555500400";
  let quoted;
  for (const text of TEXTS.slice(0, 120)) {
    const { id } = await says(one, { type: "text", text: { body: text }, ...(quoted ? { context: { id: quoted } } : {}) }, "Quien escribe de todo");
    quoted = id;
  }
  const places = (text) => [
    { type: "document", document: { filename: text, caption: text, mime_type: "application/pdf" } },
    { type: "location", location: { latitude: 19.4, longitude: -99.1, name: text, address: text, url: text } },
    { type: "contacts", contacts: [{ name: { formatted_name: text, first_name: text }, phones: [{ phone: text }], org: { company: text } }] },
    { type: "interactive", interactive: { type: "list_reply", list_reply: { id: "x", title: text, description: text } } },
    { type: "button", button: { text, payload: text } },
    { type: "order", order: { catalog_id: "1", text, product_items: [{ product_retailer_id: text, quantity: 1, item_price: 2, currency: text }] } },
    { type: "reaction", reaction: { message_id: quoted, emoji: text } },
    { type: "hologram", hologram: { body: text } },
    { type: "text", text: { body: "un anuncio" }, referral: { headline: text, body: text, source_url: text, source_type: "ad", source_id: "1" } },
  ];
  await each(SEEDS.slice(0, 64).flatMap((text, nth) => places(text)[nth % 9]), (message) => says(one, message));
  for (let waits = 0; ; waits += 1) {
    if ((await (await fetch(`${simulator}/_sim/state`)).json()).settled) break;
    assert.ok(waits < 2_400, "webhooks are delivered");
    await new Promise((on) => { setTimeout(on, 50); });
  }
  await becomes(async () => /^wazapp_inbound_waiting 0$/m.test(await (await fetch(`${url}/metrics`)).text()), true, "webhooks are applied");

  // The list, all of it.
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li").first().waitFor();
  // A part of its rows is here at a time: each is noted as it comes.
  await page.evaluate(() => {
    globalThis.rows = new Map();
    const note = () => document.querySelectorAll("#list > li > a").forEach((row) => globalThis.rows.set(row.getAttribute("href"), row.offsetHeight));
    note();
    new MutationObserver(note).observe(document.querySelector("[data-list]"), { childList: true, subtree: true });
  });
  let rows = [];
  for (let steps = 0, isEnd = false; !isEnd; steps += 1) {
    assert.ok(steps < 100, `the list ends, and did not after ${rows.length} rows`);
    await look390(`the list, ${rows.length} rows of it`);
    isEnd = await page.evaluate(async () => {
      const known = globalThis.rows.size;
      document.querySelector("[data-list]").scrollTo(0, 1e9);
      for (let waits = 0; waits < 100 && document.querySelector("[data-more]") && globalThis.rows.size === known; waits += 1) await new Promise((on) => { setTimeout(on, 50); });
      return !document.querySelector("[data-more]") && globalThis.rows.size === known;
    });
    const found = await page.evaluate(() => [...globalThis.rows]);
    assert.deepEqual([...new Set(found.map(([, height]) => height))], [72], "each row is as high as the others");
    rows = found.map(([href]) => href);
  }
  check(50, "each of them has a row", rows.length > 300);

  // Those with the worst names: their page, its title, and what can be done there.
  for (const href of rows.filter((_, nth) => nth % 43 === 0)) {
    await page.goto(`${url}${href}`);
    await page.locator(".thread h2").waitFor();
    assert.match(await page.title(), / · (Bandeja|Inbox)/);
    await look390(href);
  }

  // The conversation with everything, from its end to its beginning, page by page.
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li a", { hasText: "Quien escribe de todo" }).first().click();
  await page.locator(".thread h2", { hasText: "Quien escribe de todo" }).waitFor();
  const hers = new URL(page.url());
  let pages = 0;
  for (let next = `${hers.pathname}?latest=1`; next; pages += 1) {
    await page.goto(`${url}${next}`);
    await page.locator(".message").first().waitFor();
    await look390(next);
    next = await page.evaluate(() => { const link = document.querySelector("li.older:not([hidden]) a"); return link && link.pathname + link.search; });
  }
  assert.ok(pages > 3, `${pages} pages`);

  // The same as it comes, into a page that is open.
  await page.goto(`${url}${hers.pathname}?latest=1`);
  await page.locator(".message").first().waitFor();
  for (const text of SEEDS.slice(0, 48)) await says(one, { type: "text", text: { body: text } });
  await says(one, { type: "text", text: { body: "y se acabó" } });
  await page.locator(".message.in .text", { hasText: "y se acabó" }).waitFor();
  await look390("what comes");
  // And where it is passed on.
  await page.goto(`${url}${hers.pathname}/messages/${await page.locator(".message.in").last().evaluate((item) => item.id.slice(2))}/forward`);
  await page.locator(".forward .choice").first().waitFor();
  await look390("forwarding");
  await named({ page, url, id: hers.pathname.split("/")[2], look390 });
  await context.close();
}

/** What people here enter themselves, and what shows a name beside the list and the conversation. */
async function named({ page, url, id, look390 }) {
  const post = (path, fields) => page.evaluate(async ([to, form]) => (await fetch(to, { method: "POST", body: new URLSearchParams(form) })).status, [path, fields]);
  const shows = async (what, text) => check(50, `${what} shows it as a text`, (await page.locator(what).first().textContent()).includes(text));
  for (const seed of SEEDS.slice(0, 14)) {
    const name = seed.slice(0, 100);
    assert.equal(await post(`/inbox/${id}/contact`, { own_name: name }), 200);
    await page.goto(`${url}/inbox/${id}?view=all`);
    await page.locator(".thread h2").waitFor();
    await shows(".thread h2", name);
    check(50, "the title has it as a text", (await page.title()).startsWith(name));
    await page.waitForFunction(() => performance.getEntriesByName("inbox-ready").length);
    // In the palette, and in what can be undone.
    await page.keyboard.press("Control+k");
    await page.locator("#palette input").fill(name.slice(0, 60));
    await page.locator("#palette [role=option]", { hasText: name }).first().waitFor();
    await look390(`the palette with ${name}`);
    await page.keyboard.press("Escape");
    await page.locator("[data-thread] [data-key=e]").click();
    await page.locator("#undo:not([hidden])").waitFor();
    await shows("#undo p", name);
    await look390(`what can be undone of ${name}`);
    await page.locator("#undo button").click();
    await page.locator("[data-thread] [data-key=e]").waitFor();
  }
  // As a draft, as what a template says, and as who looks after a conversation.
  await page.goto(`${url}/inbox/${id}/templates?view=all`);
  const templates = await page.locator(".templates a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  for (const href of templates) {
    await page.goto(`${url}${href}`);
    const fields = page.locator(".template-pane .field input");
    if (!await fields.count()) continue;
    for (const [nth, field] of (await fields.all()).entries()) await field.fill(SEEDS[nth]);
    await page.locator(".template-pane button.primary").click();
    await page.waitForURL(new RegExp(`/inbox/${id}\\?`));
    await page.goto(`${url}/inbox/${id}?latest=1`);
    await page.locator(".message.out").last().waitFor();
    await look390(`a template with ${SEEDS[0]}`);
    break;
  }
  for (const seed of SEEDS.slice(0, 8)) {
    assert.equal(await post(`/inbox/${id}/draft`, { body: seed, version: "0" }).then((status) => [200, 409].includes(status)), true);
    await page.goto(`${url}/inbox/${id}?view=all`);
    await look390(`a draft of ${seed}`);
  }
}
