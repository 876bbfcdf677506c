"""Upgrades under load: a reload of nginx, and restarts of one gateway of two, lose no request and send none twice."""

import asyncio
import json
import re
import subprocess
import time
from collections import Counter

import programs
from chat import body, numbers
from rawhttp import Stream

CHAT = "/v1/chat/completions"
CLIENTS = 24
# In the file: how long a gateway that was down is left alone, so how long to wait between two restarts.
FAIL_TIMEOUT = 5


class Load:
    """Clients that ask one thing after the other, each thing once, until they are told to stop."""

    def __init__(self, nginx):
        self.nginx, self.going, self.asked, self.problems = nginx, True, 0, []

    async def client(self, number):
        async with self.nginx.async_client() as http:
            count = 0
            while self.going:
                count += 1
                await self.ask(http, f"text-{number}-{count}-end", stream=count % 2 == 0)
                await asyncio.sleep(0.03)

    async def ask(self, http, text, stream):
        self.asked += 1
        try:
            answer = await http.post(CHAT, json=body(f"@echo {text}", stream=stream))
            if answer.status_code != 200:
                self.problems.append((text, answer.status_code, answer.text))
            elif stream:
                parsed = Stream.parse(answer.content)
                if parsed.text() != text or not parsed.done:
                    self.problems.append((text, answer.text))
            elif answer.json()["choices"][0]["message"]["content"] != text:
                self.problems.append((text, answer.text))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong with a request is what this looks for
            self.problems.append((text, repr(error)))

    async def run(self, changes):
        clients = [asyncio.create_task(self.client(number)) for number in range(CLIENTS)]
        await asyncio.sleep(0.5)
        try:
            await asyncio.to_thread(changes)
        finally:
            await asyncio.sleep(0.5)
            self.going = False
            await asyncio.gather(*clients)


class CurlLoad:
    """Requests made beforehand, by curl, which keeps a connection as long as it can: httpx does not understand the GOAWAY with which
    nginx announces the end of one. A request that finds its idle connection closed is asked again, as every client has to; one that nginx
    had taken shows in the access log, and as sent twice."""

    CLIENTS, REQUESTS = 8, 120

    def __init__(self, nginx, folder):
        self.asked, self.folder = self.CLIENTS * self.REQUESTS, folder
        self.processes = [self.start(nginx, client) for client in range(self.CLIENTS)]

    def start(self, nginx, client):
        blocks = []
        for number in range(self.REQUESTS):
            ask = json.dumps(body(f"text-{client}-{number}-end\n@pace 10 @say 5", stream=True))
            options = {
                "url": nginx.url + CHAT, "header": "Content-Type: application/json", "oauth2-bearer": programs.API_KEY, "data": ask,
                "cacert": nginx.certificate / "fullchain.pem", "output": self.folder / f"{client}-{number}.sse",
            }
            lines = [f"{name} = {json.dumps(str(value), ensure_ascii=False)}" for name, value in options.items()]
            blocks.append("\n".join([*lines, "http2", "fail-with-body", "no-buffer", "retry = 2", "retry-delay = 1", "retry-all-errors"]))
        config = self.folder / f"{client}.curl"
        config.write_text("\nnext\n".join(blocks))
        return subprocess.Popen(["curl", "-sS", "-K", config], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    @property
    def going(self):
        return all(process.poll() is None for process in self.processes)

    @property
    def problems(self):
        for process in self.processes:
            errors = process.communicate(timeout=60)[1]
            assert process.returncode == 0, errors
        streams = [Stream.parse(path.read_bytes()) for path in self.folder.glob("*.sse")]
        assert len(streams) == self.asked
        return [stream for stream in streams if not stream.done or numbers(stream.text()) != list(range(5))]


def sent(simulator):
    """How often each text reached the upstream."""
    texts = [json.loads(request["body"])["text"] for request in simulator.get("/_requests") if "/chat/completions" in request["target"]]
    return Counter(re.search(r"text-\d+-\d+-end", text).group() for text in texts)


def check(load, simulator):
    assert load.problems == []
    counts = sent(simulator)
    print(f"{load.asked} requests, {len(counts)} sent, none lost and none twice")
    assert len(counts) == load.asked > 100
    assert set(counts.values()) == {1}


def test_a_reload_of_nginx(start_gateway, start_nginx, simulator, tmp_path):
    nginx = start_nginx(start_gateway(), start_gateway())
    load = CurlLoad(nginx, tmp_path)
    for _ in range(3):
        time.sleep(0.7)
        assert load.going, "the load ended before the reload"
        nginx.reload()
    check(load, simulator)
    logged = [json.loads(line) for line in nginx.access_log.splitlines() if CHAT in line]
    assert [line["status"] for line in logged] == [200] * load.asked


def test_restarts_of_one_gateway_of_two(start_gateway, start_nginx, simulator):
    gateways = [start_gateway(), start_gateway()]
    nginx = start_nginx(*gateways)
    load = Load(nginx)

    def changes():
        for index in (0, 1):
            old = gateways[index]
            assert old.stop() == 0
            time.sleep(0.5)
            gateways[index] = start_gateway(port=old.port)
            time.sleep(FAIL_TIMEOUT + 1)

    asyncio.run(load.run(changes))
    check(load, simulator)
    # Both took part all the time: nobody was left out for good.
    assert all("\"msg\":\"request\"" in gateway.err for gateway in gateways)
