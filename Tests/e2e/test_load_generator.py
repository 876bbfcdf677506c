"""The benchmarks' own tools: what they count is what was there."""

import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import xml.etree.ElementTree

import httpx
import programs
import pytest
from programs import API_KEY, PROJECT

LOAD = pathlib.Path(os.environ.get("E2E_LOAD", PROJECT / ".build/release/xtgateway-load")).resolve()
sys.path.insert(0, str(PROJECT / "bench"))
from harness import chart, goals, processes  # noqa: E402 — they lie beside the benchmarks
from harness.result import Result  # noqa: E402
from harness.scenarios import SCENARIOS  # noqa: E402


def load(program, *options):
    """Its report and what it said on the way."""
    argv = [LOAD, "--port", program.url.rpartition(":")[2], "--key", API_KEY, *options]
    done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, timeout=120)
    result = json.loads(done.stdout)
    assert (done.returncode == 0) == (result["failures"] == 0)
    return result, done.stderr


def lookups(gateway):
    text = httpx.get(gateway.url + "/metrics", headers={"Authorization": "Bearer met-e2e"}).text
    lines = [line for line in text.splitlines() if line.startswith("xtgateway_conversation_lookups_total{")]
    return {line.split('"')[1]: int(float(line.split()[-1])) for line in lines}


def test_follow_ups_go_on_in_kept_sessions(start_gateway):
    gateway = start_gateway(pool={"max_concurrency": 64}, metrics={"key": "met-e2e"})
    result, said = load(gateway, "--streams", 4, "--requests", 20, "--no-stream", "--say", 1, "--follow-ups", 3)
    assert (result["ok"], result["failures"]) == (60, 0), "only the follow-ups are reported"
    assert said.split("\n")[0] == "prepared"
    found = lookups(gateway)
    assert found["hit"] == 60 and found.get("replay", 0) == 0


def test_failures_of_the_first_round_are_not_forgotten(simulator):
    result, _ = load(simulator, "--streams", 2, "--requests", 4, "--no-stream", "--text", "@say x", "--follow-ups", 1)
    assert result["failed"] == {"status_400": 8}


def test_a_document_must_stay_the_same(simulator):
    result, _ = load(simulator, "--get", "/v1/models", "--streams", 2, "--requests", 50)
    assert (result["ok"], result["failures"]) == (50, 0)
    changing, _ = load(simulator, "--get", "/_stats", "--streams", 1, "--requests", 5)
    assert changing["failed"] == {"other_document": 4}


@pytest.mark.parametrize("batch", [1, 16])
def test_a_batch_is_so_many_pieces_in_one_write(simulator, batch):
    result, _ = load(simulator, "--streams", 1, "--say", 64, "--batch", batch)
    assert (result["ok"], result["pieces"]) == (1, 64)
    if batch > 1:
        assert 0 < result["reads_of_several_pieces"] <= 64 / batch


def rows(costs, repetitions=3):
    for scenario in SCENARIOS:
        for repetition in range(repetitions):
            for peer, cost in costs.items():
                if peer in SCENARIOS[scenario].peers:
                    yield {"scenario": scenario, "peer": peer, "load_average": 1.0, "failures": 0, "report": {"ok": 10}, "idle_mib": 9.0,
                           **dict.fromkeys(["cpu_us_per_chunk", "cpu_us_per_request", "kib_per_stream", "latency_p50_ms", "latency_p99_ms"],
                                           cost * (1 + repetition / 100))}


def result(costs):
    about = {"revision": "0", "cpus": 2, "cpu": "<&>", "kernel": "6", "versions": ["nginx 1"]}
    return Result({"begun": "20260102T030405Z", "environment": about, "rows": list(rows(costs))})


def test_goals_are_judged_by_ratios():
    table = goals.goals_table(result({"nginx": 10.0, "floor": 8.0, "gateway": 9.0, "twin": 200.0, "direct": 1.0}))
    paced = next(line for line in table.splitlines() if "1,000 streams paced" in line)
    assert "| ≤ 1 × nginx | 0.90 (0.90 to 0.90) | yes | ≤ 1.1 × floor | 1.12 (1.12 to 1.12) | **no** |" in paced
    assert "9.09 (9.00 to 9.18) µs" in paced
    twin = next(line for line in table.splitlines() if line.startswith("| the same against the twin"))
    assert "| ≤ 0.1 × twin | 0.045" in twin and "| yes |" in twin
    idle = next(line for line in table.splitlines() if line.startswith("| idle resident memory"))
    assert "≤ 12 | 9.00 | yes | ≤ 8 | 9.00 | **no**" in idle


def latencies(*repetitions):
    """A result of `latency` from each repetition's p50 by peer, in µs; p99 is ten times as much."""
    about = {"revision": "0", "cpus": 2, "cpu": "a", "kernel": "6", "versions": []}
    rows = [{"scenario": "latency", "peer": peer, "load_average": 1.0, "failures": 0, "report": {"ok": 1}, "latency_p50_ms": value / 1000,
             "latency_p99_ms": value / 100} for by_peer in repetitions for peer, value in by_peer.items()]
    return Result({"begun": "20260102T030405Z", "environment": about, "rows": rows})


def added(found, quantile):
    return next(line for line in goals.goals_table(found).splitlines() if line.startswith("| added latency") and f", {quantile} |" in line)


def test_added_latency_is_a_repetitions_own():
    found = latencies({"direct": 30, "nginx": 60, "gateway": 75}, {"direct": 90, "nginx": 130, "gateway": 140}, {"direct": 31, "nginx": 61, "gateway": 61})
    assert [round(value) for value in found.values("latency", "gateway", "added_p50_us")] == [45, 50, 30]
    line = added(found, "p50")
    assert "1.25 (1.00 to 1.50): 45.0 (30.0 to 50.0) against 30.0 (30.0 to 40.0) µs" in line and "**no**" in line
    assert "nginx's own is within the 60.0 µs by which `direct` differs from itself" in line


def test_added_latency_within_the_noise_is_judged_all_the_same():
    found = latencies({"direct": 30, "nginx": 29, "gateway": 31}, {"direct": 31, "nginx": 29, "gateway": 30})
    line = added(found, "p50")
    assert "–: 0.0 (-1.0 to 1.0) against -1.5 (-2.0 to -1.0) µs" in line and "**no**" in line
    assert "yes" in added(latencies({"direct": 30, "nginx": 40, "gateway": 39}), "p99")


def test_latency_is_told_apart_to_the_microsecond(simulator):
    """Steps of one part in a thousand: many answers, hardly a latency twice."""
    found = {load(simulator, "--streams", 2, "--say", 40, "--pace", 1)[0]["piece_latency_ms"]["p50"] for _ in range(5)}
    assert len(found) > 2 and any(value != round(value, 3) for value in found)


def test_streams_begin_at_random_moments(simulator):
    result, _ = load(simulator, "--streams", 50, "--ramp-ms", 300, "--say", 2)
    assert (result["ok"], result["failures"]) == (50, 0) and result["seconds"] > 0.25


@pytest.fixture
def answering():
    """Starts a server that answers everything with one and the same stream of texts; gives its port."""
    servers = []

    def start(texts):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802 — as the library calls it
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                for text in texts:
                    self.wfile.write(b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n")
                self.wfile.write(b"data: [DONE]\n\n")

            def log_message(self, *_):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1].server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def numbered(count, rest=f"{'x' * 35}\""):
    return [f"t={number:016};n={number:06};{rest}" for number in range(count)]


@pytest.mark.parametrize(("change", "verdict"), [
    (lambda pieces: pieces, None),
    (lambda pieces: ["".join(pieces[:7])[:100], "".join(pieces)[100:]], None),
    (lambda pieces: pieces[:7] + pieces[8:], {"text": 1}),
    (lambda pieces: pieces[:7] + [pieces[6]] + pieces[8:], {"text": 1}),
    (lambda pieces: [*pieces, pieces[-1]], {"text": 1}),
    (lambda pieces: pieces[:7] + [pieces[7].replace("xx", "xy", 1)] + pieces[8:], {"text": 1}),
    (lambda pieces: pieces[:7] + [pieces[7].replace("t=0", "t=a")] + pieces[8:], {"text": 1}),
    (lambda pieces: pieces[:-1] + [pieces[-1][:-1]], {"text": 1}),
])
def test_a_piece_that_differs_is_noticed_behind_others_that_do_not(answering, change, verdict):
    port = answering(change(numbered(12)))
    argv = [LOAD, "--port", port, "--say", 12, "--streams", 1]
    done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, timeout=60)
    result = json.loads(done.stdout)
    assert result["failed"] == (verdict or {})
    assert verdict or result["pieces"] == 12


def test_cpu_time_is_finer_than_the_kernels_ticks():
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        before = processes.cpu_us(spinning.pid), processes.thread_cpu_us(spinning.pid)[str(spinning.pid)]
        programs.wait_until(lambda: processes.cpu_us(spinning.pid) > before[0] + 1000, "CPU time")
        used = processes.cpu_us(spinning.pid)
        assert used % 1000 != 0 or processes.cpu_us(spinning.pid) % 1000 != 0
        programs.wait_until(lambda: processes.thread_cpu_us(spinning.pid)[str(spinning.pid)] > before[1], "a thread's CPU time")
    finally:
        spinning.kill()
        spinning.wait()


def test_the_chart_is_well_formed_and_cuts_what_is_far_beyond():
    drawing = chart.svg(result({"nginx": 10.0, "floor": 8.0, "gateway": 9.0, "twin": 200.0, "direct": 1.0}))
    root = xml.etree.ElementTree.fromstring(drawing)
    widths = [float(bar.get("width")) for bar in root.iter("{http://www.w3.org/2000/svg}rect") if bar.get("height") == "15"]
    assert max(widths) < 300 and "202" in drawing
