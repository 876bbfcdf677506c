"""The benchmarks' own tools: what they count is what was there."""

import json
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

import httpx
import pytest
from programs import API_KEY, PROJECT

LOAD = pathlib.Path(os.environ.get("E2E_LOAD", PROJECT / ".build/release/xtgateway-load")).resolve()
sys.path.insert(0, str(PROJECT / "bench"))
from harness import chart, report  # noqa: E402 — they lie beside the benchmarks
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
    return report.Result({"begun": "20260102T030405Z", "environment": about, "rows": list(rows(costs))})


def test_goals_are_judged_by_ratios():
    table = report.goals_table(result({"nginx": 10.0, "floor": 8.0, "gateway": 9.0, "twin": 200.0, "direct": 1.0}))
    paced = next(line for line in table.splitlines() if "1,000 streams paced" in line)
    assert "| ≤ 1 × nginx | 0.90 (0.90 to 0.90) | yes | ≤ 1.1 × floor | 1.12 (1.12 to 1.12) | **no** |" in paced
    assert "9.09 (9.00 to 9.18) µs" in paced
    twin = next(line for line in table.splitlines() if line.startswith("| the same against the twin"))
    assert "| ≤ 0.1 × twin | 0.045" in twin and "| yes |" in twin
    idle = next(line for line in table.splitlines() if line.startswith("| idle resident memory"))
    assert "≤ 12 | 9.00 | yes | ≤ 8 | 9.00 | **no**" in idle


def test_the_chart_is_well_formed_and_cuts_what_is_far_beyond():
    drawing = chart.svg(result({"nginx": 10.0, "floor": 8.0, "gateway": 9.0, "twin": 200.0, "direct": 1.0}))
    root = xml.etree.ElementTree.fromstring(drawing)
    widths = [float(bar.get("width")) for bar in root.iter("{http://www.w3.org/2000/svg}rect") if bar.get("height") == "15"]
    assert max(widths) < 300 and "202" in drawing
