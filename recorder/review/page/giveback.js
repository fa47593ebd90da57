// What was covered or masked for nothing: marks, and the hints that they become.
import { at, clock, made, tell } from "./talk.js";

const NAMES = { face: "No face", adult: "An adult", word: "No name" };
const TEXTS = {
  face: ["Draw over the cover under which no face is", "Give back"],
  adult: ["Draw over the cover of somebody who is an adult", "Give back"],
  cover: ["Draw over what must go", "Cover"],
};
let pending = null;

// What is being drawn: null for a cover that must go, otherwise what is to come back.
export function drawnFor() { return pending; }

export function drawFor(what) {
  pending = what;
  const [text, label] = TEXTS[what ? what.kind : "cover"];
  at("drawwhat").textContent = text;
  at("drawdo").textContent = label;
  at("howlong").hidden = Boolean(what);
}

export function openGiving(told, span) {
  const form = at("giveform");
  at("givewhy").textContent = told.notback;
  at("givewhy").hidden = !told.notback;
  at("dogive").disabled = Boolean(told.notback);
  at("giveword").value = "";
  form.elements.when[1].parentElement.lastChild.textContent = ` From ${clock(span.start)} to ${clock(span.end)} only`;
  changed();
  at("giving").showModal();
}

function changed() {
  const word = at("giveform").elements.what.value === "word";
  at("givetext").hidden = !word;
  at("giveword").required = word;
  at("givewhen").hidden = word;
  at("dogive").textContent = word ? "Mark the word" : "Mark the cover";
  if (word) at("giveword").focus();
}

// Calls back with a word's mark, or with what is to be drawn for.
export function listen({ word, draw, span }) {
  const form = at("giveform");
  for (const one of form.elements.what) one.addEventListener("change", changed);
  form.addEventListener("submit", () => {
    const kind = form.elements.what.value;
    if (kind === "word") { word({ kind, text: at("giveword").value.trim().replace(/\s+/g, " ") }); return; }
    const when = form.elements.when.value === "span" ? span() : {};
    draw({ kind, ...when });
  });
}

export function showMarks(told, changedTo) {
  at("givenback").hidden = !told.marks.length;
  at("again").textContent = "offrecord redact SOURCE --hints hints.toml --force -o FOLDER";
  at("marks").replaceChildren(...told.marks.map((mark) => {
    const row = made("li");
    const what = made("span", "", NAMES[mark.kind]);
    if (mark.kind === "word") what.append(`: “${mark.text}”`);
    else what.append(made("span", "soft", ` ${mark.track}`), made("span", "when", `  at ${clock(mark.time)}`));
    const away = made("button", "", "Take back");
    away.type = "button";
    away.setAttribute("aria-label", `Take back: ${what.textContent}`);
    away.addEventListener("click", () => changedTo(() => tell("api/keepcovered", { number: mark.number })));
    row.append(what, away);
    return row;
  }));
}
