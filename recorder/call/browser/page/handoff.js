// Runs in the meeting's page before the page's own scripts. Notes every track that the page receives, asks the adapter
// whose it is, and hands those that the recorder wants over a connection within this machine. The recorder asks; this
// script never calls it, so a page cannot flood it.
((settings, adapters, workerSource) => {
  "use strict";
  const {secret, name, limits, allowed} = settings;
  const Native = window.RTCPeerConnection;
  if (!Native || !window.RTCRtpScriptTransform) return;
  const {MediaStreamTrackGenerator: Generator, RTCRtpScriptTransform: Transform, Worker, Blob, URL} = window;
  const define = Object.defineProperty, pause = (ms) => new Promise((done) => setTimeout(done, ms));

  let shared = null; // the page's own part, for the frames in it
  if (window !== window.top) {
    try {
      shared = window.top[secret];
    } catch {
      return; // a frame of another origin
    }
    if (!shared) return;
  }

  const tracks = shared ? shared.tracks : new Map();
  const counter = shared ? shared.counter : {tracks: 0, refused: 0, servers: 0};
  const connections = new WeakMap(); // tracks of each connection
  const plain = new WeakSet(); // connections whose frames the page leaves alone
  const armed = new WeakMap(); // receivers whose frames pass the worker
  const codings = new Map(); // how the frames of each came last
  let worker = null;

  function startWorker() {
    if (worker) return;
    const url = URL.createObjectURL(new Blob([workerSource], {type: "text/javascript"}));
    worker = new Worker(url);
    URL.revokeObjectURL(url);
    worker.onmessage = ({data: {id, coding, type}}) => {
      const track = tracks.get(id);
      codings.set(id, [coding, type]);
      if (!track) return;
      if (track.coding) track.version += 1;
      [track.coding, track.type] = [coding, type];
    };
  }

  function noteTrack(connection, {receiver, transceiver, streams}) {
    if (tracks.size >= limits.tracks) {
      counter.refused += 1;
      return;
    }
    const known = connections.get(connection);
    if (known.some((track) => track.receiver === receiver)) return;
    armReceiver(connection, receiver);
    const id = armed.get(receiver).id, transform = armed.get(receiver).transform, kind = receiver.track.kind;
    const track = {id, kind, connection, receiver, transceiver, streams, version: 0, coding: "", type: 0, dead: false};
    track.stream = streams.length ? streams[0].id : "";
    track.transform = transform;
    if (transform) track.worker = worker;
    else track.coding = "decoded"; // it is decoded and coded again
    [track.coding, track.type] = codings.get(id) || [track.coding, 0];
    tracks.set(id, track);
    known.push(track);
  }

  // Coded frames pass the worker only where it was put in their way in the task in which the receiver was made.
  function armReceiver(connection, receiver) {
    if (armed.has(receiver)) return;
    const own = {id: ++counter.tracks, transform: null};
    armed.set(receiver, own);
    if (!plain.has(connection) || receiver.transform) return;
    startWorker();
    try {
      receiver.transform = new Transform(worker, {id: own.id, kind: receiver.track.kind});
      own.transform = receiver.transform;
    } catch {
      own.transform = null;
    }
  }

  // While a connection is negotiated, its lines may change hands: nothing is handed on until it is asked whose they are.
  function holdTracks(connection) {
    for (const track of connections.get(connection) || []) {
      track.held = true;
      if (track.worker) track.worker.postMessage({what: "hold", id: track.id});
      if (track.sender && track.sender.track) track.sender.track.enabled = false;
    }
  }

  // Addresses in numbers do not pass the browser's resolver: servers elsewhere are taken out of what a page asks for.
  function ownServers(configuration) {
    if (!configuration || !configuration.iceServers) return configuration;
    const host = (url) => String(url).replace(/^(stuns?|turns?):/i, "").replace(/[:?][^\]]*$/, "").toLowerCase();
    const own = (url) => allowed.some((one) => (one.startsWith("*.") ? host(url).endsWith(one.slice(1)) : host(url) === one));
    const iceServers = [...configuration.iceServers]
      .map((server) => ({...server, urls: [].concat(server.urls || server.url || []).filter(own)}))
      .filter(({urls}) => urls.length);
    counter.servers += [...configuration.iceServers].length - iceServers.length;
    return {...configuration, iceServers};
  }

  function watch(connection, configuration) {
    connections.set(connection, []);
    if (!configuration || !configuration.encodedInsertableStreams) plain.add(connection);
    connection.addEventListener("track", (event) => noteTrack(connection, event));
  }

  // Nobody looks at the page: drawing what it receives would cost as much as receiving it.
  document.addEventListener("DOMContentLoaded", () => {
    const style = new CSSStyleSheet();
    style.replaceSync("video { visibility: hidden !important; }");
    document.adoptedStyleSheets.push(style);
  });

  window.RTCPeerConnection = new Proxy(Native, {
    construct(target, given, made) {
      if (given.length) given = [ownServers(given[0]), ...given.slice(1)];
      const connection = Reflect.construct(target, given, made);
      watch(connection, given[0]);
      return connection;
    },
  });
  Native.prototype.constructor = window.RTCPeerConnection;
  if (window.webkitRTCPeerConnection) window.webkitRTCPeerConnection = window.RTCPeerConnection;
  for (const method of ["addTrack", "addTransceiver", "addStream", "createOffer"]) {
    const own = Native.prototype[method];
    if (!own) continue;
    define(Native.prototype, method, {
      configurable: true,
      writable: true,
      value(...given) {
        const made = own.apply(this, given);
        if (connections.has(this)) for (const {receiver} of this.getTransceivers()) armReceiver(this, receiver);
        return made;
      },
    });
  }
  for (const method of ["setLocalDescription", "setRemoteDescription"]) {
    const own = Native.prototype[method];
    define(Native.prototype, method, {
      configurable: true,
      writable: true,
      value(...given) {
        holdTracks(this);
        return own.apply(this, given);
      },
    });
  }
  const {setConfiguration} = Native.prototype;
  define(Native.prototype, "setConfiguration", {
    configurable: true,
    writable: true,
    value(configuration) {
      return setConfiguration.call(this, ownServers(configuration));
    },
  });
  if (shared) return;

  const links = new Map(); // by key: the connection to the recorder, and what goes by it
  const {setRemoteDescription, setLocalDescription} = Native.prototype;
  let adapter = null, state = "joining";

  function alive(track) {
    const {connection, transceiver, receiver} = track;
    if (receiver.track.readyState !== "live" || connection.signalingState === "closed") return false;
    return !["inactive", "sendonly", "stopped"].includes(transceiver.currentDirection);
  }

  function codable({coding, type, transform, receiver}) {
    const plain = ["audio/opus", "video/VP8", "video/H264"].includes(coding) && type >= 96 && type < 128;
    return plain && transform && receiver.transform === transform;
  }

  function text(value, longest) {
    return String(value === null || value === undefined ? "" : value).slice(0, longest);
  }

  function chooseAdapter() {
    if (document.readyState !== "complete") return null;
    for (const one of adapters) if (!one.fits || one.fits()) return one;
    return null;
  }

  function ownerOf(track) {
    const found = adapter.owner(track);
    if (!found || !found.participant) return {};
    const kind = track.kind === "audio" ? "microphone" : found.kind === "screen" ? "screen" : "camera";
    return {owner: text(found.participant, 129), kind};
  }

  function lookTrack(track) {
    const live = alive(track), {receiver} = track;
    if (!live) {
      if (!track.dead) {
        track.dead = true;
        track.version += 1;
        track.last = null;
        if (track.worker) track.worker.postMessage({what: "stop", id: track.id});
      }
      const {connection} = track;
      if (receiver.track.readyState !== "live" || connection.signalingState === "closed") tracks.delete(track.id);
      return null;
    }
    track.dead = false;
    if (track.connection.signalingState !== "stable") return track.last || null; // held until it is known again
    if (!track.coding) {
      // media comes and the worker sees none of it: it was put in its way too late
      track.unseen = receiver.getSynchronizationSources().length ? (track.unseen || 0) + 1 : 0;
      if (track.unseen > 8) [track.coding, track.transform, track.worker] = ["decoded", null, null];
      return null;
    }
    const {owner, kind} = ownerOf(track);
    if (!owner) return null;
    if (track.owner !== undefined && track.owner !== owner) {
      track.version += 1;
      if (track.worker) track.worker.postMessage({what: "stop", id: track.id});
    } else if (track.held) {
      if (track.worker) track.worker.postMessage({what: "resume", id: track.id});
      if (track.sender && track.sender.track) track.sender.track.enabled = true;
    }
    track.owner = owner;
    track.held = false;
    track.last = {id: `${track.id}.${track.version}`, owner, kind, coded: Boolean(codable(track))};
    return track.last;
  }

  // Everything that the recorder wants to know, as it is now.
  function look() {
    if (!adapter) adapter = chooseAdapter();
    if (!adapter) return JSON.stringify({state, adapter: "", people: [], tracks: [], said: [], asks: false, refused: 0});
    state = adapter.step({name}) || state;
    const inside = state === "in";
    const people = inside ? adapter.people([...tracks.values()].filter(alive)).slice(0, limits.people) : [];
    const found = inside ? [...tracks.values()].map(lookTrack).filter(Boolean) : [];
    const said = inside && adapter.heard ? adapter.heard().slice(0, limits.lines) : [];
    for (const {asked, keys} of links.values()) askKeys(asked, keys);
    return JSON.stringify({
      state,
      adapter: adapter.name,
      people: people.map(({id, name: shown}) => ({id: text(id, 129), name: text(shown, limits.name)})),
      tracks: found,
      said: said.map(({sender, line}) => ({sender: text(sender, 129), line: text(line, limits.line)})),
      asks: Boolean(inside && adapter.heard),
      refused: counter.refused,
    });
  }

  // The recorder asks for key frames by RTCP, which only the count of its requests shows here.
  async function askKeys(asked, keys) {
    for (const [sender, track] of keys) {
      for (const report of (await sender.getStats()).values()) {
        if (report.type !== "outbound-rtp" || !(report.pliCount > (asked.get(sender) || 0))) continue;
        asked.set(sender, report.pliCount);
        track.worker.postMessage({what: "key", id: track.id});
      }
    }
  }

  function sourceOf(track) {
    const source = codable(track) ? new Generator({kind: track.kind}) : track.receiver.track.clone();
    source.enabled = true;
    return source;
  }

  // Take the recorder's offer and send it the tracks named, in the order of its lines; return the answer.
  async function forward(key, sdp, names) {
    stop(key);
    const connection = new Native({encodedInsertableStreams: true});
    const link = {connection, tracks: [], senders: [], asked: new Map(), keys: []};
    links.set(key, link);
    await setRemoteDescription.call(connection, {type: "offer", sdp});
    const codings = [];
    for (const [index, transceiver] of connection.getTransceivers().entries()) {
      const track = [...tracks.values()].find(({id, version}) => `${id}.${version}` === names[index]);
      if (!track || track.held || !alive(track)) throw new Error("gone");
      const {sender} = transceiver, source = sourceOf(track), coded = codable(track);
      link.tracks.push({track, source});
      transceiver.direction = "sendonly";
      await sender.replaceTrack(source);
      const streams = sender.createEncodedStreams();
      if (coded) {
        track.worker.postMessage(
          {what: "route", key, id: track.id, kind: track.kind, held: Boolean(track.held), writable: streams.writable},
          [streams.writable],
        );
        if (track.kind === "video") link.keys.push([sender, track]);
      } else {
        streams.readable.pipeTo(streams.writable).catch(() => {});
        track.sender = sender;
        link.senders.push(sender);
      }
      codings.push(coded ? {coding: track.coding, type: track.type} : null);
    }
    await setLocalDescription.call(connection);
    for (let waited = 0; connection.iceGatheringState !== "complete" && waited < 3000; waited += 20) await pause(20);
    if (links.get(key) !== link) throw new Error("gone");
    return JSON.stringify({sdp: connection.localDescription.sdp, codings});
  }

  function stop(key) {
    const link = links.get(key);
    if (!link) return;
    links.delete(key);
    for (const {track, source} of link.tracks) {
      if (track.worker) track.worker.postMessage({what: "stop", key, id: track.id});
      if (link.senders.includes(track.sender)) track.sender = null;
      source.stop();
    }
    link.connection.close();
  }

  function say(line, to) {
    return Boolean(adapter && state === "in" && adapter.say && adapter.say(line, to));
  }

  function leave() {
    for (const key of [...links.keys()]) stop(key);
    if (adapter && adapter.leave) adapter.leave();
  }

  const visit = crypto.getRandomValues(new Uint32Array(2)).join("");
  define(window, secret, {value: Object.freeze({visit, tracks, counter, look, forward, stop, say, leave})});
})
