/* {"title": "the video room pages of Janus's own demos", "tested": true, "hosts": []} */
({
  name: "janus",
  fits: () => Boolean(window.Janus && document.getElementById("videojoin") && "feedStreams" in window),
  step({name}) {
    const {janus, myid} = window;
    const dialogue = document.querySelector(".bootbox.modal.in, .bootbox.modal.show");
    if (this.joined) {
      if (dialogue && /destroyed/.test(dialogue.textContent)) return "over";
      return janus && janus.isConnected() && window.sfutest ? "in" : "lost";
    }
    if (myid) {
      this.joined = true;
      return "in";
    }
    if (dialogue) return "refused";
    const field = document.getElementById("username"), shown = field && field.offsetParent;
    if (!this.started && !shown) {
      this.started = true;
      document.getElementById("start").click();
    } else if (shown && !this.named) {
      this.named = true;
      field.value = name.replace(/[^a-zA-Z0-9]/g, "") || "Recorder"; // the page takes no others
      document.getElementById("register").click();
    }
    return "joining";
  },
  people() {
    const own = String(window.myid);
    return Object.entries(window.feedStreams)
      .filter(([id, feed]) => id !== own && feed)
      .map(([id, feed]) => ({id, name: Array.isArray(feed) ? feed[0] && feed[0].display : feed.display}));
  },
  owner({connection, transceiver}) {
    const {feeds, remoteFeed, subStreams} = window;
    if (remoteFeed && remoteFeed.webrtcStuff && remoteFeed.webrtcStuff.pc === connection) {
      const line = subStreams[transceiver.mid]; // one connection for everybody: the line says whose it is
      return line && line.active !== false && line.feed_id ? {participant: String(line.feed_id)} : null;
    }
    const feed = Object.values(feeds).find((one) => one && one.webrtcStuff && one.webrtcStuff.pc === connection);
    return feed ? {participant: String(feed.rfid)} : null;
  },
  leave() {
    if (window.janus) window.janus.destroy();
  },
})
