/* {"title": "any page: nobody has a name, and each stream is somebody of its own", "tested": true, "hosts": []} */
({
  name: "generic",
  step({name}) {
    if (document.readyState !== "complete") return "joining";
    this.looks = (this.looks || 0) + 1;
    if (this.looks === 4 && !this.owners?.size) this.enter(name);
    return "in";
  },
  // Most pages ask for a name and have one button to press; where they do not, nothing is pressed.
  enter(name) {
    const seen = (element) => element.offsetParent && !element.disabled;
    const said = (element) => [element.placeholder, element.name, element.id, element.ariaLabel].join(" ");
    const field = [...document.querySelectorAll("input:not([type]),input[type=text]")]
      .find((element) => seen(element) && /name|nick/i.test(said(element)));
    if (field) {
      field.value = name;
      for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, {bubbles: true}));
    }
    const button = [...document.querySelectorAll("button,input[type=button],input[type=submit],[role=button]")]
      .find((element) => seen(element) && /^\s*(join|enter|connect|start|call)\b/i.test(element.textContent || element.value));
    if (button) button.click();
  },
  // Sound and video of one stream belong together where there is one of each; anything else is kept apart.
  whose({id, kind, stream, connection}, all) {
    const same = all.filter((other) => other.stream === stream && other.connection === connection);
    const single = stream && same.length <= 2 && same.every((other) => other.id === id || other.kind !== kind);
    return `unknown-${single ? Math.min(...same.map((other) => other.id)) : id}`;
  },
  people(all) {
    this.owners = new Map(all.map((track) => [track.id, this.whose(track, all)]));
    return [...new Set(this.owners.values())].map((id) => ({id, name: ""}));
  },
  owner({id}) {
    const participant = this.owners.get(id);
    return participant ? {participant} : null;
  },
})
