"""A fake of `recorder.commands.zoom_meeting`: says who is there, notes what it is told, and ends when told to."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Write down the job and every line that comes, in the job's folder."""
    first = sys.stdin.readline()
    job = json.loads(first)
    notes = Path(job["folder"]) / f"{job['stream']}.lines"
    mode = job["meeting"]
    with notes.open("a", encoding="utf-8") as out:
        out.write(
            json.dumps({"argv": sys.argv, "env": [k for k in os.environ if "ZOOM" in k], "job": job}) + "\n"
        )
        out.flush()
        if mode == "garbage":
            print("{nonsense", flush=True)
        if mode == "flood":
            sys.stdout.write("x" * 3_000_000 + "\n")
            sys.stdout.flush()
        if mode == "dies":
            os._exit(9)
        print(json.dumps({"people": [["7", "Ann <b>"], ["8", "Ben"]]}), flush=True)
        for line in sys.stdin:
            out.write(line)
            out.flush()
            said = json.loads(line)
            if said["do"] == "answer":
                print(
                    json.dumps({"to": said["participant"], "note": "Your receipt is 1234 <i>."}), flush=True
                )
            if said["do"] in ("stop", "leave"):
                break
    outcome = {"status": 0, "bundle": "/x.offrecord", "ended": "over", "counts": {"recorded": 1}}
    print(json.dumps({"outcome": outcome}), flush=True)


if __name__ == "__main__":
    main()
