// The shapes that go with the colours, so that nobody needs the colour: paths in a box of -12..12.

export const SHAPES = {
  check: "M-9 0l6.5 7L9.5-7",
  dot: "M0-8a8 8 0 1 1-.01 0z",
  triangle: "M0-9.5L10.5 8.5h-21z",
  octagon: "M-4.3-10.4h8.6l6.1 6.1v8.6l-6.1 6.1h-8.6l-6.1-6.1v-8.6z",
  below: "M0 8.5L-10.5-7.5h21z",
  crossed: "M-8-8L8 8M8-8L-8 8",
  clock: "M0-9a9 9 0 1 1-.01 0zM0-4.5V.5l3.5 2.5",
  none: "",
};
const STROKED = new Set(["check", "crossed", "clock"]);

export function putShape(path, name) {
  if (path.dataset.shape === name) return;
  path.dataset.shape = name;
  path.setAttribute("d", SHAPES[name]);
  path.setAttribute("class", STROKED.has(name) ? "stroked" : "filled");
}

export const CIRCLE = "M0-91A91 91 0 1 1-.01-91z";
export const OCTAGON = octagon(90);

// A line across the ring at a part of the way round, from the top.
export function ringMark(part) {
  const angle = part * 2 * Math.PI;
  const at = (radius) => `${(radius * Math.sin(angle)).toFixed(2)} ${(-radius * Math.cos(angle)).toFixed(2)}`;
  return `M${at(83)}L${at(99)}`;
}

function octagon(apothem) {
  const half = apothem * Math.tan(Math.PI / 8);
  const corners = [[half, -apothem], [apothem, -half], [apothem, half], [half, apothem],
    [-half, apothem], [-apothem, half], [-apothem, -half], [-half, -apothem]];
  return `M0 ${-apothem}L${corners.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join("L")}z`;
}
