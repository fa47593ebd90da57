"""One participant made of GStreamer's webrtcbin, for the system's own Python: `gstreamer.py offer|answer`.

Descriptions go by as JSON lines on stdin and stdout; it sends a tone of 660 Hz and one colour until stdin ends.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from typing import Any

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # type: ignore[import-not-found]  # noqa: E402

PIPELINE = (
    "webrtcbin name=peer bundle-policy=max-bundle "
    "videotestsrc is-live=true pattern=solid-color foreground-color=0xff2040c0 "
    "! video/x-raw,width=320,height=180,framerate=30/1 ! vp8enc deadline=1 keyframe-max-dist=30 "
    "! rtpvp8pay ! application/x-rtp,media=video,encoding-name=VP8,payload={video} ! peer. "
    "audiotestsrc is-live=true freq=660 ! audio/x-raw,rate=48000,channels=2 ! opusenc "
    "! rtpopuspay ! application/x-rtp,media=audio,encoding-name=OPUS,payload={audio} ! peer."
)


def main(role: str) -> None:
    """Send until stdin ends."""
    Gst.init(None)
    loop = GLib.MainLoop()
    offered = json.loads(sys.stdin.readline()) if role == "answer" else ""
    types = {"video": _type(offered, "VP8", 96), "audio": _type(offered, "opus", 97)}
    pipeline = Gst.parse_launch(PIPELINE.format(**types))
    peer = pipeline.get_by_name("peer")

    def gathered(element: Any, _: object) -> None:
        state = element.get_property("ice-gathering-state")
        if state == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            local = element.get_property("local-description")
            print(json.dumps(local.sdp.as_text()), flush=True)

    def made(promise: Any, name: str) -> None:
        promise.wait()
        reply = promise.get_reply()  # what is in it lives as long as it does
        description = reply.get_value(name)
        peer.emit("set-local-description", description, Gst.Promise.new())

    peer.connect("notify::ice-gathering-state", gathered)
    if role == "offer":
        peer.connect(
            "on-negotiation-needed",
            lambda element: element.emit(
                "create-offer", None, Gst.Promise.new_with_change_func(made, "offer")
            ),
        )
    pipeline.set_state(Gst.State.PLAYING)
    if role == "answer":
        peer.emit("set-remote-description", _description("OFFER", offered), Gst.Promise.new())
        peer.emit("create-answer", None, Gst.Promise.new_with_change_func(made, "answer"))

    def listen() -> None:
        if role == "offer" and (line := sys.stdin.readline()):
            peer.emit("set-remote-description", _description("ANSWER", json.loads(line)), Gst.Promise.new())
        sys.stdin.read()
        loop.quit()

    threading.Thread(target=listen, daemon=True).start()
    loop.run()
    pipeline.set_state(Gst.State.NULL)


def _type(offered: str, codec: str, otherwise: int) -> int:
    found = re.search(rf"a=rtpmap:(\d+) {codec}/", offered)
    return int(found[1]) if found else otherwise


def _description(kind: str, sdp: str) -> Any:
    _, message = GstSdp.SDPMessage.new_from_text(sdp)
    return GstWebRTC.WebRTCSessionDescription.new(getattr(GstWebRTC.WebRTCSDPType, kind), message)


if __name__ == "__main__":
    main(sys.argv[1])
