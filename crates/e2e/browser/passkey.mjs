// Makes a passkey and signs in by it, alone and after a password, with Chromium's virtual authenticator.
// `node passkey.mjs URL CODE FOLDER`: where the server is, what sets it up, and where pictures of the screens go.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { becomes } from "./checks.mjs";
import { lookAt, open } from "./screens.mjs";

const [url, code, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const PASSWORD = "pan dulce a las ocho";
const AUTHENTICATOR = {
  protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true,
  isUserVerified: true, automaticPresenceSimulation: true,
};

const browser = await open();
try {
  const lucia = await somebody();
  await setUp(lucia.page);
  const { id } = await makePasskey(lucia);
  console.log("ok made");
  await alone(lucia);
  console.log("ok alone");
  await afterThePassword(lucia);
  console.log("ok after the password");
  await ofAnother(lucia);
  console.log("ok another's");
  await removed(lucia, id);
  console.log("ok removed");
} finally {
  await browser.close();
}

/** A browser of somebody's, with an authenticator of their own. */
async function somebody() {
  const context = await browser.newContext({ locale: "es", reducedMotion: "reduce" });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", { options: AUTHENTICATOR });
  const credentials = async () => (await devtools.send("WebAuthn.getCredentials", { authenticatorId })).credentials;
  const give = (credential) => devtools.send("WebAuthn.addCredential", { authenticatorId, credential });
  return { context, page, credentials, give };
}

async function setUp(page) {
  await page.goto(`${url}/setup`);
  await page.getByLabel("Tu nombre").fill("Lucía Pérez");
  await page.getByLabel("Correo").fill("lucia@laespiga.example");
  await page.getByLabel("Organización").fill("Panadería La Espiga");
  await page.getByLabel("Contraseña", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Código").fill(code);
  await page.getByRole("button", { name: "Empezar" }).click();
  await page.waitForURL("**/welcome");
}

async function makePasskey({ page, credentials }) {
  await page.goto(`${url}/settings/second-factor`);
  await lookAt(page, "second factor", join(folder, "00-second-factor.png"));
  await page.getByRole("link", { name: "Nueva llave" }).click();
  await page.getByLabel("Nombre de la llave").fill("Mi portátil");
  await page.getByLabel("Contraseña actual").fill("otra frase cualquiera");
  await page.getByRole("button", { name: "Crear la llave" }).click();
  await page.getByText("La contraseña no es correcta, o hay que esperar.").waitFor();
  await lookAt(page, "new passkey", join(folder, "01-new.png"));
  await page.getByLabel("Contraseña actual").fill(PASSWORD);
  await page.getByRole("button", { name: "Crear la llave" }).click();
  await page.getByText("La llave quedó guardada.").waitFor();
  await page.getByRole("link", { name: "Mi portátil" }).waitFor();
  const kept = await credentials();
  assert.equal(kept.length, 1);
  assert.ok(kept[0].isResidentCredential, "it is found without a name");
  await page.getByRole("link", { name: "Mi portátil" }).click();
  await page.waitForURL(/\/settings\/passkeys\/[0-9a-f-]{36}$/);
  return { id: new URL(page.url()).pathname.split("/").pop() };
}

async function leave(page) {
  await page.context().clearCookies({ name: "wazapp" });
  await page.goto(`${url}/login`);
}

/** Chooses the passkey that the authenticator has. */
function byPasskey(page) {
  return page.getByRole("button", { name: "Entrar con una llave" }).click();
}

async function alone({ page, credentials }) {
  const [before] = await credentials();
  await leave(page);
  await lookAt(page, "sign in", join(folder, "02-sign-in.png"));
  // Behind a password that is wrong there is the same way in.
  await page.getByLabel("Correo").fill("lucia@laespiga.example");
  await page.getByLabel("Contraseña", { exact: true }).fill("no es esta frase");
  await page.getByRole("button", { name: "Entrar", exact: true }).click();
  await page.getByText("El correo o la contraseña no coinciden.").waitFor();
  await byPasskey(page);
  await page.waitForURL("**/inbox");
  await becomes(async () => (await credentials())[0].signCount > before.signCount);
}

async function password(page) {
  await page.getByLabel("Correo").fill("lucia@laespiga.example");
  await page.getByLabel("Contraseña", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Entrar", exact: true }).click();
  await page.waitForURL("**/login/second**");
}

async function afterThePassword({ page }) {
  await leave(page);
  await password(page);
  await lookAt(page, "second step", join(folder, "03-second.png"));
  await byPasskey(page);
  await page.waitForURL("**/inbox");
}

/** One that this server never kept, and one whose counter went back, open nothing. */
async function ofAnother({ page, credentials }) {
  const [own] = await credentials();
  const thief = await somebody();
  await thief.give({ ...own, signCount: 0 });
  await thief.page.goto(`${url}/login`);
  await byPasskey(thief.page);
  await thief.page.getByText("No se pudo con la llave.").waitFor();
  assert.match(thief.page.url(), /\/login$/, "a copy whose counter went back");
  await thief.context.close();
  const stranger = await somebody();
  await stranger.give({ ...own, credentialId: Buffer.from("made up by somebody").toString("base64"), signCount: 100 });
  await stranger.page.goto(`${url}/login`);
  await password(stranger.page);
  await byPasskey(stranger.page);
  await stranger.page.getByText("No se pudo con la llave.").waitFor();
  await stranger.context.close();
  await leave(page);
  await byPasskey(page);
  await page.waitForURL("**/inbox");
}

async function removed({ page }, id) {
  await page.goto(`${url}/settings/passkeys/${id}/remove`);
  await page.getByLabel("Contraseña actual").fill(PASSWORD);
  await page.getByRole("button", { name: /Quitar/ }).click();
  await page.getByText("La llave ya no abre nada.").waitFor();
  await page.goto(`${url}/settings/audit`);
  for (const deed of ["añadió una llave de acceso de", "quitó una llave de acceso de"]) await page.getByText(deed).first().waitFor();
  await leave(page);
  await byPasskey(page);
  await page.getByText("No se pudo con la llave.").waitFor();
}
