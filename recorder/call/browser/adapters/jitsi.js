/* {"title": "Jitsi Meet", "tested": false, "hosts": []} */
({
  // Written from the public sources of Jitsi's web client and lib-jitsi-meet; not tried here.
  name: "jitsi",
  room: () => window.APP && window.APP.conference && window.APP.conference._room,
  step({name}) {
    const room = this.room();
    if (room && window.APP.conference.isJoined()) {
      if (!this.listening) {
        this.listening = true;
        this.lines = [];
        const {MESSAGE_RECEIVED, KICKED, CONFERENCE_LEFT} = window.JitsiMeetJS.events.conference;
        room.on(MESSAGE_RECEIVED, (sender, line) => this.lines.length < 200 && this.lines.push({sender, line}));
        room.on(KICKED, () => { this.end = "removed"; });
        room.on(CONFERENCE_LEFT, () => { this.end = this.end || "over"; });
        room.setDisplayName(name);
      }
      return this.end || "in";
    }
    if (this.listening) return this.end || "over";
    const field = document.querySelector("#premeeting-name-input, [data-testid='lobby.nameField']");
    const button = document.querySelector("[data-testid='prejoin.joinMeeting'], [data-testid='lobby.knockButton']");
    if (field && field.value !== name) {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, name);
      field.dispatchEvent(new Event("input", {bubbles: true}));
    } else if (button && !this.pressed) {
      this.pressed = true;
      button.click();
    }
    return document.querySelector("[data-testid='lobby.waitingMessage'], .lobby-screen") ? "waiting" : "joining";
  },
  people() {
    return this.room().getParticipants().map((one) => ({id: one.getId(), name: one.getDisplayName() || ""}));
  },
  owner({receiver}) {
    for (const one of this.room().getParticipants()) {
      const found = one.getTracks().find((track) => track.getTrack() === receiver.track);
      if (found) return {participant: one.getId(), kind: found.getVideoType() === "desktop" ? "screen" : "camera"};
    }
    return null;
  },
  heard() {
    return this.lines.splice(0);
  },
  say(line, to) {
    const room = this.room();
    if (to === null) room.sendTextMessage(line);
    else room.sendPrivateTextMessage(to, line);
    return true;
  },
  leave() {
    const room = this.room();
    if (room) room.leave();
  },
})
