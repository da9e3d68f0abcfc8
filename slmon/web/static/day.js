// The day by half hour: in time, late, undecided stacked; now outlined; gaps hatched. Drawn only when it changed.

const SVG = "http://www.w3.org/2000/svg";
const HALF_HOUR = 1_800_000;
const LABELS = 4;
const MOST = 26;                // half hours; a house that never closes sees nine hours back and three ahead
const AHEAD = 6;
let drawn = "";

export function drawDay(svg, figures, now, words) {
  const { width, height } = svg.getBoundingClientRect();
  if (!width || !height) return;
  const halves = nearest(slots(figures), now);
  const current = halves.findIndex(([start]) => now >= start && now < start + HALF_HOUR);
  const key = JSON.stringify([halves, current, width, height]);
  if (key === drawn) return;
  drawn = key;

  const label = parseFloat(getComputedStyle(svg).fontSize);
  const floor = height - label * 1.12;
  const most = Math.max(4, ...halves.map(([, met, missed, undecided]) => met + missed + undecided));
  const slot = width / Math.max(halves.length, 1);
  const step = floor / most;
  const nodes = [patterns()];
  nodes.push(node("line", { class: "floor", x1: 0, x2: width, y1: floor, y2: floor }));

  halves.forEach(([start, met, missed, undecided, gap], index) => {
    const x = index * slot;
    const inset = slot * 0.14;
    if (gap > 0) nodes.push(node("rect", { class: "gap", x: x + 1, y: 0, width: Math.max(slot - 2, 1), height: floor }));
    let y = floor;
    for (const [kind, count] of [["met", met], ["missed", missed], ["undecided", undecided]]) {
      if (!count) continue;
      const tall = count * step;
      y -= tall;
      nodes.push(node("rect", { class: kind, x: x + inset, y: y + 1, width: slot - 2 * inset, height: Math.max(tall - 1.5, 1) }));
    }
    if (index === current) {
      nodes.push(node("rect", { class: "current", x: x + 2, y: 2, width: Math.max(slot - 4, 2), height: floor + 2 }));
    }
  });
  nodes.push(...labels(halves, slot, height - label * 0.12, words));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(...nodes);
  keepInside(svg, width);
}

// The half hours of the whole day, those to come empty.
function slots(figures) {
  const known = new Map(figures.day.map((half) => [half[0], half]));
  for (const [start, end] of figures.opening.hours) {
    for (let at = start; at < end; at += HALF_HOUR) if (!known.has(at)) known.set(at, [at, 0, 0, 0, 0]);
  }
  return [...known.values()].sort((one, other) => one[0] - other[0]);
}

function nearest(halves, now) {
  if (halves.length <= MOST) return halves;
  const current = halves.findIndex(([start]) => now < start + HALF_HOUR);
  const end = Math.max(24, Math.min(halves.length, current + AHEAD));
  return halves.slice(end - 24, end);
}

function labels(halves, slot, y, words) {
  const hours = halves.map(([start], index) => ({ index, ...words.hourAndMinute(start) })).filter((at) => at.minute === 0);
  const every = [1, 2, 3, 4, 6, 12].find((step) => hours.length / step <= LABELS) ?? 24;
  return hours.filter(({ hour }) => hour % every === 0).map(({ index, hour }) => {
    const text = node("text", { class: "hour", x: index * slot + slot * 0.14, y });
    text.textContent = String(hour);
    return text;
  });
}

// The last hour's figure may reach over the edge; then it ends there, or goes where it would run into the one before.
function keepInside(svg, width) {
  let free = -Infinity;
  for (const text of svg.querySelectorAll(".hour")) {
    const { x, width: wide, height } = text.getBBox();
    const left = Math.min(x, width - wide);
    if (left < x) text.setAttribute("x", String(left));
    if (left < free) text.remove();
    else free = left + wide + height * 0.2;
  }
}

function patterns() {
  const defs = node("defs", {});
  defs.append(hatch("late", 9, 4.5), hatch("hole", 12, 2.5));
  return defs;
}

function hatch(id, size, wide) {
  const pattern = node("pattern", { id, width: size, height: size, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  pattern.append(node("rect", { class: `${id}-ground`, width: size, height: size }), node("rect", { class: `${id}-line`, width: wide, height: size }));
  return pattern;
}

export function node(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}
