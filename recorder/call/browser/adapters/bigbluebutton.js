/* {"title": "BigBlueButton", "tested": false, "hosts": []} */
({
  // Written from the public sources of BigBlueButton's HTML5 client; not tried here. Its sound comes mixed, as one
  // track for everybody: nobody owns that, so it is not recorded. Cameras and the shared screen are.
  name: "bigbluebutton",
  step({name}) {
    if (document.querySelector("[data-test='meetingEndedModal'], [data-test='meetingEndedModalTitle']")) return "over";
    if (document.querySelector("[data-test='userListItem'], [data-test='userListItemCurrent']")) {
      this.entered = true;
      const close = document.querySelector("[data-test='closeModal']");
      if (close) close.click();
      return "in";
    }
    if (this.entered) return "over";
    const field = document.querySelector("input[name='join_name'], input[name='name'], #joinFormName");
    const listen = document.querySelector("[data-test='listenOnlyBtn']");
    if (listen) {
      listen.click();
    } else if (field && !this.named) {
      this.named = true;
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, name);
      field.dispatchEvent(new Event("input", {bubbles: true}));
      if (field.form) field.form.requestSubmit();
    }
    return document.querySelector("[data-test='guestMessage'], .guest-lobby") ? "waiting" : "joining";
  },
  // Two people of one name cannot be told apart by what the page shows: neither of them is anybody's owner.
  people() {
    const names = [...document.querySelectorAll("[data-test='userListItem']")].map((one) => one.textContent.trim());
    return [...new Set(names)].map((name) => ({id: name.slice(0, 128), name})).filter(({id}) => id);
  },
  owner({kind, receiver}) {
    if (kind !== "video") return null;
    for (const video of document.querySelectorAll("video")) {
      if (!video.srcObject || !video.srcObject.getTracks().includes(receiver.track)) continue;
      const tile = video.closest("[data-test='webcamItem'], [data-test='webcamItemTalkingUser'], [data-test='webcamContainer']");
      const shown = tile && tile.querySelector("[data-test='webcamUserName'], [class*='userName'], [class*='dropdown'], span");
      const name = shown ? shown.textContent.trim() : "";
      const same = [...document.querySelectorAll("[data-test='userListItem']")]
        .filter((one) => one.textContent.trim() === name);
      return same.length === 1 ? {participant: name.slice(0, 128)} : null;
    }
    return null;
  },
  leave() {
    const button = document.querySelector("[data-test='logout'], [data-test='leaveMeetingDropdown']");
    if (button) button.click();
  },
})
