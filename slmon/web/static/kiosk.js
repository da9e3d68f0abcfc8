// Show boards one after another. Each is a page of its own in a frame, with its own stream and its own words when it
// is stale; the next one is loaded behind and comes to the front only when it has figures, so nothing flashes and
// nothing broken is shown. Never more than two frames: a browser opens only six connections to one server.

import { stayAwake } from "./awake.js";

const READY_WITHIN = 10_000;
const LOOK_EVERY = 200;
const FRESH_AFTER = 6 * 3600_000;      // a page that lives for weeks begins anew now and then
const SETTLED = 60_000;

const turns = JSON.parse(document.body.dataset.turns);
const place = document.getElementById("turns");
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// The board in a frame, if it is one that can be shown; an error page of the server or of the browser is none.
function boardIn(frame) {
  try {
    const { documentElement, body } = frame.contentDocument;
    const { mood } = documentElement.dataset;
    return mood && mood !== "opening" ? JSON.parse(body.dataset.board) : null;
  } catch {
    return null;
  }
}

function framed({ title, address }) {
  const frame = document.createElement("iframe");
  frame.title = title;
  frame.src = address;
  frame.className = "next";
  frame.inert = true;
  place.append(frame);
  return frame;
}

async function ready(frame) {
  for (let waited = 0; waited < READY_WITHIN; waited += LOOK_EVERY) {
    await wait(LOOK_EVERY);
    const board = boardIn(frame);
    if (board) return board;
  }
  return null;
}

function toFront(frame, before) {
  frame.className = "";
  frame.inert = false;
  before?.remove();
  document.title = frame.title;
}

async function rotate() {
  let shown = null;
  for (let number = 0; ; number = (number + 1) % turns.boards.length) {
    const next = framed(turns.boards[number]);
    const board = await ready(next);
    if (board) {
      toFront(next, shown);
      shown = next;
      const lived = performance.now();
      if ((board.version !== turns.version && lived > SETTLED) || lived > FRESH_AFTER) {
        await wait(Math.random() * 3000);
        location.reload();
        return;
      }
    } else if (shown) {
      next.remove();                     // what is shown stays, and says itself how old it is
    } else {
      toFront(next, null);               // the first one, whatever it says
      shown = next;
    }
    await wait(turns.seconds * 1000);
  }
}

stayAwake();
rotate();
