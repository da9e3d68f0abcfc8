// The figures beside the hero: today's shares with their n, the desks, the last half hour, the day; and the footer.

import { drawDay } from "./day.js";
import { el, hide, mark, put } from "./page.js";
import { putShape } from "./shapes.js";

const BAND_END = 0.25;      // the transfer band is drawn from 0 to 25 %
const CLOSED = new Set(["closed", "holiday", "opening_soon", "opening"]);

export function drawFigures(mood, shown, now, words) {
  const nothing = shown === null || CLOSED.has(mood.kind);
  hide("today", nothing);
  if (nothing) return;
  const { _ } = words;
  const stale = mood.kind === "stale";
  drawShare("within", shown.today, withinVerdict(shown, words), stale, words);
  put("within-title", _("Within %(n)s s today", { n: shown.goal.seconds }));
  mark(el("within-level"), "width", Math.round(1000 * (shown.today.share ?? 0)));
  mark(el("within-goal"), "x", Math.min(994, Math.round(1000 * shown.goal.share) - 3));
  drawShare("transferred", shown.transferred, transferVerdict(shown, words), stale, words);
  drawBand(shown);
  drawDesks(shown, stale, words);
  put("half-figure", stale ? "–" : words.share(shown.half.share, shown.half.decimals));
  put("half-n", stale || !shown.half.of ? "" : _("(%(part)s of %(of)s)", shown.half));
  drawDay(el("halves"), shown, now, words);
}

function drawShare(id, share, verdict, stale, words) {
  put(`${id}-figure`, words.share(share.share, share.decimals));
  put(`${id}-verdict`, stale ? "" : verdict.text);
  putShape(el(`${id}-shape`), stale ? "none" : verdict.shape);
  put(`${id}-n`, share.of ? words._("(%(part)s of %(of)s)", share) : "");
  mark(el(id), "data-verdict", share.verdict);
}

function withinVerdict({ today, goal }, { _, percent }) {
  if (!today.of) return { text: _("No calls yet"), shape: "none" };
  const of = { goal: percent(goal.share) };
  return {
    kept: { text: _("Goal %(goal)s kept", of), shape: "check" },
    not_kept: { text: _("Below goal %(goal)s", of), shape: "below" },
    unclear: { text: _("Unclear against %(goal)s", of), shape: "none" },
    too_few: { text: _("Too few calls yet"), shape: "none" },
  }[today.verdict];
}

function transferVerdict({ transferred, goal }, { _, percent, number }) {
  if (!transferred.of) return { text: _("No calls yet"), shape: "none" };
  const limits = { good: percent(goal.good), ceiling: percent(goal.ceiling) };
  return {
    good: { text: _("Under %(good)s", limits), shape: "check" },
    attention: { text: _("%(good)s to %(ceiling)s", { ...limits, good: number(goal.good) }), shape: "triangle" },
    over: { text: _("Over ceiling %(ceiling)s", limits), shape: "octagon" },
    too_few: { text: _("Too few calls yet"), shape: "none" },
  }[transferred.verdict];
}

function drawBand({ goal, transferred }) {
  const end = Math.max(BAND_END, goal.ceiling * 1.5);
  const at = (share) => Math.round(1000 * Math.min(1, share / end));
  const zones = [["band-good", 0, goal.good], ["band-attention", goal.good, goal.ceiling], ["band-over", goal.ceiling, end]];
  for (const [id, from, to] of zones) {
    mark(el(id), "x", at(from) + (from ? 4 : 0));
    mark(el(id), "width", Math.max(0, at(to) - at(from) - (from ? 4 : 0)));
  }
  mark(el("band-pointer"), "x", Math.max(0, Math.min(990, at(transferred.share ?? 0) - 5)));
  mark(el("band-pointer"), "visibility", transferred.share === null ? "hidden" : "visible");
}

function drawDesks({ desks }, stale, words) {
  for (const state of ["free", "busy", "paused"]) put(state, stale || !desks ? "–" : String(desks[state]));
  put("free-word", words.ngettext("free", "free", desks?.free ?? 0));
}

export function drawHours(mood, picture, now, words) {
  const { _ } = words;
  const opening = picture?.figures.opening;
  put("hours", opening ? hours(opening, words) : "");
  const live = mood.kind !== "stale" && mood.kind !== "opening";
  const heard = picture?.time.heard ?? null;
  const quiet = live && heard !== null && now - heard > 60_000;
  put("live", !live ? _("not live") : quiet ? _("live, last event %(time)s", { time: words.clock(heard) }) : _("live"));
  putShape(el("live-shape"), live ? "dot" : "crossed");
  put("clock", now === null ? "" : words.clock(now));
}

function hours({ hours: today, phase, closes }, words) {
  const { _ } = words;
  const round = today.some(([from, to]) => to - from >= 23 * 3_600_000);
  if (round || (phase === "open" && closes === null)) return _("always open");
  if (!today.length) return _("closed today");
  const spans = today.map(([from, to]) => `${words.hour(from)}–${words.hour(to)}`).join(", ");
  return _("phone hours %(spans)s", { spans });
}
