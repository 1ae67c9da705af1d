// Who people are: pictures of their initials, numbers as they are written, and somebody to be at once.

import { h } from "./dom.js";

/** Countries one can be from: dialing code, how the rest is made, what people there are called. `#` is any digit. */
export const COUNTRIES = {
  MX: { flag: "🇲🇽", code: "52", rest: "55########", names: ["Ana Torres", "Diego Ramírez", "Fernanda Ruiz"] },
  AR: { flag: "🇦🇷", code: "54", rest: "11########", names: ["Martín Sosa", "Lucía Ferreyra", "Julieta Paz"] },
  BR: { flag: "🇧🇷", code: "55", rest: "119########", names: ["João Almeida", "Beatriz Rocha", "Caio Nunes"] },
  CO: { flag: "🇨🇴", code: "57", rest: "300#######", names: ["Valentina Ríos", "Andrés Mejía"] },
  CL: { flag: "🇨🇱", code: "56", rest: "9########", names: ["Camila Rojas", "Matías Soto"] },
  PE: { flag: "🇵🇪", code: "51", rest: "9########", names: ["Rosa Quispe", "Javier Flores"] },
  ES: { flag: "🇪🇸", code: "34", rest: "6########", names: ["Marta Gil", "Íñigo Serra"] },
  US: { flag: "🇺🇸", code: "1", rest: "65055501##", names: ["Sam Carter", "Mia Nguyen", "Jordan Lee"] },
};

/** A name and a phone from a country; without one, somebody with a username and no phone. */
export function somebody(country) {
  const from = COUNTRIES[country] ?? any(Object.values(COUNTRIES));
  const name = any(from.names);
  const rest = from.rest.replace(/#/g, () => String(Math.floor(Math.random() * 10)));
  const username = plain(name).toLowerCase().replace(/ /g, ".") + Math.floor(Math.random() * 90 + 10);
  return COUNTRIES[country] ? { name, phone: phone(from.code + rest) } : { name, username };
}

/** Digits as they are written: `+52 55 1234 5678`. */
export function phone(digits) {
  if (!digits) return "";
  const code = Object.values(COUNTRIES).map((country) => country.code).find((known) => digits.startsWith(known)) ?? "";
  const rest = digits.slice(code.length);
  const tail = rest.slice(-4);
  const middle = rest.slice(0, -4);
  // Mexico, Argentina and Brazil have areas of two digits.
  const cut = ["52", "54", "55"].includes(code) ? 2 : middle.length > 3 ? 3 : 0;
  return `+${[code, middle.slice(0, cut), middle.slice(cut), tail].filter(Boolean).join(" ")}`;
}

/** What a customer is called. */
export function called(customer) {
  return customer.name ?? (customer.username ? `@${customer.username}` : phone(customer.phone) || customer.key);
}

/** How a customer is reached. */
export function reached(customer) {
  return customer.phone ? phone(customer.phone) : customer.username ? `@${customer.username}` : "";
}

/** A round picture with initials, always the same colour for a name. */
export function avatar(name, size = "") {
  const words = name.replace(/^@/, "").split(/[\s._&-]+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters = words.slice(0, 2).map((word) => [...word][0].toUpperCase()).join("") || "·";
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 997, 7) % 6;
  return h("span", { class: `avatar hue-${hue} ${size}`, "aria-hidden": "true" }, letters);
}

const any = (list) => list[Math.floor(Math.random() * list.length)];
const plain = (text) => text.normalize("NFD").replace(/[^\x20-\x7e]/g, "");
