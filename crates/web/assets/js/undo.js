// What was closed can be taken up again as it was, for a while, wherever its reader went on to.
const LONG = 10_000;

let closing; // The conversation that is being closed.
let offered; // The one that was, while it can be taken up again.
let ends;

/** Who reads, and of which organization. */
const home = (within) => within.querySelector("[data-inbox]")?.dataset.home;

function draw(within = document) {
  const toast = within.querySelector("#undo");
  if (!toast) return;
  if (offered?.home !== home(within)) offered = undefined;
  toast.hidden = !offered;
  if (!offered) return;
  const form = toast.querySelector("form");
  form.action = `/inbox/${offered.id}/state?${offered.query}`;
  form.elements.state.value = offered.state;
  toast.querySelector("p").textContent = toast.dataset.said.replace("{n}", offered.who);
}

function offer(what) {
  clearTimeout(ends);
  offered = what;
  draw();
  // Whoever is about to press it has the time they need.
  const end = () => { if (document.querySelector("#undo:is(:hover, :focus-within)")) ends = setTimeout(end, LONG); else offer(); };
  if (offered) ends = setTimeout(end, LONG);
}

document.addEventListener("submit", ({ target, submitter }) => {
  if (target.closest("#undo")) return offer();
  const thread = target.closest?.("[data-thread]");
  if (!thread || submitter?.name !== "state" || submitter.value !== "resolved") return;
  const { thread: id, who, state } = thread.dataset;
  closing = { form: target, id, who, state, home: home(document), query: document.querySelector("[data-inbox]")?.dataset.query ?? "" };
}, true);

// What is above a conversation may be drawn anew before there is an answer: then the form is not in the page any more.
document.addEventListener("turbo:submit-end", ({ detail }) => {
  if (closing?.form !== detail.formSubmission.formElement) return;
  if (detail.success) offer(closing);
  closing = undefined;
});
// Another page, or one that comes back from memory, offers what can be taken up now.
document.addEventListener("turbo:before-render", ({ detail }) => draw(detail.newBody));
