"""`GET /metrics`: every family is there from the start, counts are right, and only those get it who may."""

import re
import shutil
import subprocess

import httpx
import programs
import pytest
from chat import stream

FAMILIES = """requests_total requests_in_flight time_to_first_token_seconds request_duration_seconds piece_interval_seconds pieces_total
sent_bytes_total upstream_requests_total upstream_duration_seconds failures_total retries_total failovers_total queue_length
queue_wait_seconds account_state account_in_flight account_capacity account_cooldown_seconds account_token_seconds_left account_credits
conversations conversation_lookups_total conversations_ended_total prepared_sessions loop_lag_seconds loop_busy_ratio connections
log_lines_dropped_total build_info""".split()
PROCESS = "process_resident_memory_bytes process_open_fds process_max_fds process_cpu_seconds_total process_start_time_seconds".split()


def scrape(url, **more):
    response = httpx.get(f"{url}/metrics", **more)
    assert response.status_code == 200 and response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return response.text


def value(text, sample):
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else None


@pytest.fixture
def open_gateway(start_gateway):
    return start_gateway(api_keys=[])


def test_every_family_is_there_from_the_start(open_gateway):
    typed = set(re.findall(r"^# TYPE (\S+)", scrape(open_gateway.url), re.MULTILINE))
    assert {f"xtgateway_{name}" for name in FAMILIES} | set(PROCESS) <= typed


def test_promtool_finds_nothing_wrong(open_gateway):
    if shutil.which("promtool") is None:
        pytest.skip("promtool (Debian's package prometheus) is not installed")
    stream(open_gateway, "@say 20")
    checked = subprocess.run(["promtool", "check", "metrics"], input=scrape(open_gateway.url), text=True, capture_output=True, timeout=20)
    assert checked.returncode == 0 and checked.stdout + checked.stderr == ""


def test_a_stream_is_counted(open_gateway):
    before = scrape(open_gateway.url)
    stream(open_gateway, "@say 20")
    after = scrape(open_gateway.url)
    request = 'xtgateway_requests_total{route="/v1/chat/completions",status="200",stream="true"}'
    assert value(before, request) is None and value(after, request) == 1
    assert value(after, "xtgateway_pieces_total") - value(before, "xtgateway_pieces_total") == 20
    assert value(after, "xtgateway_time_to_first_token_seconds_count") == 1
    assert value(after, 'xtgateway_upstream_requests_total{call="completion",outcome="ok"}') == 1
    assert value(after, "xtgateway_requests_in_flight") == 0
    assert value(after, "xtgateway_sent_bytes_total") > value(before, "xtgateway_sent_bytes_total") + 20 * 64
    assert value(after, "process_open_fds") > 5 and value(after, "process_resident_memory_bytes") > 1e6


def test_failures_are_counted_by_blame(open_gateway):
    stream(open_gateway, "@fault content")
    stream(open_gateway, "@fault error-after=2 @say 5")
    text = scrape(open_gateway.url)
    assert value(text, 'xtgateway_failures_total{blame="request"}') == 1
    assert value(text, 'xtgateway_failures_total{blame="upstream"}') == 1


def test_labels_hold_nothing_of_a_clients(open_gateway):
    httpx.get(f"{open_gateway.url}/v1/models/no-such-model")
    httpx.get(f"{open_gateway.url}/some/path/of/mine")
    text = scrape(open_gateway.url)
    assert "no-such-model" not in text and "/some/path" not in text
    assert value(text, 'xtgateway_requests_total{route="other",status="404",stream="false"}') == 1


def test_behind_api_keys_it_needs_a_key_of_its_own(start_gateway):
    closed = start_gateway()
    assert httpx.get(f"{closed.url}/metrics").json()["error"]["code"] == "unknown_url"
    keyed = start_gateway(metrics={"key": "metrics-key-of-mine"})
    assert httpx.get(f"{keyed.url}/metrics").status_code == 401
    assert httpx.get(f"{keyed.url}/metrics", headers={"authorization": f"Bearer {keyed.key}"}).status_code == 401
    scrape(keyed.url, headers={"authorization": "Bearer metrics-key-of-mine"})


def test_a_listener_of_its_own_is_open(start_gateway):
    port = programs.free_port()
    start_gateway(metrics={"listen": f"127.0.0.1:{port}"})
    scrape(f"http://127.0.0.1:{port}")
    assert httpx.get(f"http://127.0.0.1:{port}/v1/models").status_code == 404
