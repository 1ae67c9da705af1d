// Icons, drawn on 24 by 24 with one stroke.

const PATHS = {
  alert: ["M12 8v5", "M12 16.5v.1", "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z"],
  attach: ["M12 5v14", "M5 12h14"],
  back: ["M15 5l-7 7 7 7"],
  block: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M5.7 5.7l12.6 12.6"],
  camera: ["M4 8h3l2-3h6l2 3h3v11H4z", "M12 10a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z"],
  cart: ["M3 4h2l2.4 11h10.2L20 7H6", "M9 19.5v.1", "M17 19.5v.1"],
  check: ["M5 12.5l4.5 4.5L19 7"],
  checks: ["M2 12.5l4.5 4.5L16 7", "M11.5 16.2l.8.8L22 7"],
  chevron: ["M9 5l7 7-7 7"],
  clock: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M12 8v4l2.5 2"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  copy: ["M9 9h11v11H9z", "M5 15H4V4h11v1"],
  dice: ["M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1z", "M8.5 8.5v.1", "M15.5 8.5v.1", "M12 12v.1", "M8.5 15.5v.1", "M15.5 15.5v.1"],
  down: ["M12 5v14", "M6 13l6 6 6-6"],
  edit: ["M4 20l1-4L16 5l3 3L8 19z"],
  file: ["M7 3h7l5 5v13H7z", "M14 3v5h5"],
  form: ["M5 3h14v18H5z", "M8.5 8h7", "M8.5 12h7", "M8.5 16h4"],
  image: ["M4 5h16v14H4z", "M4 16l5-5 4 4 3-3 4 4", "M15.5 9v.1"],
  link: ["M14 4h6v6", "M20 4l-9 9", "M17 14v6H4V7h6"],
  list: ["M9 6h11", "M9 12h11", "M9 18h11", "M4.5 6v.1", "M4.5 12v.1", "M4.5 18v.1"],
  mic: ["M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3z", "M5.5 11.5a6.5 6.5 0 0 0 13 0", "M12 18v3"],
  more: ["M12 5.5v.1", "M12 12v.1", "M12 18.5v.1"],
  pause: ["M8 5v14", "M16 5v14"],
  phone: ["M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a1 1 0 0 1-1 1A15 15 0 0 1 4 5a1 1 0 0 1 1-1z"],
  pin: ["M12 21s7-6.2 7-11.5A7 7 0 0 0 5 9.5C5 14.8 12 21 12 21z", "M12 7.500a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.400z"],
  play: ["M7 4.500v15l12-7.500z"],
  plus: ["M12 5v14", "M5 12h14"],
  power: ["M12 3v9", "M6.5 7a8 8 0 1 0 11 0"],
  reply: ["M10 6l-6 6 6 6", "M4 12h9a7 7 0 0 1 7 7"],
  send: ["M4 12l16-8-5.5 16-3-7z", "M11.5 13L20 4"],
  smile: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M8.5 14.500a4 4 0 0 0 7 0", "M9 9.500v.1", "M15 9.500v.1"],
  tag: ["M4 4h8l8 8-8 8-8-8z", "M8 8v.1"],
  trash: ["M4 7h16", "M9 7V4h6v3", "M6.5 7l1 13h9l1-13"],
  user: ["M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M4.5 20a7.5 7.5 0 0 1 15 0"],
};

const SVG = "http://www.w3.org/2000/svg";

/** An icon; it says nothing to those who hear the page. */
export function icon(name) {
  return drawing("0 0 24 24", `icon icon-${name}`, PATHS[name].map((d) => ["path", { d }]));
}

/** A drawing of shapes: `[tag, attributes]`. */
export function drawing(box, className, shapes) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", box);
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  for (const [tag, attributes] of shapes) {
    const shape = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
    svg.append(shape);
  }
  return svg;
}
