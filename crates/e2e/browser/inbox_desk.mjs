// Where somebody sits down to try what the inbox promises: a browser of their own, customers who write, and the steps that are
// made there.

/** As wide as most. */
export const WIDE = { width: 1280, height: 860, language: "es", scheme: "light" };

/** Somebody at work at one look, of whose page each breach of its policy is noted. */
export async function desk(kit, look, expected) {
  const { number, control, sessions, sitDown, url } = kit;
  const { context, page, see } = await sitDown(look, sessions, expected);
  const broken = [];
  await context.exposeFunction("tellBroken", (what) => broken.push(what));
  await context.addInitScript(() => addEventListener("securitypolicyviolation", (event) => globalThis.tellBroken(`${event.violatedDirective} ${event.blockedURI}`)));
  return {
    ...kit, context, page, see, broken,
    says: (from, text, more = {}) => control("messages", { phone_number_id: number, from, type: "text", text: { body: text }, ...more }),
    row: (text, within = page) => within.locator("#list > li", { hasText: text }),
    async open(text, within = page) {
      await within.goto(`${url}/inbox?view=all`);
      await within.locator("#list > li a", { hasText: text }).first().click();
      await within.locator(".thread .text", { hasText: text }).first().waitFor();
    },
  };
}

/** Makes the steps one after the other; of all of them `STEP=one,another` alone. With `GO`, what fails ends nothing. */
export async function make(steps, at) {
  const wanted = process.env.STEP?.split(",");
  for (const step of steps.filter(({ name }) => !wanted || wanted.includes(name))) {
    const began = Date.now();
    await step(at).catch((error) => { if (process.env.GO) console.log(`FAIL ${step.name} ${String(error.stack).slice(0, 900)}`); else throw error; });
    console.log(`  ${step.name} after ${Date.now() - began} ms`);
  }
}

/** Somebody signs in, in a browser of their own. */
export async function signIn(browser, { url, email, password }) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: "es", reducedMotion: "reduce" });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await page.goto(`${url}/login`);
  await page.getByLabel("Correo").fill(email);
  await page.getByLabel("Contraseña", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Entrar", exact: true }).click();
  await page.waitForURL("**/inbox");
  return { context, page };
}
