/* {"title": "the meeting that the tests make up", "tested": true, "hosts": []} */
({
  name: "own",
  step({name}) {
    const {meeting} = window;
    if (!meeting) return "joining";
    meeting.bot = name;
    return meeting.state;
  },
  people: () => window.meeting.people.map(({id, name}) => ({id, name})),
  owner({connection}) {
    const person = window.meeting.people.find(({to}) => to === connection);
    return person ? {participant: person.id} : null;
  },
  heard: () => window.meeting.lines.splice(0),
  say(line, to) {
    const {meeting} = window;
    if (to !== null && !meeting.people.some(({id}) => id === to)) return false;
    meeting.sent.push({line, to});
    return true;
  },
  leave() {
    window.meeting.state = "over";
  },
})
