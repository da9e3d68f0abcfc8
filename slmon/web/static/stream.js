// Keep a stream of pictures open. A native EventSource gives up for good after one HTTP error, so this one reopens
// by itself; it closes in a hidden tab, because a browser opens only six connections to one server.

const FIRST_DELAY = 1000;
const LONGEST_DELAY = 15_000;
const DEAD_AFTER = 10_000;

export class Stream {
  #source = null;
  #timer = 0;
  #delay = FIRST_DELAY;
  #heardAt = 0;
  #openedAt = 0;
  #wanted = false;

  constructor(address, onPicture, onRefused) {
    this.address = address;
    this.onPicture = onPicture;
    this.onRefused = onRefused;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#pause() : this.#resume()));
    addEventListener("pagehide", () => this.#pause());
    addEventListener("pageshow", () => this.#resume());
    addEventListener("online", () => this.#resume());
    setInterval(() => this.#reviveDead(), 1000);
  }

  // Milliseconds since it was last (re)opened by hand or by becoming visible.
  get sinceOpened() {
    return performance.now() - this.#openedAt;
  }

  open() {
    this.#wanted = true;
    this.#resume();
  }

  close() {
    this.#wanted = false;
    this.#pause();
  }

  #resume() {
    if (document.hidden || this.#source || !this.#wanted) return;
    this.#delay = FIRST_DELAY;
    this.#openedAt = performance.now();
    this.#connect();
  }

  #pause() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#source?.close();
    this.#source = null;
  }

  #connect() {
    this.#pause();
    this.#heardAt = performance.now();
    const source = new EventSource(this.address);
    this.#source = source;
    source.onmessage = (event) => {
      this.#heardAt = performance.now();
      this.#delay = FIRST_DELAY;
      this.onPicture(JSON.parse(event.data));
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) this.onRefused();      // an answer, but no stream
      this.#again();
    };
  }

  #again() {
    this.#pause();
    if (document.hidden) return;
    const spread = 0.5 + Math.random();     // else all boards come back in the same moment
    this.#timer = setTimeout(() => this.#connect(), this.#delay * spread);
    this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY);
  }

  #reviveDead() {
    if (this.#source && performance.now() - this.#heardAt > DEAD_AFTER) this.#again();
  }
}
