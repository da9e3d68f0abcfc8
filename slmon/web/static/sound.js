// Two soft tones when a member has waited longer than promised. Off, unless the address says `sound=on` and somebody
// pressed the button once: browsers let no page be heard before.

import { el, hide } from "./page.js";

const REST = 10_000;            // milliseconds at least between two alarms
const TONES = [[659, 0], [523, 0.22]];      // hertz, and after how many seconds

export class Sound {
  #wanted = new URLSearchParams(location.search).get("sound") === "on";
  #audio = null;
  #over = Infinity;             // members over the target at the last look; the first look tells no news
  #rangAt = -Infinity;

  constructor() {
    hide("sound", !this.#wanted);
    if (this.#wanted) el("sound").addEventListener("click", () => this.#allow());
  }

  // Told at every look how many members wait longer than the target.
  hear(over) {
    const more = over > this.#over;
    this.#over = over;
    if (more && this.#audio?.state === "running" && performance.now() - this.#rangAt >= REST) {
      this.#rangAt = performance.now();
      this.#ring();
    }
  }

  async #allow() {
    this.#audio ??= new AudioContext();
    await this.#audio.resume();
    hide("sound", true);
    this.#ring();               // so that whoever pressed hears what it will be like
  }

  #ring() {
    for (const [hertz, after] of TONES) {
      const [tone, level] = [this.#audio.createOscillator(), this.#audio.createGain()];
      const from = this.#audio.currentTime + after;
      tone.frequency.value = hertz;
      level.gain.setValueAtTime(0, from);
      level.gain.linearRampToValueAtTime(0.25, from + 0.02);
      level.gain.exponentialRampToValueAtTime(0.001, from + 0.6);
      tone.connect(level).connect(this.#audio.destination);
      tone.start(from);
      tone.stop(from + 0.6);
    }
  }
}
