// The one thing to look at: the member who has waited longest, or that nobody waits, or why there is nothing to see.

import { node } from "./day.js";
import { el, hide, mark, put } from "./page.js";
import { CIRCLE, OCTAGON, SHAPES, putShape, ringMark } from "./shapes.js";

const HERO = new Set(["rest", "calm", "attention", "alarm"]);
const DOTS = 10;
const LONG = 10;        // minutes, from which on their seconds tell nothing

export function drawHero(mood, figures, shown, words) {
  hide("now", !HERO.has(mood.kind));
  if (!HERO.has(mood.kind)) {
    putDigits("");
    put("waiting", "");
    return;
  }
  const { _, ngettext } = words;
  const alarm = mood.kind === "alarm";
  const ring = alarm ? OCTAGON : CIRCLE;
  mark(el("track"), "d", ring);
  mark(el("fill"), "d", ring);
  put("waiting", String(shown.waiting.length));
  put("waiting-word", ngettext("waiting", "waiting", shown.waiting.length));
  if (mood.kind === "rest") return drawRest(shown, words);

  const seconds = Math.floor(mood.seconds);
  const target = figures.goal.seconds;
  const minutes = Math.floor(seconds / 60);
  if (minutes < LONG) putDigits(seconds < 100 ? String(seconds) : words.lasting(seconds));
  else putDigits(String(minutes));
  if (minutes >= LONG) put("unit", ngettext("minute", "minutes", minutes));
  else if (alarm) {
    const over = Math.max(0, Math.floor(mood.seconds - target));
    put("unit", over < 100 ? _("+%(n)s s over", { n: over }) : _("+%(time)s over", { time: words.lasting(over) }));
  } else {
    put("unit", ngettext("second", "seconds", seconds));
  }
  mark(el("fill"), "stroke-dasharray", `${(100 * Math.min(1, mood.seconds / target)).toFixed(1)} 100.5`);
  mark(el("mark"), "d", alarm ? "" : ringMark(0.75));
  put("mood", { calm: _("Longest wait"), attention: _("Pick up now"), alarm: _("Over %(n)s s", { n: target }) }[mood.kind]);
  putShape(el("mood-shape"), { calm: "dot", attention: "triangle", alarm: "octagon" }[mood.kind]);
}

// The whole number as large as the wall allows; what comes after it, ":21" or ",5 %", smaller.
function putDigits(text) {
  const [, whole, rest] = text.match(/^(\d+|.?)(.*)$/);
  put("digits-whole", whole);
  put("digits-rest", rest);
  mark(el("digits"), "data-long", text.length);
}

function drawRest(shown, words) {
  const { _ } = words;
  const { share, decimals } = shown.today;
  putDigits(words.share(share, decimals));
  put("unit", share === null ? _("no calls") : _("within %(n)s s", { n: shown.goal.seconds }));
  put("mood", _("Nobody waiting"));
  putShape(el("mood-shape"), "check");
}

// One dot a member, filling towards the target; beyond the limit a number tells the rest.
export function drawDots(mood, figures, now) {
  const box = el("dots");
  const waiting = HERO.has(mood.kind) ? figures.waiting : [];
  const dots = waiting.slice(0, DOTS);
  mark(box, "data-many", dots.length > 5);
  while (box.childElementCount > dots.length) box.lastElementChild.remove();
  while (box.childElementCount < dots.length) box.append(dot());
  dots.forEach((arrived, index) => {
    const part = (now - arrived) / 1000 / figures.goal.seconds;
    const [shape, fill] = box.children[index].children;
    mark(box.children[index], "class", part > 1 ? "over" : part >= 0.75 ? "near" : "early");
    mark(shape, "d", part > 1 ? SHAPES.octagon : "M0-10a10 10 0 1 1-.01 0z");
    mark(fill, "stroke-dasharray", `${(100 * Math.min(1, Math.max(0, part))).toFixed(0)} 100.5`);
  });
}

function dot() {
  const svg = node("svg", { viewBox: "-12 -12 24 24" });
  svg.append(node("path", {}), node("path", { class: "pie", d: "M0-4.5A4.5 4.5 0 1 1-.01-4.5", pathLength: 100 }));
  return svg;
}

export function drawMessage(mood, shown, now, words) {
  const speaks = !HERO.has(mood.kind);
  hide("message", !speaks);
  if (!speaks) return;
  const { title, more, last, shape } = message(mood, shown, now, words);
  put("message-title", title);
  put("message-more", more);
  put("message-last", last);
  putShape(el("message-shape"), shape);
}

function message(mood, shown, now, words) {
  const { _, ngettext } = words;
  if (mood.kind === "opening") return { title: _("Fetching figures …"), more: "", last: "", shape: "clock" };
  if (mood.kind === "stale") return { ...stale(mood, words), last: "", shape: "crossed" };
  const { phase, holiday, opens } = shown.opening;
  const opening = opens === null ? "" : opensWords(now, opens, words);
  const last = lastResult(shown, now, words);
  if (phase === "holiday") {
    const name = holiday ?? _("holiday");
    return { title: _("Closed: %(holiday)s", { holiday: name }), more: opening, last, shape: "clock" };
  }
  if (phase === "opening_soon" && opens !== null) {
    const minutes = Math.max(1, Math.ceil((opens - now) / 60_000));
    const ready = shown.desks && ngettext("%(n)s desk is ready", "%(n)s desks are ready", shown.desks.free);
    return { title: _("The phones open in %(n)s min.", { n: minutes }),
      more: _("at %(time)s", { time: words.clock(opens) }) + (ready ? ` · ${ready}` : ""), last, shape: "clock" };
  }
  return { title: opening || _("The phones are closed"), more: "", last, shape: "clock" };
}

function stale(mood, words) {
  const { _ } = words;
  const time = mood.since === null ? null : words.clock(mood.since);
  const from = time === null ? "" : _("The figures are from %(time)s.", { time });
  if (mood.why === "no-pbx") {
    const title = mood.pbx ? _("No connection to the telephone system %(pbx)s since %(time)s", { time, pbx: mood.pbx })
      : _("No connection to the telephone system since %(time)s", { time });
    return { title, more: from };
  }
  if (mood.why === "held") return { title: _("On hold since %(time)s", { time }), more: `${from} ${_("The space bar lets the board go on.")}` };
  if (mood.why === "withdrawn") return { title: _("The board is no longer shown at this address"), more: _("Ask those who look after slmon here.") };
  if (mood.why === "silent") return { title: _("Nothing heard from the telephone system since %(time)s", { time }), more: from };
  const again = _("The board tries again by itself.");
  if (time === null) return { title: _("No connection to the server"), more: again };
  return { title: _("No connection to the server since %(time)s", { time }), more: `${from} ${again}` };
}

function opensWords(now, opens, words) {
  const { _ } = words;
  const time = words.clock(opens);
  const days = words.days(now, opens);
  if (days === 0) return _("The phones open at %(time)s", { time });
  if (days === 1) return _("The phones open tomorrow at %(time)s", { time });
  return _("The phones open %(day)s at %(time)s", { time, day: days < 7 ? words.weekday(opens) : words.date(opens) });
}

function lastResult(shown, now, words) {
  const { _ } = words;
  const last = shown.today.of ? { day: now, today: shown.today, transferred: shown.transferred } : shown.last_day;
  if (!last || !last.today.of) return "";
  const ago = words.days(last.day, now);
  const day = ago === 0 ? _("Today") : ago === 1 ? _("Yesterday")
    : words.capital(ago < 7 ? words.weekday(last.day) : words.date(last.day));
  const answered = _("%(day)s: %(share)s within %(goal)s s (%(part)s of %(of)s)", {
    day, share: words.share(last.today.share, last.today.decimals), goal: shown.goal.seconds,
    part: last.today.part, of: last.today.of });
  if (!last.transferred.of) return `${answered}.`;
  const share = words.share(last.transferred.share, last.transferred.decimals);
  const transferred = _("%(share)s transferred", { share });
  return `${answered}, ${transferred}.`;
}
