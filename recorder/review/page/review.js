// The page of one recording: keys, dialogs, and what they do.
import { ask, at, clock, tell } from "./talk.js";
import { Player } from "./player.js";
import { drawFor, drawnFor, listen as listenGiving, openGiving, showMarks } from "./giveback.js";
import { Queue, Transcript, showMends } from "./panels.js";

const STATES = { new: "Not looked at", work: "In work", signed: "Signed", back: "Sent back" };
const STEP = 0.01;
let told = null;
let player = null;
let queue = null;
let transcript = null;
let nextOne = null;
let saved = 0;

function say(text, bad = false) { at("say").textContent = text; at("say").classList.toggle("bad", bad); }

async function attempt(work) {
  try { return await work(); } catch (error) { say(error.message, true); return null; }
}

function take(state) {
  if (!state) return;
  told = { ...told, ...state };
  at("standing").textContent = STATES[told.standing];
  at("standing").className = `chip ${told.standing}`;
  player.update(told);
  queue.update(told);
  transcript.update(told);
  showMends(told, (number) => attempt(async () => take(await tell("api/undo", { number }))));
  showMarks(told, (work) => attempt(async () => { saved = 0; take(await work()); }));
}

function span() { return { start: player.picked.start, end: player.picked.end }; }

async function mend(what, done) {
  await attempt(async () => {
    take(await tell("api/mend", { mend: what }));
    if (told.job.running) take(await waited("follow", (job) => say(`Following … ${Math.round(100 * job.share)} %`)));
    const place = queue.current;
    if (place && overlaps(what, place)) take(await tell("api/look", { place: place.id, verdict: "mended" }));
    say(done);
  });
}

function overlaps(what, place) {
  return what.start === undefined || (what.start < place.end + 1 && place.start - 1 < what.end);
}

async function waited(kind, each) {
  for (;;) {
    const job = await ask("api/job");
    if (!job.running) {
      if (job.error) throw new Error(job.error);
      return await ask("api/state");
    }
    each(job);
    await new Promise((done) => setTimeout(done, 200));
  }
}

function chosen(place, number) {
  const view = place.track ? player.viewOf(place.track) : null;
  if (view && view !== player.view) player.show(view);
  player.pick(place.start, Math.min(place.end, player.duration));
  player.go(place.start - 0.4, place.kind === "check" ? null : Math.min(place.end, place.start + 6) + 0.4);
  player.play();
  say(`Place ${number + 1} of ${queue.places.length}: ${place.why}${place.track ? `, ${place.track}` : ""}, at ${clock(place.start)}.`);
}

function next() {
  if (!queue.next()) say(queue.places.length ? "Every place was looked at. Press s to sign." : "Nothing is named; play it through, then press s to sign.");
}

async function fine() {
  const place = queue.current;
  if (!place) { next(); return; }
  take(await attempt(() => tell("api/look", { place: place.id, verdict: "fine" })));
  next();
}

function drawCover() { draw(null); }

function draw(what) {
  drawFor(what);
  if (!player.view || !player.view.width) { say("There is no picture to cover.", true); return; }
  at("drawing").hidden = false;
  at("tools").hidden = true;
  player.startDrawing();
  at("drawing").querySelector("input:checked").focus({ preventScroll: true });
  say(`A box is drawn in the middle. Arrow keys move it, Shift and arrows size it, Enter ${what ? "marks" : "covers"}.`);
}

async function markDrawn(what) {
  const place = player.drawnOn();
  if (!place) { say("Draw inside the picture.", true); return; }
  const time = player.time;
  stopDrawing();
  await mark({ ...what, ...place, time });
}

function mark(what) {
  return attempt(async () => {
    take(await tell("api/giveback", { mark: what }));
    saved = 0;
    const place = queue.current;
    if (what.kind !== "word" && place && place.track === what.track && place.start - 1 < what.time && what.time < place.end + 1) {
      take(await tell("api/look", { place: place.id, verdict: "nothing" }));
    }
    say("Marked. It comes back when the source is redacted again with hints.toml.");
  });
}

function stopDrawing() { at("drawing").hidden = true; at("tools").hidden = false; player.stopDrawing(); at(drawnFor() ? "giveback" : "cover").focus({ preventScroll: true }); }

async function coverDrawn() {
  if (drawnFor()) { await markDrawn(drawnFor()); return; }
  const place = player.drawnOn();
  if (!place) { say("Draw inside one participant's picture.", true); return; }
  const long = at("drawing").elements.long.value;
  const time = player.time;
  let { start, end } = span();
  if (long === "all") { start = 0; end = player.duration; }
  if (long === "stands" || time < start || time > end) { start = Math.min(start, time); end = Math.max(end, time + 0.1); }
  const follow = long === "stands" || long === "span";
  stopDrawing();
  say("Following …");
  await mend({ kind: "cover", ...place, time, start, end, follow, stands: long === "stands" }, "Covered. Play it to see where the cover goes.");
}

async function coverWhole() {
  const track = player.view && (player.view.track || trackUnder());
  if (!track) { say("Choose one track under View first.", true); return; }
  await mend({ kind: "whole", track, ...span() }, `${track} is covered whole from ${clock(player.picked.start)} to ${clock(player.picked.end)}.`);
}

function trackUnder() {
  const place = queue.current;
  return place && place.track && !place.track.endsWith("-microphone") ? place.track : null;
}

function mute() {
  const place = queue.current;
  const who = place && place.track.endsWith("-microphone") ? place.track.split("-")[0] : "";
  return mend({ kind: "mute", who, ...span() }, `Muted from ${clock(player.picked.start)} to ${clock(player.picked.end)}; its words are masked.`);
}

function cut() {
  return mend({ kind: "cut", ...span() }, `Cut out from ${clock(player.picked.start)} to ${clock(player.picked.end)}.`);
}

async function undo() { await attempt(async () => { take(await tell("api/undo", {})); say("Taken back."); }); }

function mendHere() {
  const place = queue.current;
  if (place && (place.track.endsWith("-microphone") || /^A\d/.test(place.track))) mute(); else drawCover();
}

function openMask() {
  at("maskword").value = transcript.pickedWord();
  counts();
  at("masking").showModal();
  at("maskword").select();
}

function counts() {
  const text = at("maskword").value;
  at("maskhits").textContent = text ? `Said or written ${transcript.count(text)} times in the transcript.` : "";
}

function openDrop() {
  const people = told.people.length ? told.people : [...new Set(told.transcript.map((one) => one.speaker))];
  if (!people.length) { say("There is nobody to drop.", true); return; }
  at("dropwho").replaceChildren(...people.map((one) => new Option(one)));
  at("dropsays").textContent = told.people.length
    ? "All their tracks, words and figures go, and the recording is composed anew."
    : "A recorded file has one sound for all: all that they say falls silent and leaves the transcript. Cover their picture yourself.";
  at("dropping").showModal();
}

async function openSign() {
  await sendPlayed();
  const looked = told.places.filter((place) => told.looked[place.id]).length;
  const seen = told.seen.reduce((sum, [start, end]) => sum + end - start, 0);
  const lines = [
    `${looked} of ${told.places.length} places looked at`,
    `${Math.round(100 * Math.min(1, seen / told.duration))} % of the recording played`,
    told.mends.length ? `${told.mends.length} change${told.mends.length > 1 ? "s" : ""} will be made and verified` : "Nothing is changed",
  ];
  at("signsum").replaceChildren(...lines.map((line) => { const item = document.createElement("li"); item.textContent = line; return item; }));
  at("signsay").hidden = true;
  at("working").hidden = true;
  at("dosign").disabled = false;
  at("signnext").disabled = false;
  at("signnext").hidden = told.single;
  at("signing").showModal();
  at("dosign").focus();
}

async function sign(then) {
  at("dosign").disabled = true;
  at("signnext").disabled = true;
  at("working").hidden = false;
  try {
    await tell("api/sign", { by: at("signname").value });
    const state = await waited("save", (job) => {
      at("stagesays").textContent = job.stage ? `${job.stage} …` : "Looking …";
      at("bar").value = job.share;
    });
    sessionStorage.setItem("signname", at("signname").value);
    at("signing").close();
    if (then && await follow()) return;
    if (told.mends.length) { forget(); location.reload(); return; }
    take(state);
    say("Signed. The new version is verified and in its place.");
  } catch (error) {
    at("signsay").textContent = error.message;
    at("signsay").hidden = false;
    at("dosign").disabled = false;
    at("signnext").disabled = false;
    at("working").hidden = true;
  }
}

async function follow() {
  const here = Number(location.pathname.split("/").at(-2));
  const list = await ask("../../api/list");
  const open = list.rows.filter((row) => !row.bad && !row.elsewhere && row.number !== here && ["new", "work"].includes(row.standing));
  nextOne = open.find((row) => row.number > here) || open[0];
  forget();
  await tell("api/close", {});
  location.href = nextOne ? `../${nextOne.number}/` : "../../";
  return true;
}

async function sendPlayed() {
  const spans = player.played();
  if (spans.length) take(await attempt(() => tell("api/played", { spans })));
}

async function sendBack() {
  await attempt(async () => { take(await tell("api/sendback", {})); say(told.marks.length ? "Sent back. Save hints.toml for the second run." : "Sent back: it is marked in the list, and nothing of it changed."); });
}

function unsaved() { return told.mends.length || told.marks.length > saved; }
function forget() { told.mends = []; told.marks = []; }

const KEYS = {
  " ": () => player.toggle(),
  ArrowLeft: (event) => player.go(player.time - (event.shiftKey ? 5 : 1)),
  ArrowRight: (event) => player.go(player.time + (event.shiftKey ? 5 : 1)),
  ",": () => player.step(-1),
  ".": () => player.step(1),
  n: next,
  p: () => queue.previous(),
  f: fine,
  m: mendHere,
  i: () => player.pick(player.time, Math.max(player.time + 0.05, player.picked.end)),
  o: () => player.pick(Math.min(player.picked.start, player.time), player.time),
  c: drawCover,
  w: coverWhole,
  t: mute,
  k: openMask,
  d: openDrop,
  x: cut,
  u: undo,
  g: () => openGiving(told, span()),
  s: openSign,
  "/": () => at("search").focus(),
  "?": () => at("keys").showModal(),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (!at("drawing").hidden && drawingKey(event)) { event.preventDefault(); return; }
  const typing = event.target.closest("input:not([type=radio]), select, textarea");
  if (typing) { if (event.key === "Escape") event.target.blur(); return; }
  if (event.key === " " && event.target.closest("button, a") && !event.target.closest("#places")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act(event);
}

function drawingKey(event) {
  const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
  if (by) { player.nudge(by[0], by[1], event.shiftKey); return true; }
  if (event.key === "Escape") { stopDrawing(); return true; }
  if (event.key === "Enter" && !event.target.closest("#nodraw")) { coverDrawn(); return true; }
  return false;
}

function showSource(time) {
  if (!told.source) return;
  at("raw").hidden = false;
  at("beside").classList.add("two");
  clearTimeout(showSource.wait);
  showSource.wait = setTimeout(() => { at("rawpicture").src = `api/source?time=${time.toFixed(2)}`; }, 150);
}

async function begin() {
  told = await ask("api/state");
  document.title = `Review ${told.name}`;
  at("name").textContent = told.name;
  const removed = Object.entries(told.redacted).map(([kind, count]) => `${kind.toLowerCase().replaceAll("_", " ")} ${count}`).join(", ");
  at("facts").textContent = `${clock(told.duration)} · kept for ${told.purpose} until ${told.expires.slice(0, 10)} · removed: ${removed || "nothing"} · whole: ${told.checked.length} steps passed`;
  at("back").hidden = told.single;
  if (told.lists) {
    at("warn").textContent = "The policy let some words stand. Start the review with --policy and that file, or they are masked when the audio is heard again.";
    at("warn").hidden = false;
  }
  player = new Player(told);
  queue = new Queue(told, chosen);
  transcript = new Transcript(told, { go: (start, end) => { player.go(start - 0.05, end); player.play(); }, mask: openMask });
  player.onTime = (time) => { transcript.time(time); showSource(time); };
  take({});
  player.moved();
  at("signname").value = sessionStorage.getItem("signname") || "";
  document.addEventListener("keydown", onKey);
  for (const [id, act] of Object.entries({
    play: () => player.toggle(), next, fine, mend: mendHere, cover: drawCover, whole: coverWhole, mute, mask: openMask,
    drop: openDrop, cut, undo, sign: openSign, sendback: sendBack, help: () => at("keys").showModal(), nodraw: stopDrawing,
    signnext: () => sign(true), giveback: () => openGiving(told, span()), savehints: () => { saved = told.marks.length; },
  })) at(id).addEventListener("click", act);
  at("back").addEventListener("click", async (event) => {
    event.preventDefault();
    if (unsaved() && !confirm("Leave? What was not signed, and hints that were not saved, are gone.")) return;
    forget();
    await sendPlayed();
    await attempt(() => tell("api/close", {}));
    location.href = "../../";
  });
  for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
  at("nosign").addEventListener("click", async () => { if (told.job && !at("working").hidden) await attempt(() => tell("api/stop", {})); at("signing").close(); });
  at("drawing").addEventListener("submit", (event) => { event.preventDefault(); coverDrawn(); });
  at("maskword").addEventListener("input", counts);
  at("maskform").addEventListener("submit", () => mend({ kind: "word", text: at("maskword").value.trim().replace(/\s+/g, " "), entity_type: at("maskkind").value }, "It is masked wherever it is said or shown once you sign."));
  listenGiving({ word: mark, draw, span });
  at("dropform").addEventListener("submit", () => mend({ kind: "drop", who: at("dropwho").value }, `${at("dropwho").value} goes once you sign.`));
  at("signform").addEventListener("submit", (event) => { event.preventDefault(); sign(false); });
  window.addEventListener("beforeunload", (event) => { if (unsaved()) event.preventDefault(); });
  setInterval(() => { if (!document.querySelector("dialog[open]") && player.played().length) sendPlayed(); }, 10000);
  document.documentElement.dataset.ready = "yes";
  if (told.standing === "signed") say("This version is signed.");
  else say(queue.places.length ? `${queue.places.length === 1 ? "One place is" : `${queue.places.length} places are`} worth a look. Press n for the first, ? for all keys.` : "Nothing needs a look first. Play it through, then press s to sign.");
}

begin().catch((error) => { at("facts").textContent = ""; say(error.message, true); });
