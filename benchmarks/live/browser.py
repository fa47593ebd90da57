"""What a 720p track costs by a browser, and what the same track costs from Janus directly: CPU of every process.

    python -m benchmarks.live.browser [--tracks 2] [--seconds 10]

People are made of aiortc in a process of their own and send VP8 coded before; Janus and they are not counted. Needs
Debian's janus, janus-demos and chromium. CPU time is counted, not wall time, so a busy machine tells much the same.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil

from recorder.call.browser.source import BrowserSource
from recorder.call.janus.source import JanusSource
from recorder.call.source import CallSource
from tests.e2e.janus_demos import demo_pages, demo_url
from tests.e2e.janus_room import ROOM, JanusServer, Publisher
from tests.recorder.call import senders
from tests.recorder.call.observed import ObservedCall, until

WIDTH, HEIGHT, FPS, KBPS = 1280, 720, 30, 1500


def coded_video(*_: object, **__: object) -> tuple[tuple[bytes, int], ...]:
    """Return two seconds of moving texture at 720p, 30 pictures a second and about 1.5 Mbit/s, as VP8 packets."""
    context = av.CodecContext.create("libvpx", "w")
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.bit_rate, context.time_base, context.framerate = KBPS * 1000, Fraction(1, 90000), Fraction(FPS)
    context.gop_size = 2 * FPS
    context.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"}
    texture = np.random.default_rng(1).integers(40, 220, (HEIGHT // 16, WIDTH // 16 * 2), np.uint8)
    texture = np.kron(texture, np.ones((16, 16), np.uint8))
    packets = []
    for number in range(2 * FPS):
        planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        planes[:HEIGHT] = texture[:, number * 4 : number * 4 + WIDTH]
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = number * 90000 // FPS, Fraction(1, 90000)
        packets += [(bytes(packet), packet.pts or 0) for packet in context.encode(frame)]
    return tuple(packets)


def publish(url: str, count: int, ready: multiprocessing.synchronize.Event) -> None:
    """Send so many people's tracks until killed."""
    coded = coded_video()
    senders.coded_pictures = lambda *_, **__: coded  # type: ignore[assignment]

    class Server:
        pass

    async def go() -> None:
        server, staying = Server(), []
        server.url = url  # type: ignore[attr-defined]
        for number in range(count):
            publisher = Publisher(server)  # type: ignore[arg-type]
            await publisher.join(f"P{number}", 400 + 100 * number, (100, 120, 120))
            staying.append(asyncio.create_task(_keep_alive(publisher)))
        ready.set()
        await asyncio.sleep(3600)

    asyncio.run(go())


async def _keep_alive(publisher: Publisher) -> None:
    while True:
        await asyncio.sleep(3)
        await publisher.link.request({"janus": "keepalive"}, event=False)


def cpu(outside: set[int]) -> dict[int, float]:
    """Return the CPU seconds of this process and those it started, by pid."""
    found = {}
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        try:
            if process.pid not in outside:
                times = process.cpu_times()
                found[process.pid] = times.user + times.system
        except psutil.Error:
            continue
    return found


async def measure(
    source: CallSource, count: int, seconds: float, outside: set[int]
) -> tuple[float, float, float]:
    """Return the cores that receiving takes, pictures a second of each track, and cores while nobody is received."""
    observed = ObservedCall(keep=2)
    running = asyncio.create_task(source.run(observed))
    await until(lambda: len(observed.people) >= count, within=60)
    await asyncio.sleep(3)
    idle = await _cores(seconds / 2, outside)
    for participant in list(observed.people):
        observed.received.add(participant)
        await source.receive(participant, True)
    await until(lambda: len(observed.pictures) >= count, within=60)
    await asyncio.sleep(3)
    before = observed.seen
    used = await _cores(seconds, outside)
    rate = (observed.seen - before) / seconds / count
    running.cancel()
    await asyncio.wait([running])
    await source.close()
    return used, rate, idle


async def _cores(seconds: float, outside: set[int]) -> float:
    begun, before = time.monotonic(), cpu(outside)
    await asyncio.sleep(seconds)
    after = cpu(outside)
    return sum(after[pid] - before.get(pid, 0.0) for pid in after) / (time.monotonic() - begun)


async def compare(most: int, seconds: float) -> None:
    """Print the table."""
    context = multiprocessing.get_context("spawn")
    print("| way | tracks | cores, nobody received | cores, all received | pictures a second |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        server = JanusServer(Path(folder))
        await server.start()
        try:
            async with demo_pages(server) as pages:
                for count in range(1, most + 1):
                    ready = context.Event()
                    people = context.Process(target=publish, args=(server.url, count, ready))
                    people.start()
                    await asyncio.to_thread(ready.wait, 60)
                    outside = {people.pid or 0} | {
                        p.pid for p in psutil.Process().children() if p.name() == "janus"
                    }
                    ways: dict[str, CallSource] = {
                        "Janus directly": JanusSource(f"janus+ws://127.0.0.1:{server.port}/{ROOM}"),
                        "by a browser": BrowserSource(demo_url(pages, "videoroomtest.html")),
                    }
                    for name, source in ways.items():
                        used, rate, idle = await measure(source, count, seconds, outside)
                        print(f"| {name} | {count} | {idle:.2f} | {used:.2f} | {rate:.1f} |", flush=True)
                    people.kill()
                    people.join()
                    await asyncio.sleep(62)  # Janus lets go of them
        finally:
            await server.kill()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    asyncio.run(compare(given.tracks, given.seconds))


if __name__ == "__main__":
    main()
