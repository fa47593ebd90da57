// The page of the built-in test call. Names and messages are shown as text alone.
"use strict";

const part = (id) => document.getElementById(id);
const people = new Map();
let socket = null;
let me = null;
let media = null; // { stream, connection, session } while the camera is sent
let spoken = false; // whether the notice is to be heard once
let agreed = false; // what this person said last
let starting = false;
let turn = 0; // rises with every change of mind, so that a camera that comes late is not sent

function show(text) {
  part("standing").textContent = text;
}

function receive(receipt) {
  const shown = part("receipt");
  shown.hidden = !receipt;
  shown.textContent = receipt
    ? "Your receipt: " + receipt + ". Keep it: by it what was stored of you can be erased after the call."
    : "";
}

function line(sender, text) {
  const item = document.createElement("li");
  const name = document.createElement("strong");
  name.textContent = (people.get(sender) || "Somebody") + ": ";
  if (sender === "recorder") item.className = "recorder";
  item.append(name, text);
  const lines = part("lines");
  lines.append(item);
  while (lines.children.length > 200) lines.firstChild.remove();
  lines.scrollTop = lines.scrollHeight;
}

function list() {
  part("people").replaceChildren(...[...people.values()].map((name) => {
    const item = document.createElement("li");
    item.textContent = name;
    return item;
  }));
}

function enable(joined) {
  for (const id of ["yes", "no", "erase", "send", "rename", "leave"]) part(id).disabled = !joined;
  part("join").disabled = joined;
}

function tell(message) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function join() {
  const address = new URL("/signals", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  part("join").disabled = true;
  socket = new WebSocket(address);
  const invitation = location.hash.slice(1);
  socket.onopen = () => tell({ type: "join", name: part("name").value, invitation });
  socket.onmessage = (event) => heard(JSON.parse(event.data));
  socket.onclose = () => left();
}

function heard(message) {
  if (message.type === "welcome") {
    me = message;
    for (const person of message.people) people.set(person.id, person.name);
    people.set(message.id, message.name + " (you)");
    list();
    enable(true);
    if (spoken) new Audio("/notice.wav").play().catch(() => undefined);
    spoken = false;
    show("You are here and not recorded. Your camera is off. It is not sent before you say yes.");
  } else if (message.type === "person") {
    people.set(message.id, me && message.id === me.id ? message.name + " (you)" : message.name);
    list();
  } else if (message.type === "gone") {
    people.delete(message.id);
    list();
  } else if (message.type === "chat") {
    line(message.sender, message.text);
  } else if (message.type === "standing") {
    show(message.recorded ? "You are being recorded, redacted." : "You are not recorded.");
    receive(message.receipt);
    if (!message.recorded) stop();
    else if (agreed) start();
  } else if (message.type === "uninvited") {
    show("This address is not whole: open the link exactly as you were given it.");
  } else if (message.type === "over") {
    show("The call is over.");
  }
}

function left() {
  stop();
  agreed = false;
  socket = null;
  me = null;
  people.clear();
  list();
  enable(false);
}

function yes() {
  agreed = true;
  tell({ type: "answer", answer: "yes", adult: part("adult").checked });
  start();
}

function refuse(answer) {
  agreed = false;
  tell({ type: "answer", answer });
  stop();
  show(answer === "erase" ? "What was stored of you is being erased." : "You are not recorded.");
}

async function start() {
  if (media || starting) return;
  starting = true;
  const mine = ++turn;
  let stream = null;
  let connection = null;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: true,
      video: { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 30 } },
    });
    if (mine !== turn || !me) throw new Error("changed");
    connection = new RTCPeerConnection({ iceServers: [] });
    for (const track of stream.getTracks()) {
      connection.addTransceiver(track, { direction: "sendonly", streams: [stream] });
    }
    await connection.setLocalDescription(await connection.createOffer());
    await gathered(connection);
    const answer = await fetch("/whip", {
      method: "POST",
      headers: { "Content-Type": "application/sdp", "Authorization": "Bearer " + me.secret },
      body: connection.localDescription.sdp,
    });
    if (answer.status !== 201) throw new Error("refused");
    const session = answer.headers.get("Location");
    const description = { type: "answer", sdp: await answer.text() };
    if (mine !== turn || !me) {
      hangUp(session);
      throw new Error("changed");
    }
    await connection.setRemoteDescription(description);
    media = { stream, connection, session };
    part("self").srcObject = stream;
    await part("self").play().catch(() => undefined);
  } catch (error) {
    if (connection) connection.close();
    if (stream) stream.getTracks().forEach((track) => track.stop());
    if (mine === turn) show("Your camera could not be sent.");
  } finally {
    starting = false;
  }
  if (mine !== turn && agreed && me) start();
}

function gathered(connection) {
  return new Promise((done) => {
    const check = () => connection.iceGatheringState === "complete" && done();
    connection.addEventListener("icegatheringstatechange", check);
    setTimeout(done, 2000);
    check();
  });
}

async function hangUp(session) {
  if (!session || !me) return;
  const headers = { "Authorization": "Bearer " + me.secret };
  await fetch(session, { method: "DELETE", headers, signal: AbortSignal.timeout(2000) }).catch(() => undefined);
}

async function stop() {
  turn += 1;
  if (!media) return;
  const { stream, connection, session } = media;
  media = null;
  stream.getTracks().forEach((track) => track.stop());
  part("self").srcObject = null;
  await hangUp(session);  // before the connection goes, or the recorder knows of no session any more
  connection.close();
}

part("door").addEventListener("submit", (event) => { event.preventDefault(); if (!socket) join(); });
part("rename").addEventListener("click", () => tell({ type: "rename", name: part("name").value }));
part("leave").addEventListener("click", () => stop().finally(() => tell({ type: "leave" })));
part("yes").addEventListener("click", yes);
part("no").addEventListener("click", () => refuse("no"));
part("erase").addEventListener("click", () => refuse("erase"));
part("chat").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = part("text").value;
  if (text.trim()) tell({ type: "chat", text });
  const command = /^\/record[ \t]+(yes|no|erase)$/i.exec(text.trim());
  if (command) agreed = command[1].toLowerCase() === "yes";
  part("text").value = "";
});

fetch("/notice").then((answer) => answer.json()).then((notice) => {
  part("what").textContent = notice.what;
  part("silence").textContent = notice.silence;
  part("young").textContent = notice.young;
  spoken = notice.spoken;
  part("join").disabled = false;
});
