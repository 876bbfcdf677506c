"""The fault run: a pool of accounts of which at any time some fail in every way, under many clients at once.

Shows that whoever a healthy account could serve is served, exactly once and with his own answer; that healthy accounts share the work evenly;
that nobody is punished for somebody else's fault; and that nothing is in flight in the end. Bounded by the number of requests.
"""

import argparse
import asyncio
import collections
import dataclasses
import json
import pathlib
import random
import sys
import tempfile
import time
import urllib.request

import programs

MODEL = "xstech-openai::gpt-5.5"
ADMIN = "adm-fault-run"
# What an account does while it fails. The last three leave it open whether the message was worked on; here that may be tried again.
FAULTS = ["expired", "rate-limit=1", "http=500", "reset=0", "stall=0", "close=0"]
PUNISHABLE = {"expired", "rate-limit=1"}


@dataclasses.dataclass
class Plan:
    requests: int = 4000
    clients: int = 200
    accounts: int = 20
    # Accounts that never fail: their load is compared.
    healthy: int = 8
    failing_at_a_time: int = 5
    seconds_between_changes: float = 0.5
    # Between two of an answer's five pieces: long enough that a request's time is its answer's.
    pace_milliseconds: int = 150
    # Every so many requests one is refused for its content.
    refused_every: int = 40
    # After which an answer that stands still has failed.
    silence_milliseconds: int = 1000
    seed: int = 0


@dataclasses.dataclass
class Result:
    plan: Plan
    outcomes: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    wrong: list = dataclasses.field(default_factory=list)
    faults: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    accounts: list = dataclasses.field(default_factory=list)
    upstream: dict = dataclasses.field(default_factory=dict)
    health: dict = dataclasses.field(default_factory=dict)
    seconds: float = 0

    @property
    def healthy(self):
        return self.accounts[: self.plan.healthy]

    def spread(self, name):
        values = [self.upstream[account["name"]][name] for account in self.healthy]
        return max(values) - min(values)

    def failures(self, compares_load=True):
        """What was not as it has to be; empty: all is well. Loads can be compared where the machine does not hold the simulator up."""
        found = list(self.wrong[:10])
        served = self.outcomes["served"]
        for outcome, count in self.outcomes.items():
            if outcome not in ("served", "content_rejected"):
                found.append(f"{count} requests ended with {outcome}")
        if sum(self.outcomes.values()) != self.plan.requests:
            found.append(f"{sum(self.outcomes.values())} answers to {self.plan.requests} requests")
        finished = sum(account["finished"] for account in self.upstream.values())
        if finished != served:
            found.append(f"{finished} answers upstream for {served} served requests")
        for account in self.healthy:
            if (account["state"], account["failures"]) != ("ready", 0):
                found.append(f"{account['name']} was punished without a fault of its own: {account}")
        for account in self.accounts:
            if account["in_flight"] or self.upstream[account["name"]]["in_flight"]:
                found.append(f"{account['name']} still has requests in flight")
        if self.health["in_flight"] or self.health["queued"]:
            found.append(f"in flight or queued in the end: {self.health}")
        if compares_load and self.spread("most_in_flight") > 1:
            found.append(f"the load of healthy accounts differs by {self.spread('most_in_flight')}")
        return found

    def table(self):
        lines = [f"{'account':<10}{'state':<16}{'requests':>9}{'failures':>9}{'finished':>9}{'cut off':>9}{'most at a time':>16}"]
        for account in self.accounts:
            counts = self.upstream[account["name"]]
            lines.append(
                f"{account['name']:<10}{account['state']:<16}{account['requests']:>9}{account['failures']:>9}{counts['finished']:>9}"
                f"{counts['failed'] + counts['cancelled']:>9}{counts['most_in_flight']:>16}"
            )
        rate = self.plan.requests / self.seconds
        lines += [
            "",
            f"{self.plan.requests} requests of {self.plan.clients} clients in {self.seconds:.1f} s ({rate:.0f}/s), seed {self.plan.seed}",
            "ended: " + ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items())),
            "faults: " + ", ".join(f"{count} × {name}" for name, count in sorted(self.faults.items())),
            f"accounts that never failed: most at a time differs by {self.spread('most_in_flight')}, finished by {self.spread('finished')}",
        ]
        return "\n".join(lines)


class Client:
    """One keep-alive connection."""

    def __init__(self, port):
        self.port, self.reader, self.writer = port, None, None

    async def ask(self, text, streamed):
        """(status, text or error code, whether it ended as it has to)."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        body = json.dumps({"model": MODEL, "stream": streamed, "messages": [{"role": "user", "content": text}]}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        status = int(lines[0].split()[1])
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        payload = await self.chunks() if fields.get("transfer-encoding") == "chunked" else await self.reader.readexactly(int(fields["content-length"]))
        if fields.get("connection") == "close":
            self.close()
        return status, *(self.read_stream(payload) if fields["content-type"].startswith("text/event-stream") else self.read(payload))

    async def chunks(self):
        payload = b""
        while size := int(await self.reader.readline(), 16):
            payload += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readline()
        return payload

    @staticmethod
    def read(payload):
        answer = json.loads(payload)
        return (answer["error"]["code"], False) if "error" in answer else (answer["choices"][0]["message"]["content"], True)

    @staticmethod
    def read_stream(payload):
        data = [block[6:] for block in payload.decode().split("\n\n") if block.startswith("data: ")]
        values = [json.loads(value) for value in data if value != "[DONE]"]
        for value in values:
            if "error" in value:
                return value["error"]["code"], False
        text = "".join(choice["delta"].get("content") or "" for value in values for choice in value["choices"])
        return text, data.count("[DONE]") == 1 and data[-1] == "[DONE]"

    def close(self):
        if self.writer:
            self.writer.close()
        self.writer = None


class Run:
    def __init__(self, plan, simulator, gateway):
        self.plan, self.simulator, self.gateway = plan, simulator, gateway
        self.result = Result(plan)
        self.random = random.Random(plan.seed)
        self.left = iter(range(plan.requests))

    def get(self, url, data=None, admin=False):
        headers = {"Authorization": f"Bearer {ADMIN}"} if admin else {}
        request = urllib.request.Request(url, json.dumps(data).encode() if data is not None else None, headers)
        return json.load(urllib.request.urlopen(request, timeout=10))

    async def call(self, *arguments, **more):
        return await asyncio.to_thread(self.get, *arguments, **more)

    async def client(self):
        client = Client(self.gateway.port)
        for number in self.left:
            # Long enough for a few pieces, and nobody else's.
            nonce = f"{number:08d}-" + "".join(self.random.choices("abcdefghij", k=48))
            refused = number % self.plan.refused_every == 1
            text = f"@fault content {nonce}" if refused else f"@pace {self.plan.pace_milliseconds} @echo {nonce}"
            status, answer, whole = await client.ask(text, number % 2 == 0)
            if refused:
                self.result.outcomes[answer if status == 400 else f"{status} for a bad message"] += 1
            elif whole:
                self.result.outcomes["served"] += 1
                if answer != nonce:
                    self.result.wrong.append(f"{answer!r} instead of {nonce!r}")
            else:
                self.result.outcomes[f"{status} {answer}"] += 1
        client.close()

    async def inject(self):
        """Some fail at any time; every change heals the one that has failed the longest, and another begins."""
        control = self.simulator.url + "/_control"
        failing, healed = [], []
        while True:
            if len(failing) >= self.plan.failing_at_a_time:
                account, fault = failing.pop(0)
                if fault in PUNISHABLE:
                    healed = [account]
            candidates = set(range(self.plan.healthy + 1, self.plan.accounts + 1)) - {account for account, _ in failing}
            fault = self.random.choice(FAULTS)
            failing.append((self.random.choice(sorted(candidates)), fault))
            self.result.faults[fault] += 1
            await self.call(control, {"clear": True})
            for account, fault in failing:
                await self.call(control, {"fault": fault, "account": f"token-{account}"})
            # An operator renews what has expired.
            for account in healed:
                await self.call(f"{self.gateway.url}/admin/accounts/token-{account}/reset", {}, admin=True)
            healed = []
            await asyncio.sleep(self.plan.seconds_between_changes)

    async def run(self):
        begin = time.monotonic()
        injector = asyncio.create_task(self.inject())
        try:
            await asyncio.sleep(0.1)
            await asyncio.gather(*(self.client() for _ in range(self.plan.clients)))
        finally:
            injector.cancel()
            await asyncio.gather(injector, return_exceptions=True)
        self.result.seconds = time.monotonic() - begin
        self.get(self.simulator.url + "/_control", {"clear": True})
        programs.wait_until(lambda: self.get(self.simulator.url + "/_stats")["completions"]["in_flight"] == 0, "the upstream's rest")
        self.result.accounts = self.get(self.gateway.url + "/admin/accounts", admin=True)["accounts"]
        self.result.upstream = {account["name"]: account for account in self.get(self.simulator.url + "/_stats")["accounts"]}
        self.result.health = self.get(self.gateway.url + "/health")
        return self.result


def run(plan, folder):
    """Starts both programs, runs, stops them, and gives the result."""
    simulator = programs.Simulator(folder, "--accounts", plan.accounts, "--max-sessions", 1_000_000)
    try:
        names = [f"token-{number}" for number in range(1, plan.accounts + 1)]
        config = {
            "cookies": [{"authorization": name, "name": name} for name in names],
            "admin_key": ADMIN,
            "upstream": {
                "base_url": simulator.url,
                "first_byte_timeout_ms": plan.silence_milliseconds,
                "idle_timeout_ms": plan.silence_milliseconds,
            },
            # A quarter of the accounts failing is no failure of the upstream; each may be tried, since a healthy one could serve.
            "pool": {"max_concurrency": 32, "max_attempts": plan.accounts, "retry_ambiguous": True, "breaker_accounts": plan.accounts},
        }
        gateway = programs.Gateway(folder, config).await_health()
        try:
            gateway.key = ""
            programs.wait_until(lambda: "models on offer" in gateway.err, "the list of models")
            result = asyncio.run(Run(plan, simulator, gateway).run())
        finally:
            gateway.stop()
        gateway.secrets = [ADMIN]
        gateway.check_log()
        return result
    finally:
        simulator.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    for field in dataclasses.fields(Plan):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=field.type, default=field.default)
    arguments = parser.parse_args()
    plan = Plan(**vars(arguments))
    plan.seed = plan.seed or random.randrange(1 << 30)
    with tempfile.TemporaryDirectory(prefix="fault-run-") as folder:
        result = run(plan, pathlib.Path(folder))
    print(result.table())
    failures = result.failures()
    for failure in failures:
        print(f"FAILED: {failure}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
