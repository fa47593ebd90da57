// The stage: video, what is drawn over it, the time line, and the stretch that is chosen on it.
import { at, clock, made, seconds } from "./talk.js";

const FRAME = 1 / 30;
const video = at("video");
const over = at("over");
const ruler = at("ruler");

export class Player {
  constructor(told) {
    this.told = told;
    this.duration = told.duration;
    this.view = null;
    this.until = null;
    this.picked = { start: 0, end: Math.min(this.duration, 1) };
    this.box = null;
    this.onTime = () => {};
    this.onDraw = () => {};
    this.sent = 0;
    this._views();
    this._lanes();
    this._listen();
  }

  get time() { return Math.min(this.duration, video.currentTime || 0); }

  update(told) { this.told = told; this.draw(); this._spots(); }

  _views() {
    const select = at("view");
    select.replaceChildren(...this.told.views.map((view, number) => new Option(view.name, number)));
    at("viewlabel").hidden = this.told.views.length < 2;
    select.addEventListener("change", () => this.show(this.told.views[Number(select.value)]));
    if (this.told.views.length) this.show(this.told.views[0]);
  }

  show(view) {
    const time = video.currentTime || 0;
    const playing = !video.paused;
    this.view = view;
    at("view").value = String(this.told.views.indexOf(view));
    video.src = `media/${view.file}`;
    video.load();
    video.addEventListener("loadedmetadata", () => {
      video.currentTime = time;
      if (playing) video.play();
    }, { once: true });
    const stage = at("stage");
    stage.classList.toggle("sound", !view.width);
    stage.style.aspectRatio = view.width ? `${view.width} / ${view.height}` : "auto";
    this.fit();
    this.draw();
  }

  fit() {
    if (!this.view || !this.view.width) { at("stage").style.maxWidth = "none"; return; }
    const room = Math.max(200, window.innerHeight - (window.innerWidth > 900 ? 452 : 320));
    at("stage").style.maxWidth = `${Math.round(room * this.view.width / this.view.height)}px`;
  }

  viewOf(track) {
    return this.told.views.find((view) => view.track === track || view.regions.some((one) => one.track === track));
  }

  go(time, until = null) {
    video.currentTime = Math.max(0, Math.min(this.duration - 0.01, time));
    this.until = until;
    this.moved();
  }

  toggle() { this.until = null; if (video.paused) video.play().catch(() => {}); else video.pause(); }
  play() { video.play().catch(() => {}); }
  pause() { video.pause(); }
  step(frames) { video.pause(); this.go(video.currentTime + frames * FRAME); }
  speed(rate) { video.playbackRate = rate; }

  moved() {
    const time = this.time;
    at("clock").textContent = `${clock(time)} / ${clock(this.duration)}`;
    this.head.style.left = `${100 * time / this.duration}%`;
    ruler.setAttribute("aria-valuenow", time.toFixed(1));
    ruler.setAttribute("aria-valuetext", clock(time));
    this.draw();
    this.onTime(time);
  }

  played() {
    const spans = [];
    for (let number = 0; number < video.played.length && number < 150; number += 1) {
      spans.push([video.played.start(number), video.played.end(number)]);
    }
    return spans;
  }

  pick(start, end) {
    this.picked = { start: Math.max(0, Math.min(start, end)), end: Math.min(this.duration, Math.max(start, end)) };
    if (this.picked.end - this.picked.start < 0.05) this.picked.end = Math.min(this.duration, this.picked.start + 0.05);
    at("from").value = clock(this.picked.start);
    at("to").value = clock(this.picked.end);
    this.pickedMark.style.left = `${100 * this.picked.start / this.duration}%`;
    this.pickedMark.style.width = `${100 * (this.picked.end - this.picked.start) / this.duration}%`;
  }

  _lanes() {
    ruler.setAttribute("aria-valuemax", this.duration.toFixed(1));
    const step = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800].find((one) => this.duration / one <= 8) || 3600;
    for (let time = 0; time <= this.duration; time += step) {
      const mark = made("b", "", clock(time).replace(/\.0$/, ""));
      mark.style.left = `${100 * time / this.duration}%`;
      ruler.append(mark);
    }
    this.pickedMark = made("div", "picked");
    this.head = made("div", "head");
    this.spots = made("div");
    ruler.append(this.spots, this.pickedMark, this.head);
    at("lanes").replaceChildren(...this.told.lanes.map((lane) => {
      const line = made("div", "line");
      const name = made("span", "", lane.name);
      name.title = lane.name;
      const track = made("div", "lane");
      for (const [left, width, kind, title] of lane.bars) {
        const bar = made("i", kind);
        bar.style.left = `${left}%`;
        bar.style.width = `${width}%`;
        bar.title = title;
        track.append(bar);
      }
      track.addEventListener("click", (event) => this.go(this._timeAt(event, track)));
      line.append(name, track);
      return line;
    }));
    this._spots();
    this.pick(0, Math.min(1, this.duration));
  }

  _spots() {
    if (!this.spots) return;
    this.spots.replaceChildren(...this.told.places.map((place) => {
      const spot = made("div", this.told.looked[place.id] ? "spot seen" : "spot");
      spot.style.left = `${100 * place.start / this.duration}%`;
      spot.style.width = `${100 * (Math.min(place.end, this.duration) - place.start) / this.duration}%`;
      return spot;
    }));
  }

  _timeAt(event, element) {
    const box = element.getBoundingClientRect();
    return this.duration * Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  }

  _listen() {
    video.addEventListener("timeupdate", () => {
      if (this.until !== null && video.currentTime >= this.until) { this.until = null; video.pause(); }
      this.moved();
    });
    const tick = () => { if (!video.paused) this.moved(); requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
    for (const name of ["play", "pause"]) {
      video.addEventListener(name, () => { at("play").firstChild.textContent = video.paused ? "Play " : "Pause "; });
    }
    video.addEventListener("seeked", () => this.moved());
    video.addEventListener("click", () => this.toggle());
    window.addEventListener("resize", () => this.fit());
    at("speed").addEventListener("change", () => this.speed(Number(at("speed").value)));
    let from = null;
    ruler.addEventListener("pointerdown", (event) => {
      from = this._timeAt(event, ruler);
      ruler.setPointerCapture(event.pointerId);
      this.go(from);
    });
    ruler.addEventListener("pointermove", (event) => {
      if (from === null) return;
      const to = this._timeAt(event, ruler);
      if (Math.abs(to - from) > this.duration / 200) this.pick(from, to);
    });
    ruler.addEventListener("pointerup", () => { from = null; });
    for (const id of ["from", "to"]) {
      at(id).addEventListener("change", () => {
        const start = seconds(at("from").value);
        const end = seconds(at("to").value);
        this.pick(start === null ? this.picked.start : start, end === null ? this.picked.end : end);
      });
    }
    let corner = null;
    over.addEventListener("pointerdown", (event) => {
      corner = this._share(event);
      over.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    over.addEventListener("pointermove", (event) => {
      if (!corner) return;
      const [x, y] = this._share(event);
      this.box = [Math.min(x, corner[0]), Math.min(y, corner[1]), Math.max(x, corner[0]), Math.max(y, corner[1])];
      this.draw();
    });
    over.addEventListener("pointerup", () => { corner = null; });
  }

  _share(event) {
    const box = over.getBoundingClientRect();
    const within = (value) => Math.max(0, Math.min(1, value));
    return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
  }

  startDrawing() {
    video.pause();
    const room = this.view.regions.filter((one) => one.start <= this.time && this.time < one.end);
    const [left, top, right, bottom] = room.length ? room[0].box : [0, 0, 1, 1];
    const wide = right - left;
    const high = bottom - top;
    this.box = [left + 0.35 * wide, top + 0.3 * high, left + 0.65 * wide, top + 0.7 * high];
    at("stage").classList.add("draw");
    this.draw();
  }

  stopDrawing() { this.box = null; at("stage").classList.remove("draw"); this.draw(); }

  nudge(dx, dy, size) {
    const [left, top, right, bottom] = this.box;
    if (size) {
      this.box = [left, top, Math.min(1, Math.max(left + 0.01, right + dx)), Math.min(1, Math.max(top + 0.01, bottom + dy))];
    } else {
      const x = Math.max(-left, Math.min(1 - right, dx));
      const y = Math.max(-top, Math.min(1 - bottom, dy));
      this.box = [left + x, top + y, right + x, bottom + y];
    }
    this.draw();
  }

  // Which track was drawn on, and where in its own picture.
  drawnOn() {
    const [left, top, right, bottom] = this.box;
    if (this.view.track) return { track: this.view.track, box: this.box };
    const x = (left + right) / 2;
    const y = (top + bottom) / 2;
    const region = this.view.regions.find((one) => one.start <= this.time && this.time < one.end
      && one.box[0] <= x && x < one.box[2] && one.box[1] <= y && y < one.box[3]);
    if (!region) return null;
    const [l, t, r, b] = region.box;
    const within = (value) => Math.max(0, Math.min(1, value));
    return {
      track: region.track,
      box: [within((left - l) / (r - l)), within((top - t) / (b - t)), within((right - l) / (r - l)), within((bottom - t) / (b - t))],
    };
  }

  draw() {
    const time = this.time;
    const shapes = [];
    const add = (box, kind) => {
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      rect.setAttribute("class", kind);
      rect.setAttribute("x", 1000 * box[0]);
      rect.setAttribute("y", 1000 * box[1]);
      rect.setAttribute("width", Math.max(0, 1000 * (box[2] - box[0])));
      rect.setAttribute("height", Math.max(0, 1000 * (box[3] - box[1])));
      shapes.push(rect);
    };
    for (const mend of this.told.mends) {
      const box = placeOf(mend, time);
      if (!box || !this.view) continue;
      if (this.view.track === mend.track) { add(box, "mended"); continue; }
      const region = this.view.regions.find((one) => one.track === mend.track && one.start <= time && time < one.end);
      if (region) {
        const [l, t, r, b] = region.box;
        add([l + box[0] * (r - l), t + box[1] * (b - t), l + box[2] * (r - l), t + box[3] * (b - t)], "mended");
      }
    }
    if (this.box) add(this.box, "drawn");
    over.replaceChildren(...shapes);
  }
}

function placeOf(mend, time) {
  if (mend.kind === "whole") return mend.start <= time && time < mend.end ? [0, 0, 1, 1] : null;
  if (mend.kind !== "cover" || !mend.path || !mend.path.length) return null;
  const path = mend.path;
  if (time < path[0][0] - 0.05 || time > path[path.length - 1][0] + 0.05) return null;
  let low = 0;
  let high = path.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (path[middle][0] <= time) low = middle; else high = middle - 1;
  }
  const before = path[low];
  const after = path[Math.min(path.length - 1, low + 1)];
  const share = after[0] > before[0] ? Math.max(0, Math.min(1, (time - before[0]) / (after[0] - before[0]))) : 0;
  return [1, 2, 3, 4].map((edge) => before[edge] + share * (after[edge] - before[edge]));
}
