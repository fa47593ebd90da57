// What stands beside the stage: the queue, the changes, and the transcript.
import { at, clock, made } from "./talk.js";

const SIGNS = { check: "!", whole: "■", gap: "⋯", mended: "✚", doubt: "?", low: "◔", minor: "○", still: "◉", load: "≋", silenced: "♪", enters: "→", leaves: "←" };
const NAMES = { cover: "Cover", whole: "Covered whole", mute: "Muted", word: "Word masked", drop: "Dropped", cut: "Cut out" };
const SHOWN = 120;

export class Queue {
  constructor(told, chosen) {
    this.told = told;
    this.at = -1;
    this.chosen = chosen;
    this.show();
  }

  get places() { return this.told.places; }
  get current() { return this.places[this.at] || null; }
  done(place) { return Boolean(this.told.looked[place.id]); }

  update(told) { this.told = told; this.show(); }

  show() {
    const count = this.places.filter((place) => this.done(place)).length;
    at("counted").textContent = this.places.length ? `${count} of ${this.places.length} looked at` : "nothing named; play it through";
    const first = Math.max(0, Math.min(this.at - 40, this.places.length - SHOWN));
    const list = at("places");
    list.replaceChildren(...this.places.slice(first, first + SHOWN).map((place, number) => this._row(place, first + number)));
    list.querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
  }

  _row(place, number) {
    const row = made("li", this.done(place) ? "seen" : "");
    const button = made("button");
    button.type = "button";
    if (number === this.at) button.setAttribute("aria-current", "true");
    const sign = made("span", "sign", this.done(place) ? "✓" : SIGNS[place.kind] || "•");
    sign.setAttribute("aria-hidden", "true");
    const what = made("span", "", place.why);
    if (place.track) what.append(made("span", "soft", ` ${place.track}`));
    if (this.done(place)) what.append(made("span", "unseen", ", looked at"));
    button.append(sign, what, made("span", "when", clock(place.start)));
    button.addEventListener("click", () => { this.choose(number); at("places").querySelector("[aria-current=true]")?.focus(); });
    row.append(button);
    return row;
  }

  choose(number) {
    if (number < 0 || number >= this.places.length) return;
    this.at = number;
    this.show();
    this.chosen(this.current, number);
  }

  next() {
    const order = this.places.map((_, number) => (this.at + 1 + number) % Math.max(1, this.places.length));
    const found = order.find((number) => !this.done(this.places[number]));
    if (found === undefined) return false;
    this.choose(found);
    return true;
  }

  previous() { this.choose(Math.max(0, this.at - 1)); }
}

export function showMends(told, remove) {
  at("changes").hidden = !told.mends.length;
  at("undo").disabled = !told.mends.length;
  at("mends").replaceChildren(...told.mends.map((mend) => {
    const row = made("li");
    const what = made("span", "", NAMES[mend.kind]);
    if (mend.kind === "word") what.append(` “${mend.text}”`);
    if (mend.kind === "drop" || (mend.kind === "mute" && mend.who)) what.append(` ${mend.who}`);
    if (mend.track) what.append(made("span", "soft", ` ${mend.track}`));
    if (mend.start !== undefined) what.append(made("span", "when", `  ${clock(mend.start)} – ${clock(mend.end)}`));
    if (mend.lost && mend.lost.length) {
      what.append(made("small", "", `Not seen at ${mend.lost.slice(0, 3).map((one) => clock(one[0])).join(", ")}: the cover stays and grows. Look there.`));
    }
    const away = made("button", "", "Take back");
    away.type = "button";
    away.setAttribute("aria-label", `Take back: ${what.textContent}`);
    away.addEventListener("click", () => remove(mend.number));
    row.append(what, away);
    return row;
  }));
}

const bare = (text) => text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/['’]s$/, "").replace(/[^\p{L}\p{N}]/gu, "");

export class Transcript {
  constructor(told, { go, mask }) {
    this.said = [];
    this.words = [];
    this.now = null;
    this.picked = null;
    this.go = go;
    this.mask = mask;
    const place = at("transcript");
    place.replaceChildren(...told.transcript.map((one) => this._utterance(one)), ...told.chat.map((one) => this._message(one)));
    if (!told.transcript.length && !told.chat.length) place.append(made("p", "soft", "Nothing was said."));
    place.addEventListener("keydown", (event) => this._key(event));
    place.addEventListener("click", (event) => {
      const word = event.target.closest(".word");
      if (word) this.pick(word, true);
    });
    at("search").addEventListener("input", () => this.search(at("search").value));
    at("search").addEventListener("keydown", (event) => {
      if (event.key === "Enter") { this.found()?.focus(); if (this.found()) this.pick(this.found(), true); }
    });
    this.update(told);
  }

  _utterance(one) {
    const row = made("div", "said");
    row.append(made("span", "name", `${one.speaker}  ${clock(one.start)}`));
    for (const word of one.words) {
      const text = word.entity_type ? `[${word.text || word.entity_type}]` : word.text;
      const element = made("span", word.entity_type ? "word kind" : "word", text);
      element.setAttribute("role", "button");
      element.tabIndex = this.words.length ? -1 : 0;
      element.dataset.start = word.start;
      element.dataset.end = word.end;
      this.words.push(element);
      row.append(element, " ");
    }
    this.said.push({ row, start: one.start, end: one.end });
    return row;
  }

  _message(one) {
    const row = made("div", "said");
    row.append(made("span", "name", `Chat${one.time === null ? "" : `  ${clock(one.time)}`}  ${one.sender}`));
    for (const text of one.text.split(" ")) {
      const element = made("span", /^\[[A-Z]/.test(text) ? "word kind" : "word", text);
      element.setAttribute("role", "button");
      element.tabIndex = -1;
      if (one.time !== null) element.dataset.start = one.time;
      this.words.push(element);
      row.append(element, " ");
    }
    return row;
  }

  update(told) {
    const gone = new Set(told.mends.filter((mend) => mend.kind === "word").flatMap((mend) => this.runs(mend.text).flat()));
    for (const word of this.words) word.classList.toggle("gone", gone.has(word));
  }

  pick(word, go) {
    if (this.picked) this.picked.tabIndex = -1;
    this.picked = word;
    word.tabIndex = 0;
    word.focus({ preventScroll: true });
    word.scrollIntoView({ block: "nearest" });
    if (go && word.dataset.start !== undefined) this.go(Number(word.dataset.start), Number(word.dataset.end || word.dataset.start) + 0.2);
  }

  pickedWord() {
    return this.picked && !this.picked.classList.contains("kind") ? this.picked.textContent.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "") : "";
  }

  count(text) { return this.runs(text).length; }

  // Where a word, or several in a row, stand in the transcript.
  runs(text) {
    const parts = text.split(/\s+/).map(bare).filter(Boolean);
    const said = this.words.map((word) => bare(word.textContent));
    if (!parts.length) return [];
    return said.flatMap((_, at) => (parts.every((part, number) => said[at + number] === part) ? [this.words.slice(at, at + parts.length)] : []));
  }

  _key(event) {
    const number = this.words.indexOf(event.target);
    if (number < 0) return;
    const to = { ArrowRight: number + 1, ArrowDown: number + 8, ArrowLeft: number - 1, ArrowUp: number - 8 }[event.key];
    if (to !== undefined) this.pick(this.words[Math.max(0, Math.min(this.words.length - 1, to))], false);
    else if (event.key === "Enter") this.pick(event.target, true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  search(text) {
    const own = bare(text);
    let hits = 0;
    for (const word of this.words) {
      const hit = Boolean(own) && bare(word.textContent).includes(own);
      word.classList.toggle("hit", hit);
      hits += hit;
    }
    at("hits").textContent = own ? `${hits} found` : "";
    this.found()?.scrollIntoView({ block: "center" });
  }

  found() { return this.words.find((word) => word.classList.contains("hit")); }

  time(time) {
    const said = this.said.find((one) => one.start <= time && time < one.end + 0.2);
    if (said !== this.now) {
      this.now?.row.classList.remove("now");
      this.now = said || null;
      if (said) { said.row.classList.add("now"); if (!at("transcript").contains(document.activeElement)) said.row.scrollIntoView({ block: "nearest" }); }
    }
  }
}
