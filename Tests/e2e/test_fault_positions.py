"""An upstream that breaks at every byte of every answer, in every way: each time the client gets the whole answer, or an honest error,
or what was said followed by an error; the message is sent once; the next request works; and in the end nothing is left over."""

import asyncio
import collections
import dataclasses
import itertools
import os
import re
import time

import httpx
import programs
from async_client import Client
from programs import API_KEY
from scripted_upstream import END, PIECES, RESET, SILENCE, TEXT, Fault, Peer, Upstream

ADMIN = "adm-positions-31c7"
SILENCE_MILLISECONDS = 4000
GARBAGE = b"\x00\xff\xfe{]garbage\r\n\r\n"
CALLS = ["create", "update", "completion"]
PREFIXES = ["".join(PIECES[:count]) for count in range(len(PIECES) + 1)]

KINDS = {
    "reset": lambda answer, at: [answer[:at], RESET],
    "end": lambda answer, at: [answer[:at], END],
    "silence": lambda answer, at: [answer[:at], SILENCE],
    "garbage": lambda answer, at: [answer[:at] + GARBAGE, END],
    "flipped": lambda answer, at: [answer[:at] + b"\x00" + answer[at + 1 :], Peer.listen_again],
}
CODES = {
    "reset": {"upstream_failed"},
    "end": {"upstream_failed"},
    "silence": {"upstream_timeout"},
    "garbage": {"upstream_failed", "upstream_bad_response", "upstream_empty"},
    # A length that cannot be read makes the answer one without end.
    "flipped": {"upstream_failed", "upstream_bad_response", "upstream_empty", "upstream_timeout"},
}


@dataclasses.dataclass
class Case:
    kind: str
    call: str
    at: int
    streamed: bool

    def steps(self, answer):
        return KINDS[self.kind](answer, self.at)


class Layout:
    """What lies where in a completion's answer."""

    def __init__(self, answer):
        self.parts, self.needed = [], []
        head = answer.index(b"\r\n\r\n") + 4
        self.parts.append(("head", head))
        data, offsets, at = b"", [], head
        while True:
            end = answer.index(b"\r\n", at) + 2
            size = int(answer[at:end], 16)
            self.parts.append(("chunk size" if size else "last chunk", end))
            if not size:
                self.parts[-1] = ("last chunk", len(answer))
                break
            self.parts.append(("chunk", end + size))
            self.parts.append(("chunk end", end + size + 2))
            data += answer[end : end + size]
            offsets += range(end, end + size)
            at = end + size + 2
        # How many bytes have to be there for the event to be known.
        self.needed = [offsets[match.end() - 1] + 1 for match in re.finditer(b"\n\n", data)]
        starts = [0, *(match.end() for match in re.finditer(b"\n\n", data))]
        # A line whose name is damaged is no `data` line, and ignored (the standard of event streams wants it so).
        self.names = {offsets[start + shift]: index for index, start in enumerate(starts[:-1]) for shift in range(-1 if start else 0, 5)}

    def pieces(self, at):
        return sum(needed <= at for needed in self.needed[: len(PIECES)])

    def has_record(self, at):
        return self.needed[len(PIECES)] <= at

    def part(self, at):
        return next((name for name, end in self.parts if at < end), "behind it")


def verdict(case, answer, layout, sent):
    """What is wrong with an answer; None: nothing."""
    whole = answer.is_whole(TEXT)
    if case.call != "completion":
        if sent != (1 if whole else 0):
            return f"the message was sent {sent} times"
    elif sent != 1:
        return f"the message was sent {sent} times"
    if answer.error is None and not whole:
        index = layout.names.get(case.at) if (case.kind, case.call) == ("flipped", "completion") else None
        left = "".join(piece for number, piece in enumerate(PIECES) if number != index)
        return None if index is not None and answer.is_whole(left) else "neither whole nor an error"
    if answer.error:
        if answer.code not in CODES[case.kind] or answer.error["type"] != "upstream_error":
            return "another error"
        if not answer.proper or answer.finish_reasons or answer.done:
            return "an error that does not end the answer properly"
        if answer.status != 200 and answer.status != (504 if answer.code == "upstream_timeout" else 502):
            return "another status"
    return must_be(case, answer, layout, whole)


def must_be(case, answer, layout, whole):
    if case.call != "completion":
        return "an error with text" if answer.text and not whole else None
    known, at = PREFIXES[layout.pieces(case.at)], case.at
    if case.kind == "flipped":
        return None if answer.text in PREFIXES else "not what was said"
    if layout.has_record(at):
        # A reset may take what has not been read, and garbage may spoil the rest.
        return None if whole or case.kind in ("reset", "garbage") and answer.text in PREFIXES else "not whole although the record was there"
    if case.kind == "garbage":
        # Garbage ends with line ends, which may complete what was there.
        return None if answer.text in PREFIXES and answer.text.startswith(known) or not case.streamed else "not what was said"
    if whole:
        return "whole without the record"
    if case.streamed and answer.text != known and not (case.kind == "reset" and known.startswith(answer.text)):
        return f"not exactly what was said: {known!r}"
    return None


class Run:
    def __init__(self, upstream, gateway, layout):
        self.upstream, self.gateway, self.layout = upstream, gateway, layout
        self.tried = collections.Counter()
        self.wrong = []
        self.numbers = itertools.count()
        self.healthy = 0

    async def worker(self, cases, model, follows_up):
        client = Client(self.gateway.port, API_KEY)
        for case in cases:
            text = f"message {next(self.numbers)}"
            self.upstream.plan(model, Fault(case.call, case.steps))
            answer = await client.ask(model, text, case.streamed)
            wrong = verdict(case, answer, self.layout, self.upstream.sent[text])
            if self.upstream.faults.pop(model):
                wrong = "the fault was never met"
            self.note(case, answer, wrong)
            if follows_up:
                answer = await client.ask(model, f"{text}, then", case.streamed)
                self.healthy += 1
                if not answer.is_whole(TEXT):
                    self.note(case, answer, "the request behind it went wrong")
        client.close()

    def note(self, case, answer, wrong):
        outcome = "whole" if answer.error is None else "error in the stream" if answer.status == 200 else "error"
        self.tried[case.kind, case.call, outcome] += 1
        if wrong:
            self.wrong.append(f"{case.kind} at {case.at} of {case.call} ({self.layout.part(case.at)}): {wrong}: {answer}")

    async def all(self, cases, workers, follows_up):
        cases = iter(cases)
        await asyncio.gather(*(self.worker(cases, f"m{number:03}", follows_up) for number in range(workers)))


class Place:
    """One gateway with one account in front of a scripted upstream."""

    def __init__(self, folder, upstream, **more):
        config = {
            "cookies": [{"authorization": "token-of-positions"}],
            "api_keys": [API_KEY],
            "admin_key": ADMIN,
            "models": {"prefix": ""},
            "upstream": {"base_url": upstream.url, **more},
            "pool": {"max_concurrency": 1000},
            "sessions": {"prepared_per_cookie": 0},
            "log": {"level": "debug"},
            # Each loop has connections of its own; here descriptors are counted.
            "workers": 1,
        }
        self.upstream = upstream
        self.gateway = programs.Gateway(folder, config, secrets=[API_KEY, ADMIN, "token-of-positions"])
        self.gateway.await_health().await_models()

    def admin(self, path):
        return httpx.get(f"{self.gateway.url}/admin/{path}", headers={"Authorization": f"Bearer {ADMIN}"}).raise_for_status().json()

    @property
    def descriptors(self):
        return len(os.listdir(f"/proc/{self.gateway.process.pid}/fd"))

    def check_rest(self):
        """Nothing is in flight, and the upstream holds what the gateway says it keeps, and nothing else."""
        self.gateway.await_rest()

        def agree():
            return len(self.upstream.sessions) == self.admin("sessions")["live"]

        programs.wait_until(agree, f"{len(self.upstream.sessions)} sessions to be those of {self.admin('sessions')}")
        sessions, (account,) = self.admin("sessions"), self.admin("accounts")["accounts"]
        assert (sessions["leased"], sessions["prepared"], account["in_flight"], account["state"]) == (0, 0, 0, "ready")

    def check_descriptors(self, descriptors):
        programs.wait_until(lambda: self.descriptors <= descriptors, f"no more than {descriptors} open descriptors")

    def end(self):
        self.gateway.end()
        assert not self.upstream.sessions, "sessions were left over"


def cases(samples, kinds):
    for kind in kinds:
        for call in CALLS:
            for at in range(len(samples[call])):
                yield Case(kind, call, at, streamed=at % 3 > 0)


async def play(tmp_path, kinds, workers, **more):
    upstream = await Upstream([f"m{number:03}" for number in range(workers)]).start()
    place = await asyncio.to_thread(Place, tmp_path, upstream, **more)
    client = Client(place.gateway.port, API_KEY)
    assert (await client.ask("m000", "first")).is_whole(TEXT)
    client.close()
    # Idle connections do not count.
    upstream.drop_connections()
    await asyncio.sleep(0.2)
    descriptors = place.descriptors
    samples = dict(upstream.samples)
    run = Run(upstream, place.gateway, Layout(samples["completion"]))
    try:
        await asyncio.wait_for(run.all(cases(samples, kinds), workers, "silence" not in kinds), 120)
        if run.wrong:
            return run
        await asyncio.to_thread(place.check_rest)
        upstream.drop_connections()
        await asyncio.to_thread(place.check_descriptors, descriptors)
        await asyncio.to_thread(place.end)
    finally:
        if place.gateway.running:
            place.gateway.process.kill()
            place.gateway.process.wait()
        await upstream.stop()
    return run


def table(runs):
    tried = sum((run.tried for run in runs), collections.Counter())
    outcomes = ["error", "error in the stream", "whole"]
    lines = ["", f"{'':<10}{'call':<12}{'positions':>10}" + "".join(f"{outcome:>21}" for outcome in outcomes)]
    for kind in KINDS:
        for call in CALLS:
            row = [tried[kind, call, outcome] for outcome in outcomes]
            lines.append(f"{kind:<10}{call:<12}{sum(row):>10}" + "".join(f"{count:>21}" for count in row))
    return "\n".join(lines)


def test_every_byte_of_every_answer(tmp_path, capsys):
    clocks = {"first_byte_timeout_ms": SILENCE_MILLISECONDS, "idle_timeout_ms": SILENCE_MILLISECONDS}

    async def all_kinds():
        return await asyncio.gather(
            play(tmp_path / "broken", ["reset", "end", "garbage"], 32),
            play(tmp_path / "flipped", ["flipped"], 64, **clocks),
            # All wait for the same clocks: many at a time.
            play(tmp_path / "silent", ["silence"], 300, **clocks),
        )

    begin = time.monotonic()
    runs = asyncio.run(all_kinds())
    with capsys.disabled():
        print(table(runs))
        print(f"{sum(run.healthy for run in runs)} healthy requests between them; {time.monotonic() - begin:.1f} s")
    wrong = [line for run in runs for line in run.wrong]
    assert not wrong, f"{len(wrong)} of them:\n" + "\n".join(wrong[:40])
