// The wallboard: takes pictures from the stream and keeps the page true to the newest one and to the time.

import { stayAwake } from "./awake.js";
import { ServerClock } from "./clock.js";
import { drawFigures, drawHours } from "./figures.js";
import { drawDots, drawHero, drawMessage } from "./hero.js";
import { moodOf } from "./mood.js";
import { drawNotices } from "./notices.js";
import { el, put } from "./page.js";
import { onPause } from "./pause.js";
import { showLogin, whyRefused } from "./refused.js";
import { Sound } from "./sound.js";
import { Stream } from "./stream.js";
import { makeWords } from "./words.js";

const board = JSON.parse(document.body.dataset.board);
const words = makeWords(JSON.parse(document.body.dataset.words), board.zone);
const clock = new ServerClock();
const DIGITS_REST = 2000;       // digits change at most so often; only the waiting clock is quicker

let picture = null;
let shown = null;               // the picture whose digits stand on the board
let shownAt = -Infinity;
let kind = "";
let withdrawn = false;          // this address shows no board any more
let heldSince = null;           // by the server's clock, while somebody holds the board

const sound = new Sound();
const stream = new Stream(board.stream, (newest) => {
  if (newest.time.version !== board.version) reloadSoon();
  if (clock.silence > 30) clock.forget();      // after sleep or a restart the old offsets mean nothing
  picture = newest;
  withdrawn = false;
  clock.heard(newest.time.at);
  draw();
}, async () => {
  const why = await whyRefused();
  if (why === "login") showLogin();
  withdrawn = why === "withdrawn";
  draw();
});

function draw() {
  if (document.hidden) return;
  const mood = heldSince !== null ? { kind: "stale", why: "held", since: heldSince }
    : withdrawn ? { kind: "stale", why: "withdrawn", since: picture?.time.at ?? null }
      : moodOf(picture, clock, stream.sinceOpened, board.silent_after);
  const turned = mood.kind !== kind;
  kind = mood.kind;
  document.documentElement.dataset.mood = kind;
  if (picture && (turned || performance.now() - shownAt >= DIGITS_REST) && shown !== picture) {
    shown = picture;
    shownAt = performance.now();
  }
  const now = clock.started ? clock.now() : null;
  drawMessage(mood, shown?.figures ?? null, now, words);
  drawFigures(mood, shown?.figures ?? null, now, words);
  drawHero(mood, picture?.figures ?? null, shown?.figures ?? null, words);
  drawDots(mood, picture?.figures ?? null, now);
  drawHours(mood, picture, now, words);
  drawNotices(mood.kind === "opening" ? null : shown?.figures ?? null, words);
  if (mood.over !== undefined) sound.hear(mood.over);
  if (turned) put("said", el("message").hidden ? el("mood").textContent : el("message-title").textContent);
}

// A wall is lit all day: move everything by a pixel or two now and then, so that nothing burns in.
function shift() {
  const step = Math.floor(Date.now() / 60_000) % 8;
  el("wall").style.translate = `${[0, 1, 2, 1, 0, -1, -2, -1][step]}px ${[0, 1, 0, -1, 0, 1, 0, -1][step]}px`;
}

let reloading = false;
function reloadSoon() {
  if (reloading) return;
  reloading = true;
  const settled = Math.max(0, 20_000 - performance.now());     // never in a tight loop, whatever a proxy has cached
  setTimeout(reload, settled + Math.random() * 3000);
}

// Only when the page is there: a browser that loads a proxy's error page in its place never comes back from it.
async function reload() {
  const there = await fetch(location.href, { method: "HEAD", cache: "no-store" }).then((answer) => answer.ok, () => false);
  if (there) location.reload();
  else setTimeout(reload, 5000 + Math.random() * 3000);
}

function hold() {
  if (heldSince === null && !picture) return;
  heldSince = heldSince === null ? clock.now() : null;
  if (heldSince === null) stream.open();
  else stream.close();
  draw();
}

draw();
stream.open();
stayAwake();
onPause(hold);
shift();
setInterval(draw, 200);
setInterval(shift, 60_000);
addEventListener("resize", draw);
