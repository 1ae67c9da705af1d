// Passkeys: the questions are the server's, the answers the browser's; without this, all other ways in work.
const known = () => Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);

/** Sends JSON to a path of ours; what comes back says how it went. */
const send = async (path, body) => {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  return answer.ok ? answer.json() : null;
};

const signIn = async (next) => {
  const asked = await send("/login/passkey/ask");
  if (!asked) return null;
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.publicKey);
  const credential = await navigator.credentials.get({ publicKey });
  return send("/login/passkey", { question: asked.question, credential: credential.toJSON(), next });
};

const offer = () => {
  for (const way of document.querySelectorAll("[data-passkey-sign-in]")) {
    if (!known()) continue;
    way.hidden = false;
    const fault = way.querySelector("[role=alert]");
    way.querySelector("button").onclick = async () => {
      fault.hidden = true;
      const done = await signIn(way.dataset.next).catch(() => null);
      if (done) location.assign(done.to);
      else fault.hidden = false;
    };
  }
  for (const box of document.querySelectorAll("[data-passkey-new]")) {
    if (!known()) continue;
    box.hidden = false;
    document.querySelector("[data-passkey-absent]").hidden = true;
    const form = box.querySelector("form");
    const [refused, failed] = ["refused", "failed"].map((name) => form.querySelector(`[data-${name}]`));
    form.onsubmit = async (event) => {
      event.preventDefault();
      refused.hidden = failed.hidden = true;
      const asked = await send("/settings/passkeys/ask", { password: form.elements.current?.value ?? "" });
      if (!asked) {
        refused.hidden = false;
        return;
      }
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked.publicKey);
      const made = await navigator.credentials.create({ publicKey }).catch(() => null);
      const kept = made && (await send("/settings/passkeys", {
        question: asked.question, credential: made.toJSON(), name: form.elements.name.value,
      }).catch(() => null));
      if (kept) location.assign(kept.to);
      else failed.hidden = false;
    };
  }
};
// A form that comes back with faults is no load.
for (const when of ["turbo:load", "turbo:render"]) document.addEventListener(when, offer);
