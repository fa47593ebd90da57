// The recordings of a folder: which state they are in, and the way into each.
import { ask, at, clock, made } from "./talk.js";

const STATES = { new: "Not looked at", work: "In work", signed: "Signed", back: "Sent back" };
let rows = [];

function open(row) {
  if (row && !row.bad && !row.elsewhere) location.href = `r/${row.number}/`;
}

function show(row) {
  const line = made("tr");
  line.dataset.standing = row.standing;
  const state = made("td");
  const chip = row.bad ? made("span", "chip bad", "Cannot be read")
    : row.elsewhere ? made("span", "chip elsewhere", "Open elsewhere")
    : made("span", `chip ${row.standing}`, STATES[row.standing]);
  state.append(chip);
  const name = made("td");
  if (row.bad) {
    name.append(made("span", "", row.name), made("div", "soft", row.bad));
  } else {
    const link = made("a", "", row.name);
    link.href = `r/${row.number}/`;
    name.append(link, made("div", "soft", row.created.slice(0, 10)));
  }
  const worst = made("td");
  const meter = made("span", "meter");
  const fill = made("i");
  fill.style.width = `${Math.round(100 * Math.min(1, row.worst))}%`;
  meter.append(fill);
  meter.title = `${row.worst}`;
  worst.append(meter);
  line.append(state, name, made("td", "", clock(row.duration)), made("td", "", `${row.looked} of ${row.places}`), worst);
  return line;
}

async function load() {
  const told = await ask("api/list");
  rows = told.rows;
  document.querySelector("#rows tbody").replaceChildren(...rows.map(show));
  const signed = rows.filter((row) => row.standing === "signed").length;
  const sample = told.of > rows.length ? `A sample of ${rows.length} of ${told.of}, worst first. ` : "";
  at("sum").textContent = `${sample}${signed} of ${rows.length} signed.`;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const links = [...document.querySelectorAll("#rows a")];
  const here = links.indexOf(document.activeElement);
  if (event.key === "ArrowDown" || event.key === "j") (links[here + 1] || links[0])?.focus();
  else if (event.key === "ArrowUp" || event.key === "k") (links[here - 1] || links.at(-1))?.focus();
  else if (event.key === "n") open(rows.find((row) => !row.bad && !row.elsewhere && ["new", "work"].includes(row.standing)));
  else return;
  event.preventDefault();
});

load().catch((error) => { at("say").textContent = error.message; });
setInterval(() => load().catch(() => {}), 15000);
