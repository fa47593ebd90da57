"""Zoom's own client for Python, run in a process of its own; prints as JSON what it received.

Started with the signaling address and the certificate to trust. Its library writes a log into `logs` of its working
directory if there is one.
"""

from __future__ import annotations

import json
import os
import sys
import time

os.environ["ZM_RTMS_CA"] = sys.argv[2]
os.environ["ZM_RTMS_LOG_LEVEL"] = "error"

import rtms  # type: ignore[import-not-found, unused-ignore]

joined: list[int] = []
sizes: dict[str, dict[str, list[int]]] = {"audio": {}, "video": {}, "share": {}}
first: dict[str, str] = {}
events: list[object] = []


def taker(kind: str):  # type: ignore[no-untyped-def]
    def take(data: bytes, size: int, _timestamp: int, who: object) -> None:
        name = f"{who.userId} {who.userName}"  # type: ignore[attr-defined]
        sizes[kind].setdefault(name, []).append(size)
        first.setdefault(f"{kind} {name}", bytes(data[:size]).hex())

    return take


client = rtms.Client()
client.on_join_confirm(joined.append)
client.on_audio_data(taker("audio"))
client.on_video_data(taker("video"))
client.on_deskshare_data(taker("share"))
client.on_participant_event(lambda what, _time, people: events.append([what, people]))
client.on_active_speaker_event(lambda _time, user, name: events.append(["speaker", user, name]))
client.on_sharing_event(lambda what, _time, user, name: events.append(["share " + what, user, name]))
sound = rtms.AudioParams()
sound.contentType, sound.codec, sound.sampleRate, sound.channel = 2, 1, 1, 1
sound.dataOpt, sound.duration, sound.frameSize = 2, 20, 320
client.set_audio_params(sound)
client.join(
    meeting_uuid=sys.argv[3],
    rtms_stream_id=sys.argv[4],
    server_urls=sys.argv[1],
    client=os.environ["TEST_CLIENT"],
    secret=os.environ["TEST_SECRET"],
    timeout=5000,
)
until, subscribed = time.monotonic() + float(sys.argv[5]), False
while time.monotonic() < until and joined != [1]:
    time.sleep(0.05)
    if joined == [0] and not subscribed:
        subscribed = True
        client.subscribe_event([2, 3, 4, 5, 6, 8, 9])
print(
    "RESULT " + json.dumps({"joined": joined, "sizes": sizes, "first": first, "events": events}), flush=True
)
os._exit(0)
