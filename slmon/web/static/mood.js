// Which state the board is in: one answer, from the newest picture and the time. Draws nothing.

const STALE_AFTER = 6;          // seconds without a word from the server
const OPENING_FOR = 4000;       // milliseconds a fresh connection may take before it counts as none
const ATTENTION_FROM = 0.75;    // of the target: 15 s of 20

export function moodOf(picture, clock, sinceOpened, silentAfter) {
  if (!picture || clock.silence > STALE_AFTER) {
    if (sinceOpened < OPENING_FOR) return { kind: "opening" };
    return { kind: "stale", why: "cut-off", since: picture?.time.at ?? null };
  }
  const { figures, time } = picture;
  const down = figures.links.filter((link) => !link.up);
  if (down.length) {
    return { kind: "stale", why: "no-pbx", since: Math.min(...down.map((link) => link.since)),
      pbx: figures.links.length > 1 ? down.map((link) => link.pbx).join(", ") : "" };
  }
  const now = clock.now();
  const phase = figures.opening.phase;
  if (phase === "open" && silentAfter && time.heard !== null && now - time.heard > silentAfter * 1000) {
    return { kind: "stale", why: "silent", since: time.heard };
  }
  if (figures.waiting.length) return waiting(figures, now);
  if (phase !== "open") return { kind: phase, over: 0 };
  return { kind: "rest", over: 0 };
}

function waiting(figures, now) {
  const seconds = Math.max(0, (now - Math.min(...figures.waiting)) / 1000);
  const target = figures.goal.seconds;
  const over = figures.waiting.filter((arrived) => now - arrived > target * 1000).length;
  if (seconds > target) return { kind: "alarm", seconds, over };
  return { kind: seconds >= target * ATTENTION_FROM ? "attention" : "calm", seconds, over };
}
