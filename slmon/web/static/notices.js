// What makes today's figures less than sure, in words: the most serious first, and as many as the footer has room for.

import { el, hide, mark, put } from "./page.js";

const TITLE_KEEPS = 4.5;      // em of the view's title that no notice may take
let fitted = "";

export function drawNotices(figures, words) {
  const found = figures ? notices(figures, words) : [];
  hide("notice", !found.length);
  if (found.length) fit(found, words);
}

// Each as it is told at length, in short, and in as few words as can be; `calm` where nothing is missing.
function notices(figures, words) {
  const { _, ngettext, clock } = words;
  const { not_saving_since: unsaved, undecided, unaccounted, set_aside: lacking, incomplete } = figures;
  const found = [];
  if (incomplete) found.push({ told: [_("figures incomplete, see the log")] });
  if (unsaved) found.push({ told: [...Array(2).fill(_("not saving since %(time)s", { time: clock(unsaved) })), _("not saving")] });
  found.push(...gapNotices(figures.gap, figures.gaps, words), ...filledNotices(figures.gap, figures.filled, words));
  if (undecided) found.push({ told: [ngettext("%(n)s undecided", "%(n)s undecided", undecided)] });
  if (unaccounted) found.push({ told: [
    ngettext("%(n)s call without a known end", "%(n)s calls without a known end", unaccounted),
    ngettext("%(n)s without an end", "%(n)s without an end", unaccounted)] });
  if (lacking) found.push({ told: [_("older figures missing")] });
  return found.sort((one, other) => Number(one.calm ?? false) - Number(other.calm ?? false));
}

// Today's gaps and how many calls they may hide at most. null: nobody can tell; 0: none, as the PBX counts.
function gapNotices(seconds, gaps, words) {
  if (seconds < 1 || !gaps.n) return [];
  const { _, ngettext } = words;
  const { hidden } = gaps;
  const at = named(gaps, words);
  if (hidden === 0) return [{ calm: true, told: at.map((when) => _("%(gap)s, no call missing", { gap: when })) }];
  if (hidden === null) return [{ told: [_("%(gap)s: unknown how many calls", { gap: at[0] }), _("%(gap)s: calls unknown", { gap: at[1] }),
    _("%(gap)s: calls unknown", { gap: at[2] })] }];
  return [{ told: [
    ngettext("%(gap)s: at most %(n)s call unknown", "%(gap)s: at most %(n)s calls unknown", hidden, { gap: at[0] }),
    ...at.slice(1).map((when) => ngettext("%(gap)s: at most %(n)s call", "%(gap)s: at most %(n)s calls", hidden, { gap: when }))] }];
}

// Those of which a log has told every call.
function filledNotices(seconds, gaps, words) {
  if (seconds < 1 || !gaps.n) return [];
  return [{ calm: true, told: named(gaps, words).map((when) => words._("%(gap)s, filled", { gap: when })) }];
}

// Gaps by when they were, in ever fewer words.
function named(gaps, words) {
  const { _, ngettext } = words;
  const { n } = gaps;
  const [time, bare] = [span(gaps, words), ngettext("gap", "%(n)s gaps", n)];
  return n === 1 ? [_("gap in data %(time)s", { time }), _("gap %(time)s", { time }), bare]
    : [_("%(n)s gaps in data %(time)s", { n, time }), _("%(n)s gaps %(time)s", { n, time }), bare];
}

function span({ since, until }, { _, clock }) {
  const from = clock(since);
  if (until === null) return _("since %(time)s", { time: from });
  return clock(until) === from ? from : `${from}–${clock(until)}`;
}

// The longest telling that has room. What is left out is counted.
function fit(found, words) {
  const tellings = [...all(found, words)];
  const key = JSON.stringify([tellings, innerWidth, innerHeight, document.fonts.status, el("live").textContent]);
  if (key === fitted) return;
  fitted = key;
  mark(el("notice"), "title", tellings[0]);
  mark(el("notice"), "data-calm", found.every((each) => each.calm ?? false));
  for (const telling of tellings) {
    put("notice", telling);
    if (hasRoom()) return;
  }
}

function* all(found, { ngettext }) {
  const brief = (each, level) => each.told[Math.min(level, each.told.length - 1)];
  yield found.map((each) => brief(each, 0)).join(" · ");
  for (let count = found.length; count > 0; count -= 1) {
    const left = found.length - count;
    const more = left ? [ngettext("%(n)s more notice", "%(n)s more notices", left)] : [];
    for (const level of [1, 2]) yield [...found.slice(0, count).map((each) => brief(each, level)), ...more].join(" · ");
  }
}

function hasRoom() {
  const [whose, title, notice] = [el("whose"), el("title"), el("notice")];
  const wanted = Math.min(title.scrollWidth, TITLE_KEEPS * parseFloat(getComputedStyle(title).fontSize));
  return notice.scrollWidth <= notice.clientWidth + 1 && whose.scrollWidth <= whose.clientWidth + 1
    && title.clientWidth >= wanted - 1;
}
