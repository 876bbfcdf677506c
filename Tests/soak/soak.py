#!/usr/bin/env python3
"""A chaos soak: random clients against random faults of the upstream, on the real binaries.

Clients are healthy, slow, vanishing or malformed; what the upstream does wrong is asked for message by message, so that it is known
which answers have to be right. Afterwards everything must be as before: nothing in flight, no descriptor, no session, no memory more.
"""

import argparse
import asyncio
import collections
import json
import pathlib
import random
import re
import sys
import tempfile
import time
import urllib.request

import harness
from harness import Broken, Client, Events, chat, content, request

sys.path.insert(0, str(harness.PROJECT / "Tests/differential"))
import inputs  # noqa: E402

CLIENTS = 48
# The faults that take an account away for good (a token that expired, no credits) have tests of their own.
FAULTS = ["http=500", "http=503", "http=429:1", "http=404", "envelope=1", "rate-limit=1", "model", "content", "html", "redirect", "slow-first=300",
          "error-first", "error-after=3", "stall=0", "stall=2", "reset=0", "reset=1", "reset=5", "close=0", "close=3", "truncate=0", "truncate=2",
          "garbage", "garbage=3", "empty", "gzip-header", "no-done,no-object", "slow-first=5000"]
# What is legal, and must not change an answer.
STYLES = ["split=1", "split=7", "crlf", "comments", "unknown-events", "no-code", "spaces", "lines", "escapes", "go-escapes", "no-done", "no-object",
          "long-ai-text", "slow-first=50"]
STATUSES = {200, 204, 400, 401, 403, 404, 405, 408, 413, 414, 415, 417, 429, 431, 500, 501, 502, 503, 504, 505}
CONFIG = {
    # Many, since an account rests for a while after each fault.
    "cookies": [{"authorization": f"token-{number}"} for number in range(1, 33)],
    "upstream": {"first_byte_timeout_ms": 2000, "idle_timeout_ms": 2000, "total_timeout_ms": 50000, "max_idle_seconds": 2},
    "pool": {"max_concurrency": 8, "cooldown_min_ms": 20, "cooldown_max_ms": 100, "breaker_accounts": 100, "queue_timeout_ms": 10000},
    "sessions": {"idle_timeout_seconds": 3, "cleanup_interval_seconds": 1, "prepared_per_cookie": 1},
    "limits": {"header_timeout_ms": 2000, "keep_alive_timeout_ms": 2000, "write_timeout_ms": 2000},
    "stream": {"keep_alive_seconds": 1},
    "log": {"level": "debug", "file": "gateway-debug.log"},
    "admin_key": "adm-soak-51e0", "metrics": {"key": "met-soak-902d"},
}


class Soak:
    def __init__(self, gateway, seed):
        self.gateway, self.port, self.random = gateway, gateway.port, random.Random(seed)
        self.generator = inputs.Generator(self.random)
        self.counts = collections.Counter()
        self.wrong = []
        self.number = 0
        self.deadline = 0.0

    # ---- healthy ----
    async def until_served(self, send):
        """Healthy requests may meet accounts that others' faults have put to rest: an honest refusal is tried again, a wrong answer never."""
        for _ in range(100):
            status, result = await send()
            if status == 200:
                return result
            assert status in (429, 502, 503, 504), f"status {status}: {result}"
            self.counts["healthy, refused honestly and tried again"] += 1
            await asyncio.sleep(0.1)
        raise AssertionError(f"refused a hundred times, at last with {status}: {result}")

    async def post(self, client, value):
        await client.send(request(value))
        status, _, body = await client.answer()
        return status, body

    async def whole(self):
        text = f"echo {self.unique()} 你好 \"\\ 🎉"
        style = self.random.choice(STYLES)
        client = await Client.connect(self.port)
        try:
            body = await self.until_served(lambda: self.again(client, chat(f"@fault {style} @echo {text}")))
            assert content(body).startswith(text), f"{content(body)!r} instead of {text!r}"
        finally:
            client.close()

    async def again(self, client, value):
        """On this connection, or on a new one where the last answer closed it."""
        if client.writer.is_closing() or client.reader.at_eof():
            client.reader, client.writer = vars(await Client.connect(self.port)).values()
        await client.send(request(value))
        status, headers, body = await client.answer()
        if headers.get("connection") == "close":
            client.close()
        return status, body

    async def streamed(self, pause=0.0, receive_buffer=None, pieces=None, styles=STYLES[:8]):
        count = pieces or self.random.randint(1, 60)
        pace = self.random.choice([0, 0, 2, 10])

        async def once():
            client = await Client.connect(self.port, receive_buffer)
            try:
                await client.send(request(chat(f"@fault {self.random.choice(styles)} @pace {pace} @say {count}", stream=True)))
                status, headers = await client.head()
                events, raw = Events(), b""
                async for part in client.body(headers):
                    raw += b"" if status == 200 else part
                    if status == 200:
                        events.feed(part)
                    if pause:
                        await asyncio.sleep(pause * self.random.random())
                if status != 200:
                    return status, raw
                assert events.ended(), f"an error in a healthy stream: {events.error}"
                return 200, events.text
            finally:
                client.close()

        text = await self.until_served(once)
        assert harness.numbers(text) == list(range(count)), f"{count} pieces, but {harness.numbers(text)[:100]}"

    async def slow_reader(self):
        await self.streamed(pause=0.05, receive_buffer=4096, pieces=self.random.randint(50, 400),
                            # Not in slices of one byte: so many writes at once keep the simulator busy for longer than any clock.
                            styles=STYLES[1:8])

    async def slow_sender(self):
        text = f"slow {self.unique()}"
        data = request(chat(f"@echo {text}"))

        async def once():
            client = await Client.connect(self.port)
            try:
                at = 0
                while at < len(data):
                    step = self.random.randint(1, 60)
                    await client.send(data[at : at + step])
                    at += step
                    await asyncio.sleep(0.02 * self.random.random())
                status, _, body = await client.answer()
                return status, body
            finally:
                client.close()

        assert content(await self.until_served(once)) == text

    async def conversation(self):
        """The upstream's session must know what was said, and nothing of anybody else's."""
        messages, said = [], []
        for turn in range(self.random.randint(2, 3)):
            said.append(f"turn {turn} of {self.unique()}")
            messages.append({"role": "user", "content": f"{said[-1]}\n@echo answer {turn}"})

            async def once():
                client = await Client.connect(self.port)
                try:
                    return await self.post(client, chat(messages))
                finally:
                    client.close()

            answer = content(await self.until_served(once))
            assert answer == f"answer {turn}", answer
            messages.append({"role": "assistant", "content": answer})
        messages.append({"role": "user", "content": "@memory"})
        memory = json.loads(content(await self.until_served(once)))
        # In its rounds; or, where its account rests from somebody's fault, replayed as text into a session elsewhere.
        self.counts["conversation: " + ("carried on" if memory["rounds"] else "replayed")] += 1
        known = json.dumps(memory, ensure_ascii=False)
        for text in said:
            assert text in known, f"{text!r} is forgotten: {known}"
        others = set(re.findall(r"#\d+", known)) - set(re.findall(r"#\d+", " ".join(said)))
        assert not others, f"it knows what others said: {others}"

    async def others(self):
        client = await Client.connect(self.port)
        try:
            for path in ("/health", "/v1/models", "/nowhere"):
                await client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {harness.KEY}\r\n\r\n".encode())
                status, _, body = await client.answer()
                assert status == (404 if path == "/nowhere" else 200), f"{path}: {status}"
                assert json.loads(body)
        finally:
            client.close()

    # ---- not so healthy ----
    async def faulty(self):
        """The upstream fails: the answer may be right or an honest error, but must be whole and in form."""
        fault, stream = self.random.choice(FAULTS), self.random.random() < 0.7
        client = await Client.connect(self.port)
        try:
            await client.send(request(chat(f"@fault {fault} @pace 2 @say 8", stream=stream)))
            status, headers = await client.head()
            assert status in (200, 400, 404, 429, 502, 503, 504), f"{fault}: {status}"
            events, raw = Events(), b""
            async for part in client.body(headers):
                if status == 200 and stream:
                    events.feed(part)
                else:
                    raw += part
            if status == 200 and stream:
                proper = events.ended()
                found = harness.numbers(events.text)
                assert found == list(range(len(found))), f"{fault}: {found}"
                self.counts[f"faulty: {'ended properly' if proper else 'error in the stream'}"] += 1
            elif status == 200:
                assert (found := harness.numbers(content(raw))) == list(range(len(found)))
                self.counts["faulty: answered"] += 1
            else:
                error = json.loads(raw)["error"]
                assert error["message"] and error["type"] and error["code"], error
                self.counts["faulty: refused"] += 1
        finally:
            client.close()

    async def vanishing(self):
        data = request(chat(f"@pace 5 @say {self.random.randint(1, 200)}", stream=self.random.random() < 0.8))
        client = await Client.connect(self.port, self.random.choice([None, 4096]))
        stage = self.random.random()
        try:
            if stage < 0.3:
                await client.send(data[: self.random.randrange(len(data))])
            elif stage < 0.4:
                # Several at once, and gone.
                await client.send(data * self.random.randint(2, 5))
            else:
                await client.send(data)
                if stage < 0.8:
                    await asyncio.wait_for(client.reader.read(self.random.choice([1, 1000, 100000])), 5)
            await asyncio.sleep(self.random.choice([0, 0, 0.01, 0.1]))
        except (ConnectionError, asyncio.TimeoutError):
            pass
        finally:
            client.reset() if self.random.random() < 0.5 else client.close()

    async def stuck(self):
        """Asks for a lot and reads nothing until it is cut off."""
        client = await Client.connect(self.port, 4096)
        try:
            await client.send(request(chat("@say 20000 512", stream=True)))
            await asyncio.sleep(4)
        finally:
            client.reset()

    async def malformed(self):
        self.generator.oddity = 0.3
        data = b"".join(self.generator.request() for _ in range(self.random.randint(1, 3)))
        data = self.generator.mutate(data) if self.random.random() < 0.5 else data
        client = await Client.connect(self.port)
        try:
            await client.send(data)
            client.writer.write_eof()
            answer = await client.ended()
            for line in answer.split(b"\r\n"):
                if line.startswith(b"HTTP/1.1 "):
                    assert int(line[9:12]) in STATUSES, line
            assert not answer or answer.startswith(b"HTTP/1.1 "), answer[:200]
            self.counts[f"malformed: {'answered' if answer else 'closed'}"] += 1
        except ConnectionError:
            self.counts["malformed: closed"] += 1
        finally:
            client.close()

    # ---- the mixture ----
    def unique(self):
        self.number += 1
        return f"#{self.number}"

    async def worker(self):
        kinds = {self.whole: 20, self.streamed: 25, self.slow_reader: 3, self.slow_sender: 4, self.conversation: 8, self.others: 6,
                 self.faulty: 20, self.vanishing: 20, self.stuck: 0.3, self.malformed: 15}
        while time.monotonic() < self.deadline:
            kind = self.random.choices(list(kinds), list(kinds.values()))[0]
            try:
                await asyncio.wait_for(kind(), 90)
                self.counts[kind.__name__] += 1
            except (AssertionError, Broken, asyncio.TimeoutError, OSError, ValueError, KeyError) as error:
                self.wrong.append(f"{kind.__name__}: {type(error).__name__} {error}")
                if len(self.wrong) > 20:
                    return

    # ---- who runs it ----
    def look(self, path, key, method="GET"):
        query = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {key}"}, method=method)
        with urllib.request.urlopen(query, timeout=30) as answer:
            return answer.read().decode()

    def operate(self, turn):
        """What an operator and a monitor do: look at everything, switch accounts off and on, reload."""
        admin, metrics = self.gateway.config["admin_key"], self.gateway.config["metrics"]["key"]
        text = self.look("/metrics", metrics)
        workers = len(re.findall(r"^xtgateway_loop_busy_ratio\{", text, re.MULTILINE))
        assert workers == harness.WORKERS, f"metrics of {workers} loops"
        for account in json.loads(self.look("/admin/accounts", admin))["accounts"]:
            assert 0 <= account["in_flight"] <= account["capacity"], f"an account beyond its capacity: {account}"
        assert json.loads(self.look("/admin/sessions", admin))["leased"] >= 0
        name = f"cookie-{turn % 8 + 1}"
        self.look(f"/admin/accounts/{name}/disable", admin, "POST")
        self.look(f"/admin/accounts/{name}/enable", admin, "POST")
        if turn % 3 == 0:
            self.gateway.reload({"stream": {"keep_alive_seconds": 1 + turn % 2}})
        self.counts["operator's rounds"] += 1

    async def operator(self):
        turn = 0
        while time.monotonic() < self.deadline:
            await asyncio.sleep(1)
            turn += 1
            try:
                await asyncio.to_thread(self.operate, turn)
            except (AssertionError, OSError, ValueError, KeyError) as error:
                self.wrong.append(f"operator: {type(error).__name__} {error}")

    async def run(self, seconds):
        self.deadline = time.monotonic() + seconds
        await asyncio.gather(self.operator(), *(self.worker() for _ in range(CLIENTS)))


class Quiet:
    """The gateway's state when nobody asks for anything."""

    def __init__(self, gateway, simulator):
        begun = time.monotonic()

        def at_rest():
            health = gateway.health()
            return health["in_flight"] == 0 and health["queued"] == 0 and health["sessions"] == 0

        harness.wait_until(at_rest, "nothing in flight, every conversation expired", gateway, 60)
        # Idle connections close within two seconds, prepared sessions stay.
        prepared = gateway.config["sessions"]["prepared_per_cookie"] * len(gateway.config["cookies"])
        try:
            harness.wait_until(lambda: simulator.sessions() <= prepared, "the upstream's sessions deleted", gateway, 180)
        except AssertionError:
            raise AssertionError(f"{simulator.sessions()} sessions stay upstream, {prepared} prepared ones may: {gateway.health()}") from None
        self.seconds = time.monotonic() - begun
        # libcurl closes idle upstream connections when it needs one the next time: they are counted apart.
        samples = []
        for _ in range(60):
            time.sleep(0.1)
            samples.append(gateway.descriptors(simulator.port))
        self.descriptors, self.upstream = min(samples)
        self.memory, self.sessions = gateway.memory_kib(), simulator.sessions()

    def __str__(self):
        return (f"{self.descriptors} descriptors and {self.upstream} upstream connections, {self.sessions} sessions upstream, "
                f"{self.memory} KiB resident, {self.seconds:.0f} s after the last client")


def soak(folder, seconds, seed, checks_memory):
    simulator = harness.Simulator(folder)
    gateway = harness.Gateway(folder, simulator, CONFIG)
    failures = []
    try:
        chaos = Soak(gateway, seed)
        # Memory that is kept for good (buffers, caches, the allocator's own) is not counted as a leak.
        asyncio.run(chaos.run(max(5, min(60, seconds / 6))))
        chaos.counts.clear()
        before = Quiet(gateway, simulator)
        print(f"before: {before}", flush=True)
        asyncio.run(chaos.run(seconds))
        peak = gateway.peak_kib()
        after = Quiet(gateway, simulator)
        print(f"after:  {after}, peak {peak} KiB", flush=True)
        for name, count in sorted(chaos.counts.items()):
            print(f"  {count:8}  {name}")
        failures += chaos.wrong
        if after.descriptors > before.descriptors:
            failures.append("descriptors leak")
        if after.upstream > CLIENTS + len(gateway.config["cookies"]):
            failures.append("upstream connections leak")
        if checks_memory and after.memory > before.memory + max(16384, before.memory // 2):
            failures.append("memory leaks")
    except AssertionError as error:
        failures.append(str(error))
    if not gateway.running:
        failures.append(f"the gateway ended by itself with {gateway.process.returncode}")
    status = gateway.stop()
    if status != 0:
        failures.append(f"the gateway's exit status is {status}")
    log = gateway.text + (folder / "gateway-debug.log").read_text(errors="replace")
    if crash := harness.CRASHES.search(log):
        failures.append(f"the log speaks of a crash: {log[max(0, crash.start() - 500):][:4000]}")
    if harness.KEY in log or "token-1" in log:
        failures.append("the log holds a key")
    if simulator.running and (left := simulator.sessions()):
        failures.append(f"{left} sessions are left upstream")
    if simulator.stop() != 0:
        failures.append("the simulator failed")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", nargs="?", type=int, default=600, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--no-memory-bound", action="store_true", help="memory is only printed (sanitizers keep what was freed)")
    options = parser.parse_args()
    harness.raise_file_limit()
    print(f"{CLIENTS} clients for {options.seconds} s, seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="xtgateway-soak-") as folder:
        failures = soak(pathlib.Path(folder), options.seconds, options.seed, not options.no_memory_bound)
    for failure in failures[:20]:
        print(f"WRONG: {failure}")
    print("soak: " + (f"{len(failures)} things wrong" if failures else "all right"))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
