"""Starting and stopping the two programs under test."""

import base64
import functools
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import evidence
import httpx
import httpx._transports.default as transports

# Loading the machine's certificates takes 60 to 200 ms, and every `httpx.get` would do it again: too long for whoever polls.
transports.create_ssl_context = functools.cache(transports.create_ssl_context)

PROJECT = pathlib.Path(__file__).resolve().parents[2]
GATEWAY = pathlib.Path(os.environ.get("E2E_GATEWAY", PROJECT / ".build/release/xtgateway")).resolve()
SIMULATOR = pathlib.Path(os.environ.get("E2E_SIMULATOR", PROJECT / ".build/release/xstech-simulator")).resolve()
# Every gateway's number of loops, unless a test says otherwise.
WORKERS = os.environ.get("E2E_WORKERS", "")

# Goes into messages here and there: no text of a message may ever be logged.
SECRET_TEXT = "whispered-7f3a91"
API_KEY = "sk-e2e-5d1c7a"

CRASHES = re.compile(r"Fatal error|Crash|Assertion|precondition|Sanitizer|Segmentation|stack trace", re.IGNORECASE)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def refuses(port):
    """Whether nobody listens. A connection that waits to be accepted when its listener closes is reset, which is no refusal yet."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass
    return False


def wait_until(condition, what, seconds=30.0):
    """Polls; the limit only ends a test that would hang."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.01)
    raise AssertionError(f"still waiting after {seconds} s: {what}")


class Program:
    """A child process with its output in files; it sees no variable of the machine's but PATH."""

    def __init__(self, folder, name, arguments, environment=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.out_path, self.err_path = folder / f"{name}.out", folder / f"{name}.err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(
                [str(argument) for argument in arguments],
                cwd=folder,
                env={"PATH": os.environ.get("PATH", ""), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def out(self):
        return self.out_path.read_text(errors="replace")

    @property
    def err(self):
        return self.err_path.read_text(errors="replace")

    @property
    def running(self):
        return self.process.poll() is None

    def wait(self, seconds=20):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not end within {seconds} s\n{self.err[-4000:]}") from None

    def stop(self, number=signal.SIGTERM):
        """Its exit status."""
        if self.running:
            self.process.send_signal(number)
        return self.wait()

    def memory(self):
        """Resident memory in bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024


class Simulator(Program):
    def __init__(self, folder, *options, port=0):
        assert SIMULATOR.is_file(), f"{SIMULATOR} is missing: build it with `make build`"
        super().__init__(folder, "xstech-simulator", [SIMULATOR, "--port", port, *options])
        self.url = wait_until(self._address, "the simulator's address")
        self._accounts = 0

    def _address(self):
        assert self.running, f"the simulator ended at once\n{self.err}"
        found = re.search(r"listening on (http://\S+)\n", self.out)
        return found and found.group(1)

    def token(self):
        """The token of an account that no other test has had."""
        self._accounts += 1
        return f"token-{self._accounts}"

    def web_token(self):
        """The same in the service's usual form, a JWT; the simulator knows any with its own signature."""
        self._accounts += 1
        parts = [{"alg": "none", "typ": "JWT"}, {"userId": 900_000 + self._accounts, "exp": int(time.time()) + 86400}]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*encoded, "c2ltdWxhdG9y"])

    def get(self, path):
        return httpx.get(self.url + path).raise_for_status().json()

    def counts(self, token):
        """What became of an account's completions: started, finished, failed, cancelled, in_flight, …"""
        return next(account for account in self.get("/_stats")["accounts"] if account["name"] == token)

    def sessions(self, token):
        return [session for session in self.get("/_sessions") if session["account"] == token]


class Gateway(Program):
    """A gateway with a configuration file of its own on a free port."""

    def __init__(self, folder, config, environment=None, secrets=()):
        assert GATEWAY.is_file(), f"{GATEWAY} is missing: build it with `make build`"
        self.port = config.get("port") or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = API_KEY
        self.secrets = [SECRET_TEXT, *secrets]
        # As much as it can say, for the last test to look through.
        self.config = {"log": {"level": "trace"}, **config, "port": self.port}
        names = evidence.configuration(self.config, environment)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "gateway.json").write_text(json.dumps(self.config))
        (folder / "gateway.json").chmod(0o600)
        if WORKERS and "workers" not in config:
            environment = {"XTGATEWAY_WORKERS": WORKERS, **(environment or {})}
        super().__init__(folder, "xtgateway", [GATEWAY, "serve", "--config", folder / "gateway.json"], environment)
        for path in [self.out_path, self.err_path, self.config.get("log", {}).get("file")]:
            if path:
                evidence.FILES[pathlib.Path(path)] = names

    @property
    def token(self):
        """Of its first account, which no other gateway has."""
        return self.config["cookies"][0]["authorization"]

    def await_health(self):
        wait_until(self._answers, "the gateway's /health")
        return self

    def _answers(self):
        assert self.running, f"the gateway ended at once with status {self.process.returncode}\n{self.err}"
        answer = self.get("/health")
        return answer is not None and answer.status_code in (200, 503)

    def get(self, path, **more):
        """The answer; None: the connection failed."""
        try:
            return httpx.get(self.url + path, timeout=30, **more)
        except httpx.TransportError:
            return None

    def await_models(self):
        headers = {"Authorization": f"Bearer {self.key}"}
        wait_until(lambda: (answer := self.get("/v1/models", headers=headers)) is not None and answer.status_code == 200, "the list of models")
        return self

    def end(self, number=signal.SIGTERM):
        """Stops it as an operator would and checks what it leaves behind."""
        assert self.running, f"the gateway ended by itself with status {self.process.returncode}\n{self.err[-4000:]}"
        self.await_rest()
        evidence.record("command-lines", pathlib.Path(f"/proc/{self.process.pid}/cmdline").read_bytes())
        status = self.stop(number)
        self.check_log()
        assert status == 0, f"exit status {status}\n{self.err[-4000:]}"

    def await_rest(self):
        """Every lease is given back, and nobody waits."""

        def rests():
            answer = self.get("/health")
            return answer is not None and (health := answer.json())["in_flight"] == 0 and health["queued"] == 0

        wait_until(rests, "the return of every lease")

    def check_log(self):
        log = self.err + self.out
        crash = CRASHES.search(log)
        assert not crash, f"the gateway's log speaks of a crash: {log[max(0, crash.start() - 500):][:4000]}"
        for secret in self.secrets:
            assert secret not in log, f"the log holds {secret!r}"
