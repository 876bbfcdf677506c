"""The two programs, the clients, and what befalls them."""

import asyncio
import collections
import json
import pathlib
import random
import subprocess
import tempfile

import httpx
import programs
from programs import wait_until

from . import wire
from .clients import Client
from .oracle import Oracle, Violation

KEYS = ["sk-prop-a", "sk-prop-b", "sk-prop-c"]
ACCOUNTS = 8
LOGGED = 100_000
# As the upstream calls a session.
NAMELESS = "新对话"
WISHES = {
    "upstream": {"first_byte_timeout_ms": 3000, "idle_timeout_ms": 3000, "total_timeout_ms": 6000},
    "sessions": {"idle_timeout_seconds": 2, "cleanup_interval_seconds": 1},
    "pool": {"max_concurrency": 24, "max_attempts": 3, "breaker_accounts": 64, "breaker_window_ms": 20, "cooldown_min_ms": 50,
             "cooldown_max_ms": 100, "affinity_wait_ms": 500, "queue_timeout_ms": 3000},
    "log": {"level": "debug"},
}


def known(wishes):
    """Those of the settings that this gateway has."""
    printed = subprocess.run([programs.GATEWAY, "check-config"], capture_output=True, cwd="/", env={"PATH": ""}, text=True)
    config = json.loads(printed.stdout)
    return {name: {key: value for key, value in group.items() if key in config.get(name, {})} for name, group in wishes.items()}


class World:
    """`calm`: nothing fails by itself, and so every follow-up has to find its session. Else everything does that can.

    `only`: the clients that take part, None for all; `skip`: steps (client, number) left out.
    """

    def __init__(self, seed, folder, steps, calm, clients=60, only=None, skip=()):
        self.seed, self.folder, self.steps, self.calm = seed, pathlib.Path(folder), steps, calm
        self.only, self.skip = only, set(skip)
        self.number_of_clients = clients
        self.oracle = Oracle()
        self.outcomes = collections.Counter()
        self.read = 0
        self.looked_at = 0
        self.killed = []
        self.orphans = set()

    def count(self, request, note):
        self.outcomes[request.answer.outcome] += 1

    def run(self):
        self.simulator = programs.Simulator(
            self.folder, "--accounts", ACCOUNTS, "--record-requests", LOGGED, "--max-sessions", 100_000, "--piece-bytes", 48)
        self.upstream_port = int(self.simulator.url.rsplit(":", 1)[1])
        self.wishes = known(WISHES)
        if self.calm:
            self.wishes["sessions"]["idle_timeout_seconds"] = 600
        self.gateways = []
        try:
            keyed, anonymous = self.gateway(api_keys=KEYS), self.gateway(allow_anonymous=True)
            clients = self._clients(keyed, anonymous)
            for epoch, end in enumerate(["kill", "restart", "last"]):
                asyncio.run(self._epoch(epoch, clients, keyed, end))
                self.check()
                if end == "last":
                    break
                if keyed.running:
                    self._stop(keyed)
                else:
                    self._note_orphans(keyed)
                keyed = self.gateway(api_keys=KEYS, port=keyed.port)
                for client in clients:
                    if client.key:
                        client.gateway, client.is_live = keyed, False
            self._finish([keyed, anonymous])
            return self
        finally:
            for program in [*self.gateways, self.simulator]:
                if program.running:
                    program.process.kill()
                    program.process.wait()

    def gateway(self, **more):
        cookies = [{"authorization": f"token-{number + 1}"} for number in range(ACCOUNTS)]
        config = {"cookies": cookies, "upstream": {}, **self.wishes, **more}
        config["upstream"] = {**config["upstream"], "base_url": self.simulator.url}
        before = {NAMELESS, *self._sessions_by_name()}
        gateway = programs.Gateway(self.folder / f"gateway-{len(self.gateways)}", config)
        gateway.key = more.get("api_keys", [""])[0] or "none"
        self.gateways.append(gateway)
        gateway.await_health().await_models()
        # What it calls its sessions: it prepares some as soon as it can.
        gateway.calls_them = wait_until(lambda: set(self._sessions_by_name()) - before, "prepared sessions").pop()
        return gateway

    def _sessions_by_name(self):
        names = {}
        for session in self.simulator.get("/_sessions"):
            names.setdefault(session["name"], []).append(session["id"])
        return names

    def _stop(self, gateway):
        """A clean stop leaves nothing of its own, not even what it was just making."""
        gateway.end()
        sessions = self._sessions_by_name()
        nameless = set(sessions.get(NAMELESS, [])) - self.orphans if self.is_alone(gateway) else set()
        if own := sessions.get(gateway.calls_them, []) + sorted(nameless):
            raise Violation(f"after a clean stop of {gateway.calls_them} these sessions are left: {own}\n{gateway.err[-1500:]}")

    def is_alone(self, gateway):
        return not any(other.running for other in self.gateways)

    def _note_orphans(self, gateway):
        """A killed gateway leaves its sessions behind; what it had made and not yet named, nobody can recognise."""
        self.killed.append(gateway.calls_them)
        self.orphans |= set(self._sessions_by_name().get(NAMELESS, []))

    def _clients(self, keyed, anonymous):
        clients = []
        for number in range(self.number_of_clients):
            temper = "plain" if number % 12 == 0 else "any"
            if number % 4 == 3:
                clients.append(Client(self, number, "", None, anonymous, temper))
            else:
                key = KEYS[number % len(KEYS)]
                clients.append(Client(self, number, key, key, keyed, temper))
        return [client for client in clients if self.only is None or client.number in self.only]

    async def _epoch(self, epoch, clients, keyed, end):
        share = range(self.steps * epoch // 3, self.steps * (epoch + 1) // 3)

        async def live(client):
            for number in share:
                if (client.number, number) not in self.skip and client.gateway.running:
                    await client.step(number)

        tasks = [asyncio.create_task(live(client)) for client in clients]
        trouble = None if self.calm else asyncio.create_task(self._trouble(epoch))
        if end == "kill" and not self.calm:
            # In the middle of everything.
            while sum(task.done() for task in tasks) <= len(tasks) // 3:
                await asyncio.sleep(0.02)
            keyed.process.kill()
            keyed.process.wait()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        if trouble:
            trouble.cancel()
        for result in results:
            if isinstance(result, BaseException):
                raise result
        await wire.call(self.upstream_port, "POST", "/_control", {"clear": True})

    async def _trouble(self, epoch):
        """What goes wrong upstream by itself."""
        rng = random.Random(f"{self.seed}/trouble/{epoch}")
        while True:
            await asyncio.sleep(rng.uniform(0.1, 0.8))
            roll = rng.random()
            token = f"token-{rng.randint(1, ACCOUNTS)}"
            if roll < 0.5:
                call = rng.choice(["session.put", "session.create", "context-clear", "session.batch-delete", "session.list", "*"])
                fault = rng.choice(["http=500", "http=502", "envelope=500", "slow-first=100", "garbage", "stall=0", "reset=0"])
                await wire.call(self.upstream_port, "POST", "/_control", {"fault": fault, "call": call, "count": 1})
            elif roll < 0.7:
                fault = rng.choice(["http=503", "envelope=500", "slow-first=200"])
                await wire.call(self.upstream_port, "POST", "/_control", {"fault": fault, "account": token, "call": "*", "count": 4})
            else:
                # Behind the gateway's back.
                request = rng.choice(self.oracle.requests[-200:])
                if request.answer and request.answer.text.startswith('{"session":'):
                    memory = json.loads(request.answer.text)
                    await wire.call(self.upstream_port, "DELETE", f"/api/chat/session/{memory['session']}", token=memory["account"])

    def check(self):
        """Everything that the upstream heard since the last time."""
        log = self.simulator.get("/_requests")
        assert len(log) < LOGGED, "the upstream's log is full: fewer steps"
        dump = self.simulator.get("/_sessions")
        later = self.simulator.get("/_requests")[len(log) :]
        self.oracle.read(log[self.read :])
        self.log, self.read = log, len(log)
        self.looked_at += self.oracle.check_memory(dump, later)

    def _finish(self, gateways):
        wait_until(lambda: all(self._health(gateway)["in_flight"] == 0 for gateway in gateways), "the end of all requests")
        wait_until(lambda: not set(self.killed) & set(self._sessions_by_name()), "the deletion of what a killed gateway left behind", 20)
        if self.calm:
            self.oracle.check_hits()
        for gateway in gateways:
            self._stop(gateway)
        totals = self.simulator.get("/_stats")["completions"]
        if totals["in_flight"]:
            raise Violation(f"the upstream still answers: {totals}")
        if totals["busy_refusals"]:
            raise Violation(f"two completions at a time in one session: {totals}")

    def _health(self, gateway):
        return httpx.get(gateway.url + "/health", timeout=5).json()

    @property
    def summary(self):
        oracle = self.oracle
        return (
            f"{len(oracle.requests)} requests ({dict(self.outcomes)}), {oracle.completions} completions: {oracle.fresh} new, "
            f"{oracle.hits} follow-ups, {oracle.replays} written out; {oracle.probes} probes, {self.looked_at} memories looked at"
        )


def run(seed, steps, calm, **options):
    with tempfile.TemporaryDirectory(prefix="xtgateway-property-") as folder:
        return World(seed, folder, steps, calm, **options).run()


def run_or_explain(seed, steps, calm, **options):
    """Runs; what fails is made smaller before it is told, as far as that is possible: clients do not always meet in the same order."""
    try:
        return run(seed, steps, calm, **options)
    except Violation as violation:
        raise AssertionError(shrink(seed, steps, calm, violation, options)) from None


def shrink(seed, steps, calm, violation, options, tries=12):
    """The trace of the smallest failure found."""
    who = {int(request.who.split()[1]) for request in violation.requests}
    smallest = dict(options)

    def fails(**more):
        nonlocal violation, tries
        tries -= 1
        try:
            run(seed, steps, calm, **{**smallest, **more})
        except Violation as again:
            smallest.update(more)
            violation = again
            return True
        return False

    if who and fails(only=who):
        for client in sorted(who):
            if len(smallest["only"]) > 1 and tries > 0:
                fails(only=smallest["only"] - {client})
        last = max((int(request.note.split()[1].rstrip(":")) for request in violation.requests), default=steps - 1)
        size = max(1, last // 2)
        skipped = {(client, step) for client in smallest["only"] for step in range(last + 1, steps)}
        at = 0
        while tries > 0 and size > 0:
            block = {(client, step) for client in smallest["only"] for step in range(at, min(at + size, last))}
            if block and fails(skip=skipped | block):
                skipped |= block
            at += size
            if at >= last:
                at, size = 0, size // 2
    again = f"seed {seed}, {steps} steps, {'calm' if calm else 'stormy'}"
    if "only" in smallest:
        again += f"; it takes no more than the clients {sorted(smallest['only'])} without the steps {sorted(smallest.get('skip', []))}"
    return f"{violation}\n({again})"
