// The one stream of news of a browser. It lives in a SharedWorker (live-worker.js) or, where there is
// none, in one elected tab (live.js); its tabs talk to it by messages and never to the server.
//
// From a tab: hello {visible, focused, sounds, lists, after}, look {visible, focused, sounds}, rang,
// dismiss {call}, line {on}, here, bye. To a tab: link {link, since}, pops {pops, now}, ring {pop},
// news {event, data}.

const DEAF_MS = 20_000; // the server says something every 15 s
const FIRST_MS = 8_000; // a stream that says nothing for so long is held up by somebody between
const GIVES_UP = 3; // after so many streams that said nothing it asks instead, every ASKS_MS
const ASKS_MS = 3_000;
const TRIES_AGAIN_MS = 60_000;
const CROWDED_MS = 600_000;
const OVER_MS = 60_000; // so long a talk that has ended is offered to be written up
const ANSWERS_MS = 400; // so long a tab has to say that it rings; then another one is asked
const GONE_MS = 150_000; // a hidden tab may speak once a minute
const KEPT = 200;

const EVENTS = ["beat", "pops", "pop", "unpop", "changes", "reload", "setup", "news", "crowd"];

export class Hub {
  /** `say(tab, message)`: to one tab; null: to every one. */
  constructor(say) {
    this.say = say;
    this.tabs = new Map();
    this.pops = new Map();
    this.dismissed = new Set();
    this.rung = new Set();
    this.link = "on";
    this.since = Date.now();
    this.last = 0; // the newest notice that the lists know; 0: they are nobody's business yet
    this.lists = false;
    this.kept = []; // what the lists were told, for a tab that comes later
    this.failures = 0;
    this.ahead = 0;
    this.stream = null;
    this.ticked = Date.now();
    this.ticker = setInterval(() => this.tick(), 1000);
  }

  // What tabs say

  hear(tab, message) {
    const known = this.tabs.get(tab);
    if (message.type === "bye") {
      this.tabs.delete(tab);
      return;
    }
    if (message.type === "hello") {
      this.tabs.set(tab, { ...message, at: Date.now() });
      this.welcome(tab, message);
      return;
    }
    if (!known) return;
    known.at = Date.now();
    if (message.type === "look") Object.assign(known, message);
    if (message.type === "rang") this.answered?.(message.call);
    if (message.type === "dismiss") this.dismiss(message.call);
    if (message.type === "line") this.line(message.on);
  }

  welcome(tab, { lists, after }) {
    this.say(tab, { type: "link", link: this.link, since: this.since });
    this.say(tab, this.shown());
    if (lists) this.join(tab, after);
    else if (!this.stream && !this.asking) this.open();
  }

  /** A tab with lists made when `after` was the newest: it is told what came since. */
  join(tab, after) {
    const from = this.kept.findIndex((one) => one.id > after);
    const covered = this.lists && this.stream && (after >= this.last || after >= this.began);
    if (!covered) {
      this.lists = true;
      this.last = this.last ? Math.min(this.last, after) : after;
      this.open();
    } else if (from >= 0) {
      for (const one of this.kept.slice(from)) this.say(tab, one.message);
    }
  }

  /** The machine's own line came or went, as a tab was told by its browser. */
  line(on) {
    if (!on) {
      this.close();
      this.lost();
    } else if (this.link !== "on") {
      this.recover();
    }
  }

  // The stream

  open() {
    this.close();
    const stream = new EventSource(this.lists ? `/events?after=${this.last}` : "/events?lists=0");
    this.stream = stream;
    this.began = this.last;
    this.kept = [];
    this.openedAt = this.heardAt = Date.now();
    this.spoke = false;
    stream.onerror = () => this.stream === stream && this.fail();
    for (const name of EVENTS) {
      stream.addEventListener(name, (event) => this.stream === stream && this.take(name, event));
    }
  }

  close() {
    this.stream?.close();
    this.stream = null;
    clearTimeout(this.later);
  }

  take(name, event) {
    const data = JSON.parse(event.data || "{}");
    this.heardAt = Date.now();
    this.spoke = true;
    this.failures = 0;
    if (data.now) this.ahead = data.now - Date.now();
    this.found();
    const id = Number(event.lastEventId);
    // What has no number of its own is told to whoever comes later all the same.
    const number = id > this.last ? id : Infinity;
    this.last = Math.max(this.last, id);
    if (name === "pops") this.set(data.pops);
    else if (name === "pop") this.pop(data);
    else if (name === "unpop") this.unpop(data);
    else if (name === "crowd") this.crowded();
    else if (name !== "beat") this.pass(name, data, number);
  }

  pass(event, data, id) {
    const message = { type: "news", event, data };
    if (event === "changes") {
      this.kept.push({ id, message });
      if (this.kept.length > KEPT) {
        this.kept.shift();
        this.began = this.last;
      }
    }
    this.say(null, message);
  }

  fail() {
    if (!this.spoke || Date.now() - this.openedAt < 2000) this.failures += 1;
    this.close();
    this.again(300 + Math.random() * 700);
  }

  again(ms) {
    clearTimeout(this.later);
    this.later = setTimeout(() => this.recover(), ms);
  }

  /** Asks what rings; who is answered gets a stream again, or goes on asking where none comes. */
  async recover() {
    if (this.asking) return;
    this.asking = true;
    const answer = await ask(this.lists ? this.last : 0);
    this.asking = false;
    if (this.link === "out") return;
    if (answer === "out") return this.out();
    if (answer === null) {
      this.lost();
      return this.again(1500 + Math.random() * 1000);
    }
    this.ahead = answer.now - Date.now();
    this.found();
    this.set(answer.pops);
    if (this.failures < GIVES_UP) return this.open();
    if (this.lists && answer.news) {
      this.last = answer.last;
      this.say(null, { type: "news", event: "stale", data: {} });
    }
    this.triesAt ??= Date.now() + TRIES_AGAIN_MS;
    if (Date.now() < this.triesAt) return this.again(ASKS_MS);
    this.triesAt = undefined;
    this.failures = GIVES_UP - 1;
    return this.open();
  }

  /** Too many streams of one person: this one only asks from now on. */
  crowded() {
    this.close();
    this.failures = GIVES_UP;
    this.triesAt = Date.now() + CROWDED_MS;
    this.again(ASKS_MS);
  }

  // Whether calls come in

  found() {
    this.state("on");
  }

  lost() {
    this.state("off");
  }

  /** Nobody is let in here any more: the visit is over. */
  out() {
    this.close();
    this.set([]);
    this.state("out");
  }

  state(link) {
    if (this.link === link) return;
    this.link = link;
    this.since = Date.now();
    this.say(null, { type: "link", link, since: this.since });
  }

  tick() {
    const now = Date.now();
    const slept = now - this.ticked > DEAF_MS;
    this.ticked = now;
    for (const [id, tab] of this.tabs) if (now - tab.at > GONE_MS) this.tabs.delete(id);
    this.expire(now);
    if (!this.stream || this.link === "out") return;
    const patience = this.spoke ? DEAF_MS : FIRST_MS;
    if (slept || now - this.heardAt > patience) {
      if (!slept) this.lost();
      this.fail();
    }
  }

  // Who calls

  shown() {
    const pops = [...this.pops.values()].filter((one) => !this.dismissed.has(one.call));
    return { type: "pops", pops, now: Date.now() + this.ahead };
  }

  show() {
    this.say(null, this.shown());
  }

  /** All that rings, and nothing else does; a talk that has just ended is still offered. */
  set(pops) {
    const calls = new Set(pops.map((one) => one.call));
    for (const [call, pop] of this.pops) {
      if (!calls.has(call) && pop.state !== "over") this.pops.delete(call);
    }
    for (const one of pops) this.put(one);
    this.show();
  }

  pop(one) {
    this.put(one);
    this.show();
  }

  put(one) {
    if (this.pops.get(one.call)?.state !== one.state) this.dismissed.delete(one.call);
    this.pops.set(one.call, one);
    if (!one.loud || this.rung.has(one.call)) return;
    this.rung.add(one.call);
    if (this.rung.size > KEPT) this.rung.delete(this.rung.values().next().value);
    this.ring(one);
  }

  unpop({ call, talked }) {
    const pop = this.pops.get(call);
    if (!pop) return;
    if (talked) this.pops.set(call, { ...pop, state: "over", until: Date.now() + this.ahead + OVER_MS });
    else this.pops.delete(call);
    this.show();
  }

  dismiss(call) {
    if (this.pops.get(call)?.state === "over") this.pops.delete(call);
    else this.dismissed.add(call);
    this.show();
  }

  expire(now) {
    const gone = [...this.pops.values()].filter((one) => one.until && one.until < now + this.ahead);
    for (const one of gone) this.pops.delete(one.call);
    if (gone.length) this.show();
  }

  /** One tab makes a sound: one that can, that is looked at, that was looked at last. */
  async ring(pop) {
    const rank = ([, tab]) => [tab.sounds ? 1 : 0, tab.visible ? 1 : 0, tab.focused ?? 0];
    const queue = [...this.tabs].sort((one, other) => compare(rank(other), rank(one)));
    for (const [tab] of queue) {
      this.say(tab, { type: "ring", pop });
      if (await this.rings(pop.call)) return;
    }
  }

  rings(call) {
    return new Promise((done) => {
      const late = setTimeout(() => done(false), ANSWERS_MS);
      this.answered = (rung) => {
        if (rung !== call) return;
        clearTimeout(late);
        done(true);
      };
    });
  }
}

function compare(one, other) {
  for (let n = 0; n < one.length; n += 1) if (one[n] !== other[n]) return one[n] - other[n];
  return 0;
}

/** What rings now, asked; "out": we are not let in; null: there was no answer. */
async function ask(after) {
  try {
    const answer = await fetch(`/events/poll?after=${after}`, {
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(5000),
    });
    if (answer.status === 401 || answer.status === 403) return "out";
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
