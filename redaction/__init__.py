"""The engine: detect, link, decide, cover, verify. Opens no socket and writes no file."""

import os

# onnxruntime opens a usage store and, at times, sockets when it is imported, unless this is set before.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# faster-whisper's hub client is never to be asked.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
