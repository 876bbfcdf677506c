#!/usr/bin/env python3
"""Hostile clients by the thousand against the release binary, on loopback only.

Each attack is run beside normal clients, whose latencies are printed next to those without it. What is asserted is that they are served
rightly, that the attackers get what the limits say, and that memory is bounded; never a time.
"""

import argparse
import asyncio
import pathlib
import sys
import tempfile
import time

import harness
from harness import Broken, Client, Events, chat, content, request

POST = f"POST {harness.PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {harness.KEY}\r\nContent-Type: application/json\r\n".encode()
HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
SMUGGLED = b"GET /health HTTP/1.1\r\nHost: smuggled\r\n\r\n"
FAILURES = []


def check(condition, what):
    if not condition:
        FAILURES.append(what)
        print(f"WRONG: {what}", flush=True)


# ---- normal clients ----
class Normal:
    """Eight clients that ask one thing after the other, every other time one that the gateway answers without its upstream: the simulator
    shares the machine, and has all that the attackers asked for to write."""

    def __init__(self, port):
        self.port, self.chats, self.own, self.wrong = port, [], [], []

    async def ask(self, client, number, asks_upstream):
        begun = time.monotonic()
        await client.send(request(chat(f"@echo normal {number}")) if asks_upstream else HEALTH)
        status, _, body = await client.answer()
        (self.chats if asks_upstream else self.own).append(time.monotonic() - begun)
        if status != 200 or (asks_upstream and content(body) != f"normal {number}"):
            self.wrong.append(f"{status} {body[:200]}")

    async def worker(self, number, deadline):
        client = await Client.connect(self.port)
        try:
            while time.monotonic() < deadline:
                for asks_upstream in (True, False):
                    await self.ask(client, number, asks_upstream)
                await asyncio.sleep(0.01)
        except (Broken, OSError) as error:
            self.wrong.append(str(error))
        finally:
            client.close()

    async def run(self, seconds, delay=0):
        await asyncio.sleep(delay)
        deadline = time.monotonic() + seconds
        await asyncio.gather(*(self.worker(number, deadline) for number in range(8)))
        return self


def times(latencies):
    ordered = sorted(latencies)
    return "/".join(f"{1000 * ordered[min(len(ordered) - 1, int(len(ordered) * part))]:.1f}" for part in (0.5, 0.99, 1)) if ordered else "–"


async def beside(gateway, name, attack, seconds=6, delay=0):
    """Runs an attack beside normal clients, which begin after `delay`; prints what they felt of it."""
    while gateway.health()["in_flight"] > 0 or gateway.simulator.get("/_stats")["completions"]["in_flight"] > 0:
        await asyncio.sleep(0.2)
    alone = await Normal(gateway.port).run(2)
    memory = gateway.memory_kib()
    normal = Normal(gateway.port)
    (_, told) = await asyncio.gather(normal.run(seconds, delay), attack(gateway.port, seconds + delay))
    print(f"{name:23} {times(alone.own):>15} {times(normal.own):>17} {times(alone.chats):>17} {times(normal.chats):>20} {len(normal.own):6} "
          f"{memory:7} {gateway.memory_kib():7}  {told}", flush=True)
    check(not alone.wrong and not normal.wrong, f"{name}: normal clients: {(alone.wrong + normal.wrong)[:3]}")
    check(len(normal.own) >= 8, f"{name}: normal clients are not served")
    check(gateway.running, f"{name}: the gateway ended")
    return told


async def many(count, port, run):
    """What became of so many attackers, counted."""
    async def one():
        try:
            client = await Client.connect(port, 4096)
        except OSError as error:
            return f"not connected ({error})"
        try:
            return await run(client)
        except (Broken, ConnectionError):
            return "cut off"
        finally:
            client.reset()

    outcomes = {}
    for outcome in await asyncio.gather(*(one() for _ in range(count))):
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return outcomes


def slow_headers(count):
    async def attack(port, seconds):
        async def run(client):
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
            deadline = time.monotonic() + 3 * seconds
            answer = asyncio.create_task(client.ended())
            while not answer.done() and time.monotonic() < deadline:
                await client.send(b"X: y\r\n")
                await asyncio.wait([answer], timeout=0.5)
            text = await answer if answer.done() else b""
            answer.cancel()
            return text[9:12].decode() or "nothing"
        return await many(count, port, run)
    return attack


def slow_bodies(count):
    async def attack(port, seconds):
        async def run(client):
            await client.send(POST + b"Content-Length: 1000000\r\n\r\n{")
            answer = asyncio.create_task(client.ended())
            deadline = time.monotonic() + 20
            while not answer.done() and time.monotonic() < deadline:
                await client.send(b" ")
                await asyncio.wait([answer], timeout=1)
            text = await answer if answer.done() else b""
            answer.cancel()
            return text[9:12].decode() or "nothing"
        return await many(count, port, run)
    return attack


def slow_readers(count):
    async def attack(port, seconds):
        async def run(client):
            await client.send(request(chat("@say 4000 256", stream=True)))
            await client.head()
            # Not a byte is read for longer than the write clock allows.
            await asyncio.sleep(seconds + 8)
            tail = b""
            while part := await asyncio.wait_for(client.reader.read(65536), 20):
                tail = (tail + part)[-5:]
                if tail == b"0\r\n\r\n":
                    return "whole"
            return "cut off"
        return await many(count, port, run)
    return attack


def pipelines(count):
    """Requests without end, answers never read."""
    async def attack(port, seconds):
        async def run(client):
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                try:
                    await asyncio.wait_for(client.send(HEALTH * 200), 0.5)
                except asyncio.TimeoutError:
                    await asyncio.sleep(0.5)
            return "held"
        return await many(count, port, run)
    return attack


# ---- single shapes ----
LEGAL = POST + b"Content-Length: 2\r\n\r\n{}"
REFUSED = {
    "CL and TE": (POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "TE and CL": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n", 400),
    "two equal lengths": (POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
    "a list of lengths": (POST + b"Content-Length: 0, 0\r\n\r\n", 400),
    "a signed length": (POST + b"Content-Length: +0\r\n\r\n", 400),
    "an overflowing length": (POST + b"Content-Length: 18446744073709551616\r\n\r\n", 400),
    "obs-fold": (POST + b"X: a\r\n Content-Length: 40\r\nContent-Length: 0\r\n\r\n", 400),
    "a folded coding": (POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    "space before the colon": (POST + b"Content-Length : 0\r\n\r\n", 400),
    "bare LF": (POST.replace(b"\r\n", b"\n") + b"Content-Length: 0\n\n", 400),
    "bare LF between fields": (POST + b"X: a\nContent-Length: 40\r\n\r\n", 400),
    "bare CR": (POST + b"X: a\rContent-Length: 40\r\n\r\n", 400),
    "NUL": (POST + b"X: a\x00b\r\nContent-Length: 0\r\n\r\n", 400),
    "xchunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "a coding before chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked, identity": (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    "chunked twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "TE in 1.0": (POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a vertical tab": (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "no Host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /health\r\n\r\n", 400),
    "HTTP/2.0": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "a chunk too long": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", 400),
    "a chunk size of sixteen digits": (POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n", 400),
    "a chunk size with 0x": (POST + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk's bare LF": (POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n", 400),
    "endless extensions": (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1;" + b"a" * 5000 + b"\r\n{\r\n", 400),
    "endless trailers": (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 3000, 431),
    "a long target": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "many fields": (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
    "a large head": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 70000 + b"\r\n\r\n", 431),
    "a large body": (POST + b"Content-Length: 99999999\r\n\r\n", 413),
    "an unknown expectation": (POST + b"Expect: coffee\r\nContent-Length: 2\r\n\r\n{}", 417),
}


async def shapes(gateway):
    """Nothing behind a refused request is read as a request: one answer, then the end."""
    one = 0
    for name, (data, status) in REFUSED.items():
        for before in (b"", HEALTH):
            client = await Client.connect(gateway.port)
            try:
                await client.send(before + data + SMUGGLED * 3)
                text = await asyncio.wait_for(client.ended(), 20)
            finally:
                client.close()
            statuses = [int(part[:3]) for part in text.split(b"HTTP/1.1 ")[1:]]
            expected = ([200] if before else []) + [status]
            check(statuses == expected, f"{name}: answered {statuses}, expected {expected}: {text[:300]}")
            one += statuses == expected
    print(f"smuggling shapes: {one} of {2 * len(REFUSED)} refused as they should, and nothing read behind them", flush=True)

    # Early data after an answer that closes, byte by byte.
    client = await Client.connect(gateway.port)
    try:
        await client.send(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        for byte in SMUGGLED:
            await client.send(bytes([byte]))
        text = await asyncio.wait_for(client.ended(), 20)
        check(text.count(b"HTTP/1.1 ") == 1, f"answers behind Connection: close: {text[:500]}")
    except ConnectionError:
        pass
    finally:
        client.close()


async def one_too_many(gateway, limit):
    held = [await Client.connect(gateway.port) for _ in range(limit)]
    for client in held:
        await client.send(HEALTH)
        check((await client.answer())[0] == 200, "within max_connections")
    client = await Client.connect(gateway.port)
    text = await asyncio.wait_for(client.ended(), 10)
    client.close()
    check(text.startswith(b"HTTP/1.1 503 ") and b"too_many_connections" in text, f"one connection too many: {text[:200]}")
    for client in held:
        client.close()

    async def again():
        client = await Client.connect(gateway.port)
        try:
            await client.send(HEALTH)
            return (await client.answer())[0] == 200
        except Broken:
            return False
        finally:
            client.close()

    for _ in range(100):
        if await again():
            break
        await asyncio.sleep(0.05)
    else:
        check(False, "no connection is taken after there were too many")
    print(f"max_connections {limit}: one more gets 503, and it goes on when they are gone", flush=True)


async def out_of_descriptors(gateway):
    """Running streams go on while nothing can be accepted, and what waited is served afterwards."""
    streams = [await Client.connect(gateway.port) for _ in range(4)]
    for client in streams:
        await client.send(request(chat("@pace 20 @say 200", stream=True)))
        check((await client.head())[0] == 200, "a stream begins")
    flood, waiting = [], []
    for _ in range(200):
        flood.append(await Client.connect(gateway.port))
    await asyncio.sleep(0.5)
    reached = sum(gateway.descriptors(gateway.simulator.port))
    # These are in the kernel's backlog: connected, but not accepted.
    for client in flood[-20:]:
        await client.send(HEALTH)
        waiting.append(client)

    async def finish(client):
        events = Events()
        async for part in client.body({"transfer-encoding": "chunked"}):
            events.feed(part)
        return events.ended() and harness.numbers(events.text) == list(range(200))

    whole = await asyncio.gather(*(finish(client) for client in streams))
    check(all(whole), "running streams go on without descriptors")
    for client in streams + flood[:-20]:
        client.close()
    served = 0
    for client in waiting:
        try:
            status, _, _ = await asyncio.wait_for(client.answer(), 20)
            served += status == 200
        except (Broken, asyncio.TimeoutError):
            pass
        client.close()
    check(served == len(waiting), f"{served} of {len(waiting)} that waited were served")
    normal = await Normal(gateway.port).run(1)
    check(not normal.wrong and normal.own, f"after it: {normal.wrong[:3]}")
    print(f"out of descriptors: {reached} of 100 in use, 4 of 4 streams whole, {served} of {len(waiting)} that waited served afterwards",
          flush=True)


# ---- all of them ----
def attacked(folder, name, config, run, files=None):
    path = folder / name
    path.mkdir()
    simulator = harness.Simulator(path)
    gateway = harness.Gateway(path, simulator, config, files)
    gateway.simulator = simulator
    try:
        asyncio.run(run(gateway))
        check(gateway.running, f"{name}: the gateway ended")
    finally:
        status = gateway.stop()
        check(status == 0, f"{name}: exit status {status}\n{gateway.text[-2000:]}")
        check(not harness.CRASHES.search(gateway.text), f"{name}: {gateway.text[-3000:]}")
        simulator.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=1000, help="of each attack; default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="without the floods: a few seconds")
    parser.add_argument("--no-memory-bound", action="store_true", help="memory is only printed (sanitizers keep what was freed)")
    options = parser.parse_args()
    if harness.raise_file_limit() < 2 * options.connections + 500:
        parser.error("the hard limit of open files is too low for so many connections")
    count = options.connections
    limits = {"limits": {"header_timeout_ms": 2000, "write_timeout_ms": 10000, "max_connections": 5000}, "pool": {"max_concurrency": 1000},
              "sessions": {"idle_timeout_seconds": 5, "cleanup_interval_seconds": 1}}

    async def floods(gateway):
        print("latencies in ms, p50/p99/max: of the gateway's own answers alone and beside the attack, then of chats")
        print(f"{'attack':23} {'own, alone':>15} {'own, beside':>17} {'chats, alone':>17} {'chats, beside':>20} {'served':>6} {'KiB':>7} {'after':>7}"
              "  attackers")
        first = gateway.memory_kib()
        # Each is cut off by the clock that is meant for it.
        told = await beside(gateway, f"{count} slow headers", slow_headers(count))
        check(told == {"408": count}, f"slow headers: {told}")
        told = await beside(gateway, f"{count} slow bodies", slow_bodies(count), 12)
        check(told == {"408": count}, f"slow bodies: {told}")
        told = await beside(gateway, f"{count} slow readers", slow_readers(count), 4, delay=10)
        # The kernel's buffers may have taken the whole answer of some.
        check(set(told) <= {"cut off", "whole"} and told.get("cut off", 0) > count // 2, f"slow readers: {told}")
        await beside(gateway, f"{count // 5} endless pipelines", pipelines(count // 5))
        peak = gateway.peak_kib()
        bound = first + 4096 + 1000 * count
        print(f"memory: {first} KiB at first, {peak} KiB at most")
        check(options.no_memory_bound or peak < bound, f"more than {bound} KiB of memory")

    with tempfile.TemporaryDirectory(prefix="xtgateway-attacks-") as folder:
        folder = pathlib.Path(folder)
        attacked(folder, "shapes", {}, shapes)
        attacked(folder, "connections", {"limits": {"max_connections": 20}}, lambda gateway: one_too_many(gateway, 20))
        attacked(folder, "descriptors", {}, out_of_descriptors, files=100)
        if not options.quick:
            attacked(folder, "floods", limits, floods)
    print("attacks: " + (f"{len(FAILURES)} things wrong" if FAILURES else "all right"))
    return 1 if FAILURES else 0


if __name__ == "__main__":
    sys.exit(main())
