// Uses the pages of people as they do: set-up, sign-in, invitations, settings. `node people.mjs URL CODE ISSUER FOLDER`: where
// the server is, what sets it up, its identity provider, and where pictures of the screens go.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { becomes } from "./checks.mjs";
import { lookAt, open } from "./screens.mjs";

const [url, code, issuer, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

/** Each with and without JavaScript would say the same twice: the last look is the one without. */
const LOOKS = [
  { name: "wide-es-light", width: 1280, height: 860, language: "es", scheme: "light", script: true },
  { name: "wide-en-dark", width: 1280, height: 860, language: "en", scheme: "dark", script: true },
  { name: "middle-en-light", width: 820, height: 1100, language: "en", scheme: "light", script: true },
  { name: "narrow-es-dark", width: 390, height: 844, language: "es", scheme: "dark", script: true },
  { name: "narrow-en-light", width: 390, height: 844, language: "en", scheme: "light", script: true },
  { name: "least-es-light", width: 320, height: 640, language: "es", scheme: "light", script: true },
  { name: "plain-es-light", width: 1280, height: 860, language: "es", scheme: "light", script: false },
];

const WORDS = {
  es: { save: "Guardar", provider: "Continuar con Acme SSO", linked: "Entras también con Acme SSO", in: "Entrar", out: "Salir", wrong: "El correo o la contraseña no coinciden.", email: "Correo", password: "Contraseña", yours: "Tu nombre", join: "Crear mi cuenta y entrar", invite: "Invitar", make: "Crear el enlace", link: "Enlace de invitación", says: "Lucía Pérez te invita a atender a los clientes de Panadería La Espiga.", saved: "Guardado.", key: "Clave nueva", keyMake: "Crear la clave", keyKeep: "Guarda esta clave", name: "Nombre", team: "Crear el equipo", teamMade: "El equipo está creado.", members: "Personas · Panadería La Espiga", remove: "Quitar a", gone: "Ya no pertenece a la organización.", role: "Papel de", roleSave: "Guardar el papel de", roleDone: "El papel cambió.", signedOut: "Saliste.", revoked: "La clave quedó anulada.", revoke: "Anular la clave" },
  en: { save: "Save", provider: "Continue with Acme SSO", linked: "You also sign in with Acme SSO", in: "Sign in", out: "Sign out", wrong: "The email or the password doesn't match.", email: "Email", password: "Password", yours: "Your name", join: "Make my account and join", invite: "Invite", make: "Make the link", link: "Invitation link", says: "Lucía Pérez invites you to help Panadería La Espiga's customers.", saved: "Saved.", key: "New key", keyMake: "Make the key", keyKeep: "Keep this key", name: "Name", team: "Make the team", teamMade: "The team was made.", members: "People · Panadería La Espiga", remove: "Remove", gone: "They no longer belong to the organization.", role: "Role of", roleSave: "Save the role of", roleDone: "The role was changed.", signedOut: "You signed out.", revoked: "The key was revoked.", revoke: "Revoke the key" },
};

const OWNER = { email: "lucia@laespiga.example", password: "pan dulce a las ocho" };

const browser = await open();
try {
  await setUp(LOOKS[0]);
  console.log("ok set-up");
  for (const look of LOOKS) {
    await visit(look);
    console.log(`ok ${look.name}`);
  }
} finally {
  await browser.close();
}

/** A browser of somebody's, at one look; whatever it complains of is a trouble. */
async function sitDown(look, troubles) {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    locale: look.language,
    colorScheme: look.scheme,
    javaScriptEnabled: look.script,
    reducedMotion: "reduce",
    hasTouch: look.width < 720,
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => troubles.push(error.stack));
  // A form that comes back is told to the console as a failed load; a breach of the policy is one too, and is no such line.
  page.on("console", (line) => line.type() === "error" && !isRefusal(line) && troubles.push(line.text()));
  const leadsToProvider = (request) => request.isNavigationRequest() && request.url().startsWith(issuer);
  page.on("request", (request) => !request.url().startsWith(url) && !leadsToProvider(request) && troubles.push(`asks ${request.url()}`));
  const see = (screen) => look.script
    ? lookAt(page, screen, join(folder, `${look.name}-${screen}.png`))
    : page.screenshot({ path: join(folder, `${look.name}-${screen}.png`) });
  return { context, page, see };
}

/** Whether a line of the console says that a form came back, or that what claims to be the provider's answer is none. */
function isRefusal(line) {
  return /status of (403|409|410|422|429)/.test(line.text())
    || /status of 400/.test(line.text()) && line.location().url.startsWith(`${url}/login/provider/callback`);
}

/** The first account, by the code that the server printed. */
async function setUp(look) {
  const troubles = [];
  const { context, page, see } = await sitDown(look, troubles);
  await page.goto(url);
  await page.waitForURL("**/setup");
  await page.getByLabel("Tu nombre").fill("Lucía Pérez");
  await page.getByLabel("Correo").fill(OWNER.email);
  await page.getByLabel("Organización").fill("Panadería La Espiga");
  await page.getByLabel("Contraseña", { exact: true }).fill("corta");
  await page.getByLabel("Código").fill("ABCD-0000");
  await see("00-setup");
  await page.getByRole("button", { name: "Empezar" }).click();
  await page.getByText("Este no es el código.").waitFor();
  await becomes(() => page.getByLabel("Tu nombre").inputValue(), "Lucía Pérez", "what was entered stays");
  await becomes(() => page.getByLabel("Contraseña", { exact: true }).inputValue(), "", "but no password");
  await see("00-setup-wrong");
  await page.getByLabel("Código").fill(code);
  await page.getByLabel("Contraseña", { exact: true }).fill(OWNER.password);
  await page.getByRole("button", { name: "Empezar" }).click();
  await page.waitForURL("**/welcome");
  for (const card of ["Conectar número", "Invitar al equipo", "Ver la demostración"]) await page.getByText(card, { exact: true }).waitFor();
  await see("01-welcome");
  await context.close();
  assert.deepEqual(troubles, []);
}

/** A whole visit, at one look: the owner's, with somebody invited meanwhile. */
async function visit(look) {
  const t = WORDS[look.language];
  const troubles = [];
  const { context, page, see } = await sitDown(look, troubles);
  const click = (name, options = {}) => page.getByRole("button", { name, exact: true, ...options }).first().click();
  const said = (words) => page.getByRole("status").getByText(words).waitFor();

  // What is no answer of the provider's leads back to the beginning.
  await page.goto(`${url}/login/provider/callback?error=access_denied&state=made-up`);
  await page.getByRole("link", { name: t.provider }).waitFor();
  await see("02-provider-lost");

  // Sign-in, once wrong.
  await page.goto(`${url}/login?next=/settings/profile`);
  await page.getByLabel(t.email).fill(OWNER.email);
  await page.getByLabel(t.password, { exact: true }).fill("no es esta frase");
  await click(t.in);
  await page.getByText(t.wrong).waitFor();
  await see("02-sign-in-wrong");
  const isReady = () => page.evaluate(() => [document.activeElement.id, document.querySelector("[data-reveal]").hidden]);
  if (look.script) await becomes(isReady, ["password", false], "the password has the focus, and can be looked at");
  await becomes(() => page.getByLabel(t.email).inputValue(), OWNER.email);
  await page.getByLabel(t.password, { exact: true }).fill(OWNER.password);
  await click(t.in);
  await page.waitForURL("**/settings/profile");

  // The account's own language is what its pages speak.
  await page.locator("#language").selectOption(look.language);
  await page.locator("form[action='/settings/profile'] button").click();
  await said(t.saved);
  assert.equal(await page.evaluate(() => document.documentElement.lang).catch(() => look.language), look.language);
  await see("03-profile");

  // The account is opened by the provider too, once its owner says so.
  const join = page.getByRole("link", { name: t.provider });
  if (await join.count()) await join.click();
  await page.getByText(t.linked).waitFor();
  await see("03-profile-linked");

  // Somebody is invited, and comes.
  const guest = `marta.${look.name}@laespiga.example`;
  const name = `Marta ${look.name}`;
  await page.goto(`${url}/settings/members/invite`);
  await page.locator("#email").fill(guest);
  await see("04-invite");
  await click(t.make);
  const link = await page.getByLabel(t.link).inputValue();
  assert.ok(link.startsWith(`${url}/invitation/`), link);
  await see("05-invited");
  await accept(look, link, { t, guest, name, troubles });

  // Who works here, and as what.
  await page.goto(`${url}/settings/members`);
  await page.getByRole("heading", { name: t.members }).waitFor();
  await see("07-members");
  await page.getByLabel(`${t.role} ${name}`, { exact: true }).selectOption("admin");
  await click(`${t.roleSave} ${name}`);
  await said(t.roleDone);

  // A team, and a key that is shown once.
  await page.goto(`${url}/settings/teams`);
  await page.getByLabel(t.name).fill(`Ventas ${look.name}`);
  await click(t.team);
  await said(t.teamMade);
  await page.getByRole("checkbox").last().check();
  await see("08-team");
  await click(t.save);
  await said(t.saved);
  await see("09-teams");
  await page.goto(`${url}/settings/keys/new`);
  await page.getByLabel(t.name, { exact: true }).fill(`Tienda ${look.name}`);
  await see("10-key-new");
  await click(t.keyMake);
  await page.getByRole("heading", { name: t.keyKeep }).waitFor();
  const key = await page.locator("#key").inputValue();
  assert.equal((await fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${key}` } })).status, 200);
  await see("11-key-made");
  await page.goto(`${url}/settings/keys`);
  await see("12-keys");
  assert.ok(!(await page.content()).includes(key), "a key is shown once");
  await page.locator("li", { hasText: `Tienda ${look.name}` }).getByRole("link").click();
  await click(t.revoke);
  await said(t.revoked);

  // Everything of it is written down.
  await page.goto(`${url}/settings/audit`);
  await see("13-audit");
  await page.goto(`${url}/settings`);
  await see("14-settings");
  await page.goto(`${url}/settings/organization`);
  await see("19-organization");
  await page.goto(`${url}/server`);
  await see("20-server");
  await page.goto(`${url}/settings/numbers`);
  await page.getByText(/wazapp number connect --org \S+ --phone-number-id … --waba-id … --token -/).waitFor();
  await page.goto(`${url}/welcome/demo`);
  await page.getByText("wazapp demo --listen 127.0.0.1:0").waitFor();
  await page.goto(`${url}/inbox`);
  await see("15-inbox");

  // Somebody goes; what they hold opens nothing.
  await page.goto(`${url}/settings/members`);
  await page.getByRole("link", { name: `${t.remove} ${name}`, exact: true }).click();
  await page.waitForURL("**/remove");
  await see("16-remove");
  await click(`${t.remove} ${name}`);
  await said(t.gone);
  if (look.script) await menu(page, see, t);
  else await page.locator("summary").last().click();
  await click(t.out);
  await said(t.signedOut);
  await page.goto(`${url}/inbox`);
  await page.waitForURL("**/login?next=%2Finbox");
  await see("18-sign-in");
  await context.close();
  assert.deepEqual(troubles, [], look.name);
}

/** The account's menu opens, closes by Esc, and opens again. */
async function menu(page, see, t) {
  const summary = page.locator("summary").last();
  await summary.click();
  await see("17-menu");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: t.out }).waitFor({ state: "hidden" });
  await summary.click();
}

/** Somebody who had no account comes in by a link, in a browser of their own. */
async function accept(look, link, { t, guest, name, troubles }) {
  const { context, page, see } = await sitDown(look, troubles);
  await page.goto(link);
  await page.getByRole("heading", { name: t.says }).waitFor();
  await becomes(() => page.getByLabel(t.email).inputValue(), guest);
  await page.getByLabel(t.yours).fill(name);
  await page.getByLabel(t.password, { exact: true }).fill("una frase de Marta");
  await see("06-invitation");
  await page.getByRole("button", { name: t.join }).click();
  await page.waitForURL("**/inbox");
  const again = await page.goto(link);
  assert.equal(again.status(), 410, "a link works once");
  await context.close();
}
