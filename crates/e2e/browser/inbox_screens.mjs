// Every screen of the inbox, in both languages, light and dark, at three widths, with its menus and dialogs open: none breaks a
// rule of accessibility, none is wider than the window, and of each there is a picture.

import { join } from "node:path";
import { check } from "./checks.mjs";
import { contrastOf, lookAt } from "./screens.mjs";

const WIDTHS = [1280, 820, 390];

export async function screens(kit) {
  const { says, ids } = await furnish(kit);
  for (const language of ["en", "es"]) {
    await speaks(kit, language);
    for (const width of WIDTHS) {
      const began = Date.now();
      const { context, page } = await kit.sitDown({ name: "screens", width, height: width === 390 ? 844 : 900, language, scheme: "light" }, kit.sessions, /status of (404|409)/);
      const see = async (screen, schemes = ["light", "dark"]) => {
        for (const scheme of schemes) {
          await page.emulateMedia({ colorScheme: scheme });
          const name = `${screen}-${width}-${language}-${scheme}`;
          // In the dark, colours alone are other ones.
          await (scheme === schemes[0] ? lookAt : contrastOf)(page, name, join(kit.folder, `${name}.png`));
          check(43, `${name} breaks no rule`, true);
        }
        await page.emulateMedia({ colorScheme: "light" });
      };
      for (const visit of [lists, conversation, beside, templates, dialogs, settings]) await visit({ ...kit, ...ids, page, see, width, language, says });
      await context.close();
      console.log(`  ${language} at ${width} after ${Date.now() - began} ms`);
    }
  }
}

/** Whoever is signed in reads this language. */
async function speaks({ sitDown, sessions, url }, language) {
  const { context, page } = await sitDown({ name: "screens", width: 1280, height: 860, language, scheme: "light" }, sessions);
  await page.goto(`${url}/settings/profile`);
  await page.locator("#language").selectOption(language);
  await page.locator("form[action='/settings/profile'] button").click();
  await page.getByRole("status").getByText(language === "es" ? "Guardado." : "Saved.").waitFor();
  await context.close();
}

/** What the demo does not have: pictures, a closed window, and a text whose answer was refused. */
async function furnish({ control, number, sitDown, sessions, url }) {
  const says = (from, message, name) => control("messages", { phone_number_id: number, from, profile_name: name, ...message });
  const ago = (hours) => String(Math.floor(Date.now() / 1000) - hours * 3600);
  for (const caption of ["La primera", "La segunda"]) await says("525555500941", { type: "image", image: { caption } }, "Con fotos");
  await says("525555500942", { type: "text", text: { body: "De ayer" }, timestamp: ago(25) }, "De ayer");
  const { context, page } = await sitDown({ name: "screens", width: 1280, height: 860, language: "es", scheme: "light" }, sessions);
  await page.goto(`${url}/inbox?view=all`);
  const ids = {};
  for (const [key, who] of Object.entries({ busy: "Mariana Ortega", pictures: "Con fotos", closed: "De ayer" })) {
    const row = page.locator("#list > li", { hasText: who });
    await row.waitFor();
    ids[key] = (await row.getAttribute("id")).slice(2);
  }
  await context.close();
  return { says, ids };
}

async function lists({ page, url, see }) {
  await page.goto(`${url}/inbox?view=all`);
  await page.locator("#list > li").first().waitFor();
  await see("list");
  await page.goto(`${url}/inbox?view=resolved&unread=1`);
  await page.locator(".empty").first().waitFor();
  await see("list-empty");
  await page.goto(`${url}/inbox/00000000-0000-7000-8000-000000000000`);
  await page.locator("main h1").waitFor();
  await see("not-there");
}

async function conversation({ page, url, busy, closed, see }) {
  await page.goto(`${url}/inbox/${busy}?view=all`);
  await page.locator(".message").first().waitFor();
  await see("thread");
  await page.locator("[data-thread] details.menu > summary").first().click();
  await see("assign");
  await page.keyboard.press("Escape");
  await page.locator(".on-message summary").last().focus();
  await page.keyboard.press("Enter");
  await see("message-menu");
  await page.keyboard.press("Escape");
  await page.locator("#body").fill("https://panaderia.example *hola*\n_línea_ ~dos~");
  await page.locator("[data-files]").setInputFiles({ name: "lista.txt", mimeType: "text/plain", buffer: Buffer.from("pan\n") });
  await page.locator("[data-tray] li").waitFor();
  await page.locator(".composer .later > summary").click();
  await see("composer");
  await page.locator("#body").fill("");
  await page.goto(`${url}/inbox/${closed}?view=all`);
  await page.locator(".composer .why").waitFor();
  await see("window-closed");
}

async function beside({ page, url, busy, width, see }) {
  if (width < 720) await page.goto(`${url}/inbox/${busy}/contact?view=all`);
  else {
    await page.goto(`${url}/inbox/${busy}?view=all`);
    await page.locator("[data-panel]").click();
  }
  await page.locator("#panel-title").waitFor();
  await page.locator("details.confirm > summary").click();
  await see("contact");
}

async function templates({ page, url, busy, see }) {
  await page.goto(`${url}/inbox/${busy}/templates?view=all`);
  await page.locator(".templates a").first().waitFor();
  await see("templates");
  await page.locator(".templates a").first().click();
  await page.locator(".template-pane form").waitFor();
  await see("template");
  await page.goto(`${url}/inbox/${busy}?view=all`);
  const message = await page.locator(".message.in").last().getAttribute("id");
  await page.goto(`${url}/inbox/${busy}/messages/${message.slice(2)}/forward?view=all`);
  await page.locator(".forward .choice").first().waitFor();
  await see("forward");
}

async function dialogs({ page, url, busy, pictures, see }) {
  await page.goto(`${url}/inbox/${busy}?view=all`);
  await page.waitForFunction(() => performance.getEntriesByName("inbox-ready").length);
  await page.keyboard.press("Control+k");
  await page.locator("#palette[open] [role=option]").first().waitFor();
  await see("palette");
  await page.keyboard.press("Escape");
  await page.locator(".messages").focus();
  await page.keyboard.press("?");
  await page.locator("#keys-dialog[open]").waitFor();
  await see("keys");
  await page.goto(`${url}/inbox/${pictures}?view=all`);
  await page.locator(".messages a.picture").first().click();
  await page.locator("[data-lightbox][open] img").waitFor();
  await see("lightbox");
}

/** What is set up is looked at with the pages of people too (`people.mjs`): here in the other colours. */
async function settings({ page, url, see, language, width }) {
  const scheme = (language === "es") === (width === 820) ? "light" : "dark";
  for (const room of ["profile", "members", "members/invite", "teams", "numbers", "keys", "endpoints", "audit", "organization"]) {
    await page.goto(`${url}/settings/${room}`);
    await page.locator("main").waitFor();
    await see(`settings-${room.replace("/", "-")}`, [scheme]);
  }
}
