// What somebody has begun to write: in the tab with each key, on the server a second later, so that they find it on their
// other devices. It is one person's, of one conversation of one organization: that is its place.

const SOON = 1_000;
const LATER = 5_000;
const STUCK = 15_000;

const name = ({ home, conversation }) => `${home}:${conversation}`;
const written = (place) => sessionStorage.getItem(`draft:${name(place)}`);
const write = (place, text) => sessionStorage.setItem(`draft:${name(place)}`, text);

/** What the server has of it, as far as this tab knows: which version, and whether that is what is written here. */
const known = (place) => JSON.parse(sessionStorage.getItem(`draft-known:${name(place)}`) ?? '{"version":0,"saved":true}');
const learn = (place, version, saved) => sessionStorage.setItem(`draft-known:${name(place)}`, JSON.stringify({ version, saved }));

const due = new Map(); // By place: the timer of the next time that it is saved.
const saving = new Set();
const newer = new Map(); // By place: what was written elsewhere, until its writer says which of both it is to be.
const shown = new Map(); // By place: whether the list says that there is a draft.
let open;
const isOpen = (place) => Boolean(open) && name(open) === name(place);
const boxOf = () => document.querySelector("[data-composer] textarea");

/** Keeps what stands in the box from now on. */
export function keep(place, text) {
  write(place, text);
  learn(place, known(place).version, false);
  later(place, SOON);
}

const given = new Map(); // By place: what was given back of late.

/** What could not be sent stands before what was written since, and behind what was given back before it. */
export function before(place, text, since) {
  const earlier = given.get(name(place));
  const goesOn = earlier && since?.startsWith(earlier);
  const rest = goesOn ? since.slice(earlier.length).replace(/^\n/, "") : since;
  const all = [goesOn && earlier, text].filter(Boolean).join("\n");
  given.set(name(place), all);
  return [all, rest].filter(Boolean).join("\n");
}

/** What was sent from another tab or device is no draft of this one any more. */
export function gone(place, text) {
  if (!text || written(place)?.trim() !== text.trim() || !known(place).saved) return;
  const box = isOpen(place) ? boxOf() : undefined;
  if (box) box.value = "";
  write(place, "");
}

/** What could not be sent is a draft again. */
export function give(place, text) {
  keep(place, before(place, text, written(place)));
}

/** Puts what was begun into the box of a conversation that is opened: the newer of what the server has and what this tab has. */
export function restore(box, place) {
  if (open && !isOpen(place)) tell(open);
  open = place;
  const theirs = { text: box.defaultValue, version: Number(box.dataset.version) };
  const [own, { version, saved }] = [written(place), known(place)];
  if (own === null || (version < theirs.version && (saved || !own))) {
    newer.delete(name(place));
    take(place, theirs, box);
    return;
  }
  box.value = own;
  if (saved) return;
  const isBehind = version < theirs.version;
  if (isBehind && isOurs(theirs, place)) learn(place, theirs.version, theirs.text === own.trim());
  else if (isBehind && theirs.text) { offer(place, theirs); return; }
  if (known(place).saved) return;
  later(place, SOON);
}

/** What this tab had saved last, whether it heard so or left before. */
const sent = (place) => sessionStorage.getItem(`draft-sent:${name(place)}`);
const isOurs = (theirs, place) => theirs.text === sent(place)?.trim();

/** What the server has is what is written here from now on. */
function take(place, { text, version }, box) {
  box.value = text;
  write(place, text);
  learn(place, version, true);
}

/** Once a second at most, however fast somebody types. */
function later(place, when) {
  if (!due.has(name(place))) due.set(name(place), setTimeout(() => save(place), when));
}

async function save(place) {
  clearTimeout(due.get(name(place)));
  due.delete(name(place));
  const text = written(place);
  const { version, saved } = known(place);
  // Whoever left took their words along.
  if (text === null || saved || newer.has(name(place))) return;
  if (saving.has(name(place))) { later(place, SOON); return; }
  saving.add(name(place));
  const before = sent(place);
  try {
    const body = new URLSearchParams({ body: text, version });
    sessionStorage.setItem(`draft-sent:${name(place)}`, text);
    const answer = await fetch(`/inbox/${place.conversation}/draft`, { method: "POST", body, redirect: "manual", keepalive: true, signal: AbortSignal.timeout(STUCK) });
    if (answer.ok) {
      const isSame = written(place) === text;
      learn(place, (await answer.json()).version, isSame);
      if (!isSame) later(place, SOON);
      if (shown.get(name(place)) !== Boolean(text) || !isOpen(place)) tell(place);
    } else if (answer.status === 409) {
      const theirs = await answer.json();
      // Where nothing is written elsewhere, there is nothing to choose either.
      if (!theirs.text || theirs.text === before?.trim() || theirs.text === text.trim()) {
        const isSame = theirs.text === written(place).trim();
        learn(place, theirs.version, isSame);
        if (!isSame) later(place, SOON);
        return;
      }
      const box = isOpen(place) ? boxOf() : undefined;
      // Where nothing is written here, there is nothing to choose.
      if (box && !box.value && !text) take(place, theirs, box);
      else offer(place, theirs);
    } else if (answer.status >= 500 || answer.status === 429) {
      later(place, LATER);
    }
  } catch {
    later(place, LATER);
  } finally {
    saving.delete(name(place));
  }
}

/** The list says how it begins. */
function tell(place) {
  shown.set(name(place), Boolean(written(place)));
  document.dispatchEvent(new CustomEvent("inbox:changed", { detail: { conversation_id: place.conversation } }));
}

/** What was written elsewhere is shown above what is written here: one of both goes on. */
function offer(place, theirs) {
  newer.set(name(place), theirs);
  const question = document.querySelector("[data-newer-draft]");
  if (!question || !isOpen(place)) return;
  question.querySelector("q").textContent = theirs.text;
  question.hidden = false;
}

function decide(takes) {
  const theirs = newer.get(name(open));
  newer.delete(name(open));
  document.querySelector("[data-newer-draft]").hidden = true;
  const box = boxOf();
  if (takes) take(open, theirs, box);
  else {
    write(open, box.value);
    learn(open, theirs.version, false);
    later(open, 0);
  }
  box.focus();
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-take-draft], [data-keep-draft]");
  if (button && open && newer.has(name(open))) decide(button.matches("[data-take-draft]"));
});

/** Saves what stands there now, and does not wait for the next second. */
export const saveNow = async () => { if (open && due.has(name(open))) await save(open); };
window.addEventListener("pagehide", saveNow);
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") saveNow(); });
