/* {"title": "Microsoft Teams", "tested": false, "hosts": ["*.microsoft.com", "*.live.com", "*.office.com", "*.office.net", "*.skype.com", "*.cloud.microsoft", "*.microsoftonline.com", "*.msftauth.net"]} */
({
  // Written from what is publicly known of Teams' page; not tried here. Sound comes mixed, as one track for everybody:
  // nobody owns that, so it is not recorded. Video is, by the tile it is shown in.
  name: "teams",
  step({name}) {
    if (document.querySelector("[data-tid='hangup-main-btn'], #hangup-button")) {
      if (!document.querySelector("[data-tid='lobby-screen'], [data-tid='calling-lobby']")) {
        this.entered = true;
        return "in";
      }
      return "waiting";
    }
    if (this.entered) return "over";
    const web = document.querySelector("[data-tid='joinOnWeb']");
    const field = document.querySelector("[data-tid='prejoin-display-name-input']");
    const button = document.querySelector("[data-tid='prejoin-join-button'], #prejoin-join-button");
    if (web) {
      web.click();
    } else if (field && field.value !== name) {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, name);
      field.dispatchEvent(new Event("input", {bubbles: true}));
    } else if (button && !button.disabled && !this.pressed) {
      this.pressed = true;
      button.click();
    }
    return "joining";
  },
  tiles: () => [...document.querySelectorAll("[data-tid='participant-tile'][data-acc-id], [data-stream-type][data-acc-id]")],
  people() {
    const found = new Map(this.tiles().map((tile) => [tile.dataset.accId.slice(0, 128), tile.ariaLabel || ""]));
    return [...found].map(([id, name]) => ({id, name})).filter(({id}) => id);
  },
  owner({kind, receiver}) {
    if (kind !== "video") return null;
    const shows = (video) => video.srcObject && video.srcObject.getTracks().includes(receiver.track);
    const owners = this.tiles().filter((tile) => [...tile.querySelectorAll("video")].some(shows));
    return owners.length === 1 ? {participant: owners[0].dataset.accId.slice(0, 128)} : null;
  },
  leave() {
    const button = document.querySelector("[data-tid='hangup-main-btn'], #hangup-button");
    if (button) button.click();
  },
})
