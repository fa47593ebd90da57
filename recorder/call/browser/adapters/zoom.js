/* {"title": "Zoom's web client", "tested": false, "hosts": ["*.zoom.us", "*.zoom.com", "zoom.us"]} */
({
  // Written from what is publicly known of Zoom's page; not tried here. The page mostly brings media by data channels and
  // draws it on a canvas: then there is no track to hand over, and nothing is recorded. `serve --zoom` is the way.
  name: "zoom",
  // Some addresses show the client in a frame of the same origin.
  root: () => (document.getElementById("webclient") || {}).contentDocument || document,
  step({name}) {
    if (this.root().querySelector(".footer__leave-btn-container, [aria-label='Leave']")) {
      this.entered = true;
      return "in";
    }
    if (this.entered) return "over";
    const field = this.root().querySelector("#input-for-name, #inputname");
    const button = this.root().querySelector("button.preview-join-button, #joinBtn");
    if (field && field.value !== name) {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, name);
      field.dispatchEvent(new Event("input", {bubbles: true}));
    } else if (button && !button.disabled && !this.pressed) {
      this.pressed = true;
      button.click();
    }
    return this.root().querySelector(".waiting-room-container, .wr-main") ? "waiting" : "joining";
  },
  tiles() {
    return [...this.root().querySelectorAll("video-player[node-id], [data-user-id]")];
  },
  people() {
    const found = this.tiles().map((tile) => {
      const shown = tile.closest(".video-avatar__avatar, .gallery-video-container__video-frame");
      return {id: tile.getAttribute("node-id") || tile.dataset.userId, name: shown ? shown.textContent.trim() : ""};
    });
    return found.filter(({id}) => id);
  },
  owner({kind, receiver}) {
    if (kind !== "video") return null;
    const shows = (video) => video.srcObject && video.srcObject.getTracks().includes(receiver.track);
    const owners = this.tiles().filter((tile) => [...tile.querySelectorAll("video")].some(shows));
    return owners.length === 1 ? {participant: owners[0].getAttribute("node-id") || owners[0].dataset.userId} : null;
  },
  leave() {
    const button = this.root().querySelector(".footer__leave-btn-container button, [aria-label='Leave']");
    if (button) button.click();
  },
})
