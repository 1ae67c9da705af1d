// Elements without markup in strings: whatever people write is text, never HTML.

/** An element: `h("button", { class: "primary", onclick }, "Send")`. Children that are null or false are left out. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "value") element.value = value;
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, value);
  }
  element.append(...kids(children));
  return element;
}

/** Puts these children in place of those an element has. */
export function fill(element, ...children) {
  element.replaceChildren(...kids(children));
  return element;
}

/** Text for those who hear the page. */
export function spoken(text) {
  return h("span", { class: "spoken" }, text);
}

function kids(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
