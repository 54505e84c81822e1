// A recording with its loudness drawn: <sound-player> round a bare <audio>, which stays what plays
// and is what those without scripts have. Styles come by class and canvas alone, as our CSP wants.

const SPEEDS = [1, 1.25, 1.5, 2];
const STEP_S = 5;
const BAR = 3; // of a bar and the gap after it, in CSS pixels
const GAP = 1;

let playing = null; // of all on the page, one sounds at a time

function clock(seconds) {
  const whole = Math.max(0, Math.floor(Number.isFinite(seconds) ? seconds : 0));
  const two = (n) => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function make(name, className, words = {}) {
  const made = document.createElement(name);
  made.className = className;
  for (const [key, value] of Object.entries(words)) made.setAttribute(key, value);
  return made;
}

class SoundPlayer extends HTMLElement {
  connectedCallback() {
    if (this.audio) return;
    this.audio = this.querySelector("audio");
    if (!this.audio) return;
    this.audio.controls = false;
    this.audio.hidden = true;
    this.channels = [];
    this.seconds = 0;
    this.#build();
    this.#listen();
    this.seen = new IntersectionObserver((found) => {
      if (found.some((one) => one.isIntersecting)) this.#look();
    });
    this.seen.observe(this);
    new ResizeObserver(() => this.#draw()).observe(this.wave);
  }

  #build() {
    const name = this.audio.getAttribute("aria-label") || "";
    this.button = make("button", "player-play", { type: "button", "aria-label": `${this.dataset.play}: ${name}` });
    this.wave = make("div", "player-wave", {
      role: "slider",
      tabindex: "0",
      "aria-label": this.dataset.where,
      "aria-valuemin": "0",
    });
    this.canvas = make("canvas", "");
    this.wave.append(this.canvas);
    this.time = make("span", "player-time");
    this.speed = make("button", "player-speed", { type: "button" });
    this.said = make("p", "player-said", { role: "status" });
    this.said.hidden = true;
    this.append(this.button, this.wave, this.time, this.speed, this.said);
    this.#setSpeed(1);
    this.#show();
  }

  #listen() {
    const { audio, wave } = this;
    this.button.addEventListener("click", () => this.toggle());
    this.speed.addEventListener("click", () => {
      this.#setSpeed(SPEEDS[(SPEEDS.indexOf(audio.playbackRate) + 1) % SPEEDS.length]);
    });
    const seek = (event) => {
      const box = wave.getBoundingClientRect();
      this.#to(((event.clientX - box.left) / box.width) * this.#length());
    };
    wave.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      wave.setPointerCapture(event.pointerId);
      seek(event);
    });
    wave.addEventListener("pointermove", (event) => {
      if (wave.hasPointerCapture(event.pointerId)) seek(event);
    });
    wave.addEventListener("keydown", (event) => this.#key(event));
    for (const one of ["timeupdate", "loadedmetadata", "durationchange", "seeked"]) {
      audio.addEventListener(one, () => this.#show());
    }
    for (const one of ["play", "pause", "ended"]) audio.addEventListener(one, () => this.#turn());
    audio.addEventListener("error", () => {
      this.said.textContent = this.dataset.broken;
      this.said.hidden = false;
    });
  }

  toggle() {
    if (!this.audio.paused) this.audio.pause();
    else this.audio.play().catch(() => {}); // what is wrong is said by its `error`
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.audio.currentTime;
    switch (event.key) {
      case " ":
      case "Enter":
        this.toggle();
        break;
      case "ArrowRight":
      case "ArrowUp":
        this.#to(at + STEP_S);
        break;
      case "ArrowLeft":
      case "ArrowDown":
        this.#to(at - STEP_S);
        break;
      case "Home":
        this.#to(0);
        break;
      case "End":
        this.#to(this.#length());
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  /** Before its head was read the sound cannot be wound: it is asked for, and wound then. */
  #to(seconds) {
    const { audio } = this;
    const wanted = Math.min(Math.max(0, seconds), this.#length() || 0);
    if (audio.readyState > 0) {
      audio.currentTime = wanted;
      return;
    }
    audio.preload = "metadata";
    audio.addEventListener("loadedmetadata", () => (audio.currentTime = wanted), { once: true });
    audio.load();
  }

  #length() {
    return Number.isFinite(this.audio.duration) ? this.audio.duration : this.seconds;
  }

  #setSpeed(to) {
    this.audio.playbackRate = to;
    this.audio.defaultPlaybackRate = to;
    this.speed.textContent = `${to}×`;
    this.speed.setAttribute("aria-label", `${this.dataset.speed}: ${to}×`);
  }

  #turn() {
    const { audio } = this;
    if (!audio.paused) {
      if (playing && playing !== audio) playing.pause();
      playing = audio;
    }
    const name = this.audio.getAttribute("aria-label") || "";
    this.classList.toggle("playing", !audio.paused);
    const does = audio.paused ? this.dataset.play : this.dataset.pause;
    this.button.setAttribute("aria-label", `${does}: ${name}`);
    this.#show();
  }

  #show() {
    const [at, length] = [this.audio.currentTime, this.#length()];
    this.time.textContent = `${clock(at)} / ${clock(length)}`;
    this.wave.setAttribute("aria-valuemax", String(Math.round(length)));
    this.wave.setAttribute("aria-valuenow", String(Math.round(at)));
    this.wave.setAttribute("aria-valuetext", this.time.textContent);
    this.#draw();
  }

  async #look() {
    this.seen.disconnect();
    if (!this.dataset.peaks) return;
    try {
      const answer = await fetch(this.dataset.peaks, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const found = await answer.json();
      this.channels = found.channels;
      this.seconds = found.seconds || 0;
    } catch {
      return; // without them it plays as well
    }
    this.#show();
  }

  /** Bars from the middle; of two channels the one goes up, the other down. */
  #draw() {
    const { canvas, wave } = this;
    const [width, height] = [wave.clientWidth, wave.clientHeight];
    if (!width || !height) return;
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const look = getComputedStyle(wave);
    const [played, rest] = [look.getPropertyValue("--played"), look.getPropertyValue("--rest")];
    const length = this.#length();
    const now = length ? (this.audio.currentTime / length) * width : 0;
    const [up, down = up] = this.channels;
    const middle = height / 2;
    for (let x = 0; x < width; x += BAR) {
      pen.fillStyle = x < now ? played : rest;
      const [over, under] = [loudest(up, x, width), loudest(down, x, width)].map(
        (one) => Math.max(1, one * (middle - 1)),
      );
      pen.fillRect(x, middle - over, BAR - GAP, over + under);
    }
  }
}

/** Of the stretch under a bar, from 0 to 1. */
function loudest(peaks, x, width) {
  if (!peaks?.length) return 0;
  const from = Math.floor((x / width) * peaks.length);
  const to = Math.max(from + 1, Math.floor(((x + BAR) / width) * peaks.length));
  return Math.max(...peaks.slice(from, to), 0) / 100;
}

customElements.define("sound-player", SoundPlayer);
