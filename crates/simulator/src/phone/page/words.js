// What the page says, in Spanish or in English, and how it writes times.

let language = "en";
let words = {};

/** The language in use: `es` or `en`. */
export const current = () => language;

/** The other one. */
export const other = () => (language === "es" ? "en" : "es");

/** Loads the language that was chosen, else the one the browser prefers. */
export async function loadWords() {
  const preferred = navigator.languages?.find((tag) => /^(es|en)\b/i.test(tag)) ?? navigator.language ?? "en";
  await speak(localStorage.getItem("phone.language") ?? preferred.slice(0, 2).toLowerCase());
}

/** Speaks another language from now on. */
export async function choose(tag) {
  localStorage.setItem("phone.language", tag);
  await speak(tag);
}

async function speak(tag) {
  language = tag === "es" ? "es" : "en";
  words = await (await fetch(`/_phone/page/${language}.json`)).json();
  document.documentElement.lang = language;
}

/** A text by its key, with its gaps filled: `t("typing", { name })`. */
export function t(key, gaps = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (gap, name) => gaps[name] ?? gap);
}

/** The time of the day. */
export function clock(at) {
  return new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" }).format(new Date(at));
}

/** The day, from the simulator's now. */
export function day(at, now) {
  const days = Math.round((midnight(now) - midnight(at)) / 86_400_000);
  if (days === 0) return t("today");
  if (days === 1) return t("yesterday");
  const form = days > 1 && days < 7 ? { weekday: "long" } : { day: "numeric", month: "long", year: "numeric" };
  return new Intl.DateTimeFormat(language, form).format(new Date(at));
}

/** A name of the day that sorts. */
export const dayKey = (at) => String(midnight(at));

/** When it was, in a list: a time today, else the day. */
export const moment = (at, now) => (dayKey(at) === dayKey(now) ? clock(at) : day(at, now));

/** Seconds as `1:05`. */
export function duration(seconds) {
  const whole = Number.isFinite(seconds) ? Math.round(seconds) : 0;
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A size of a file. */
export function size(bytes) {
  const [amount, unit] = bytes < 1e3 ? [bytes, "byte"] : bytes < 1e6 ? [bytes / 1e3, "kilobyte"] : [bytes / 1e6, "megabyte"];
  const digits = amount < 10 && bytes >= 1e3 ? 1 : 0;
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: unit === "byte" ? "long" : "short", maximumFractionDigits: digits }).format(amount);
}

function midnight(at) {
  const date = new Date(at);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
