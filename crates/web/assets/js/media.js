// Pictures large, one behind the other; sounds as fast as somebody hears.
import { $ } from "./inbox.js";
import { scroller } from "./reading.js";

const lightbox = () => $("[data-lightbox]");
const pictures = () => [...(scroller()?.querySelectorAll("a.picture") ?? [])];
let shown; // The address of the picture that is shown: its link may be drawn anew meanwhile.
const place = (all) => all.findIndex(({ href }) => href === shown);

function show(picture) {
  const box = lightbox();
  const all = pictures();
  shown = picture.href;
  const at = place(all);
  box.classList.remove("whole");
  $("img", box).src = picture.href;
  $("a", box).href = picture.href;
  for (const button of box.querySelectorAll("[data-turn]")) button.disabled = !all[at + Number(button.dataset.turn)];
  if (!box.open) box.showModal();
}

function turn(by) {
  const all = pictures();
  const next = all[place(all) + by];
  if (next) show(next);
}

document.addEventListener("click", (event) => {
  const { target } = event;
  const picture = target.closest?.(".messages a.picture");
  if (picture && lightbox() && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    show(picture);
    return;
  }
  const box = target.closest?.("[data-lightbox]");
  if (!box) return;
  const button = target.closest("[data-turn]");
  if (button) turn(Number(button.dataset.turn));
  else if (target.matches("img")) box.classList.toggle("whole");
  else if (target === box) box.close();
});

document.addEventListener("keydown", (event) => {
  if (!lightbox()?.open || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  event.preventDefault();
  turn(event.key === "ArrowLeft" ? -1 : 1);
});

document.addEventListener("close", ({ target }) => {
  if (target !== lightbox()) return;
  $("img", target).removeAttribute("src");
  const all = pictures();
  all[place(all)]?.focus();
}, true);
document.addEventListener("turbo:before-cache", () => lightbox()?.close());

const SPEEDS = [1, 1.5, 2];
document.addEventListener("play", ({ target }) => {
  for (const other of document.querySelectorAll("audio, video")) if (other !== target) other.pause();
  const button = target.parentElement.querySelector("[data-speed]");
  if (button) button.hidden = false;
}, true);
document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-speed]");
  if (!button) return;
  const sound = $("audio", button.parentElement);
  sound.playbackRate = SPEEDS[(SPEEDS.indexOf(sound.playbackRate) + 1) % SPEEDS.length];
  button.textContent = `${new Intl.NumberFormat(document.documentElement.lang).format(sound.playbackRate)}×`;
  button.ariaLabel = `${button.title}: ${button.textContent}`;
});
