// The server's time, counted here between its messages: this machine's own clock may be wrong by hours.

const SAMPLES = 15;
const STEP = 5000;

export class ServerClock {
  #offsets = [];
  #heardOn = null;      // both clocks: performance.now() stands still while some machines sleep

  heard(at) {
    const offset = at - performance.now();
    if (offset < Math.max(...this.#offsets) - STEP) this.#offsets = [];      // the PBX's clock was set back
    this.#offsets.push(offset);
    if (this.#offsets.length > SAMPLES) this.#offsets.shift();
    this.#heardOn = { steady: performance.now(), wall: Date.now() };
  }

  // The message that was least delayed on its way is nearest to the truth.
  now() {
    return performance.now() + Math.max(...this.#offsets);
  }

  get started() {
    return this.#heardOn !== null;
  }

  // Seconds since the server was heard; Infinity before the first time.
  get silence() {
    if (!this.#heardOn) return Infinity;
    return Math.max(performance.now() - this.#heardOn.steady, Date.now() - this.#heardOn.wall) / 1000;
  }

  forget() {
    this.#offsets = [];
  }
}
