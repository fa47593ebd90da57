/* {"title": "Google Meet", "tested": false, "hosts": ["*.google.com", "*.gstatic.com", "*.googleapis.com", "*.googleusercontent.com"]} */
({
  // Written from what is publicly known of Meet's page; not tried here. Sound comes in a few lines that change hands with
  // whoever speaks: nobody owns them for long, so sound is not recorded. Video is, by the tile it is shown in.
  name: "meet",
  step({name}) {
    if (document.querySelector("[data-participant-id]")) {
      this.entered = true;
      return "in";
    }
    if (this.entered) return "over";
    const field = document.querySelector("input[type='text'][aria-label]");
    if (field && field.value !== name) {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, name);
      field.dispatchEvent(new Event("input", {bubbles: true}));
      return "joining";
    }
    const button = document.querySelector("button[jsname='Qx7uuf']");
    if (button && !button.disabled && !this.pressed) {
      this.pressed = true;
      button.click();
    }
    return this.pressed ? "waiting" : "joining";
  },
  tiles: () => [...document.querySelectorAll("[data-participant-id]")],
  people() {
    const found = new Map();
    for (const tile of this.tiles()) {
      const name = tile.querySelector("[data-self-name], .notranslate");
      const id = tile.dataset.participantId;
      if (id && !tile.querySelector("[data-self-name]")) found.set(id.slice(0, 128), name ? name.textContent.trim() : "");
    }
    return [...found].map(([id, name]) => ({id, name}));
  },
  owner({kind, receiver}) {
    if (kind !== "video") return null;
    const shows = (video) => video.srcObject && video.srcObject.getTracks().includes(receiver.track);
    const owners = this.tiles().filter((tile) => [...tile.querySelectorAll("video")].some(shows));
    return owners.length === 1 ? {participant: owners[0].dataset.participantId.slice(0, 128)} : null;
  },
  leave() {
    const button = document.querySelector("button[jsname='CQylAd']");
    if (button) button.click();
  },
})
