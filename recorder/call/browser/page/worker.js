// Sees every coded frame that the page receives before it is decoded, and hands those of the tracks that are wanted on.
// Of what can be handed on as it is, nothing is decoded here: nobody looks at the page, and nobody listens to it.
"use strict";
const MOST_PENDING = 60; // frames that wait to be sent on; a second or two of one track
// What the page decodes instead: one grey picture of 16 x 16 pixels, whole in itself. Without any, it would ask whoever
// sends for a new key frame again and again.
const BLANK = {
  "video/VP8": bytes("EAIAnQEqEAAQAABHCIWFiJmEiAICAAYZaAAA"),
  "video/H264": bytes("AAAAAWdCwArd6EAAAAMAQAAADyPEieAAAAABaM4PLIAAAAABZYiEBLye"),
};
const routes = new Map();
const transformers = new Map();

function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer;
}

// Whether frames can be handed on as they are; the others the page decodes, and codes again for the recorder.
function passable(coding, type) {
  return (coding === "audio/opus" || coding in BLANK) && type >= 96 && type < 128;
}

// A frame goes on as it is; nothing is decoded and coded again. Until a key frame has come, video goes nowhere.
function hand(route, frame) {
  if (route.held || route.pending >= MOST_PENDING) {
    route.waiting = route.video;
    return;
  }
  if (route.waiting) {
    if (frame.type !== "key") return;
    route.waiting = false;
  }
  route.pending += 1;
  route.writer.write(new frame.constructor(frame)).then(
    () => { route.pending -= 1; },
    () => { if (routes.get(route.id) === route) routes.delete(route.id); },
  );
}

async function pump({readable, writable, options: {id, kind}}) {
  const reader = readable.getReader(), writer = writable.getWriter();
  let coding = "", type = -1, source = -1;
  try {
    for (;;) {
      const {value: frame, done} = await reader.read();
      if (done) return;
      const about = frame.getMetadata();
      if (about.mimeType !== coding || about.payloadType !== type || about.synchronizationSource !== source) {
        [coding, type, source] = [about.mimeType, about.payloadType, about.synchronizationSource];
        routes.delete(id); // what comes now may be somebody else's: the recorder asks anew whose it is
        postMessage({id, coding, type, width: about.width || 0});
      }
      const route = routes.get(id);
      if (route) hand(route, frame);
      const passes = passable(coding, type);
      if (passes && kind === "video") frame.data = BLANK[coding];
      if (!passes || kind === "video") writer.write(frame).catch(() => {});
    }
  } finally {
    routes.delete(id);
    transformers.delete(id);
  }
}

function askKeyFrame(id) {
  const transformer = transformers.get(id);
  if (transformer) transformer.sendKeyFrameRequest().catch(() => {});
}

onrtctransform = ({transformer}) => {
  transformers.set(transformer.options.id, transformer);
  pump(transformer);
};

onmessage = ({data}) => {
  const {what, id} = data, route = routes.get(id);
  if (what === "route") {
    const video = data.kind === "video";
    routes.set(id, {id, key: data.key, video, writer: data.writable.getWriter(), waiting: video, held: data.held, pending: 0});
    if (video) askKeyFrame(id);
  } else if (what === "stop") {
    // a connection that has ended may be told of after the next one has begun
    if (route && (data.key === undefined || route.key === data.key)) routes.delete(id);
  } else if (what === "hold" && route) {
    route.held = true;
  } else if (what === "resume" && route && route.held) {
    route.held = false;
    if (route.waiting) askKeyFrame(id);
  } else if (what === "key" && route) {
    askKeyFrame(id);
  }
};

setInterval(() => {
  for (const route of routes.values()) if (route.waiting && !route.held) askKeyFrame(route.id);
}, 500);
