// What was closed can be taken up again as it was, for a while, wherever its reader went on to.
const LONG = 10_000;
const toast = () => document.getElementById("undo");

let closing; // The conversation that is being closed.
let ends;

function hide() {
  clearTimeout(ends);
  const shown = toast();
  if (shown) shown.hidden = true;
}

function show({ id, who, state, query }) {
  const shown = toast();
  if (!shown) return;
  const form = shown.querySelector("form");
  form.action = `/inbox/${id}/state?${query}`;
  form.elements.state.value = state;
  shown.querySelector("p").textContent = shown.dataset.said.replace("{n}", who);
  shown.hidden = false;
  clearTimeout(ends);
  // Whoever is about to press it has the time they need.
  const end = () => { if (shown.matches(":hover, :focus-within")) ends = setTimeout(end, LONG); else hide(); };
  ends = setTimeout(end, LONG);
}

document.addEventListener("submit", ({ target, submitter }) => {
  if (target.closest("#undo")) return hide();
  const thread = target.closest?.("[data-thread]");
  if (!thread || submitter?.name !== "state" || submitter.value !== "resolved") return;
  const { thread: id, who, state } = thread.dataset;
  closing = { form: target, id, who, state, query: document.querySelector("[data-inbox]")?.dataset.query ?? "" };
}, true);

document.addEventListener("turbo:submit-end", ({ target, detail }) => {
  if (closing?.form === target && detail.success) show(closing);
  closing = undefined;
});
