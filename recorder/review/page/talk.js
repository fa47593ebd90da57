// How the page talks to its server, and how it writes times. Text of a bundle only ever becomes textContent.
export const at = (id) => document.getElementById(id);

export async function ask(path) {
  const answer = await fetch(path, { cache: "no-store" });
  return told(answer);
}

export async function tell(path, data) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(data),
  });
  return told(answer);
}

async function told(answer) {
  const text = await answer.text();
  let data = null;
  try { data = JSON.parse(text); } catch { /* a refusal in plain words */ }
  if (!answer.ok) throw new Error((data && data.error) || text.trim() || "The server did not answer.");
  return data;
}

export function clock(seconds) {
  const tenths = Math.max(0, Math.round(seconds * 10));
  const rest = (tenths % 600) / 10;
  const minutes = Math.floor(tenths / 600) % 60;
  const hours = Math.floor(tenths / 36000);
  const tail = `${String(minutes).padStart(hours ? 2 : 1, "0")}:${rest < 10 ? "0" : ""}${rest.toFixed(1)}`;
  return hours ? `${hours}:${tail}` : tail;
}

export function seconds(text) {
  const parts = String(text).trim().replace(",", ".").split(":").map(Number);
  if (!parts.length || parts.some((part) => !Number.isFinite(part) || part < 0)) return null;
  return parts.reduce((sum, part) => sum * 60 + part, 0);
}

export function made(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}
