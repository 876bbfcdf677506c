"""One run: one peer under one scenario's load."""
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import peers
from .processes import Failed, Process, children_cpu_us, cpu_sets, cpu_us, descriptors, is_ahead, memory_kib, peak_kib, reset_peak, thread_cpu_us

LONGEST_FORGETTING = 90
WARM_UP = {"streams": 64, "requests": 128, "say": 20, "pace": 5}


def load(folder, cpus, port, options, on_line=None, ahead=False):
    """Runs the load generator; `on_line` gets what it says on the way. `ahead`: of everything else on its CPU."""
    argv = [peers.BINARIES / "xtgateway-load", "--port", port, "--timeout-s", 300, "--request-timeout-s", 200]
    for name, value in options.items():
        argv += [f"--{name}"] if value is True else [f"--{name}", value]
    generator = Process(argv, folder / "load.log", cpus, ahead, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if ahead and not is_ahead(generator.pid):
        sys.stderr.write("the load generator may not have real-time priority: latencies hold the simulator's time slices\n")
    try:
        for line in generator.child.stderr:
            line = line.decode(errors="replace").rstrip()
            if "streams open" not in line and line != "prepared":
                sys.stderr.write(line + "\n")
            elif on_line:
                on_line(line)
        report = generator.child.stdout.read()
        generator.child.wait(30)
        return json.loads(report)
    except ValueError:
        raise Failed("the load generator gave no report") from None
    finally:
        generator.stop()


class Meter:
    """What a peer and the tools have used since it was set, and how much memory the peer takes."""

    def __init__(self, peer, simulator):
        self.peer, self.simulator = peer, simulator
        self.before = memory_kib(peer.pid)
        self.open = None
        self.set()

    def set(self):
        reset_peak(self.peer.pid)
        self.begun, self.cpu, self.threads = time.monotonic(), cpu_us(self.peer.pid), thread_cpu_us(self.peer.pid)
        self.tools = self._tools()

    def _tools(self):
        return children_cpu_us() + cpu_us(self.simulator.pid)

    def line(self, text):
        if text == "prepared":
            self.set()
        else:
            self.open = memory_kib(self.peer.pid)

    def read(self, report, scenario):
        seconds, cpu = time.monotonic() - self.begun, cpu_us(self.peer.pid) - self.cpu
        threads = [now - self.threads.get(name, 0) for name, now in thread_cpu_us(self.peer.pid).items()]
        result = {
            "cpu_us": cpu, "cpu_percent": cpu / seconds / 1e4, "tools_percent": (self._tools() - self.tools) / seconds / 1e4,
            "memory_before_kib": self.before, "memory_open_kib": self.open, "memory_peak_kib": peak_kib(self.peer.pid),
        }
        # A load of several loops is carried as far as the busiest of them gets.
        carried = max(threads) if len(threads) > 1 and sum(threads) > 0.9 * cpu else cpu
        if report["pieces"] and cpu:
            result |= {"cpu_us_per_chunk": cpu / report["pieces"], "chunks_per_core_second": report["pieces"] / carried * 1e6}
        if report["ok"] and cpu:
            result |= {"cpu_us_per_request": cpu / report["ok"], "requests_per_core_second": report["ok"] / carried * 1e6}
        # Where they were never all open at once, the peak is not theirs.
        if self.open:
            result["kib_per_stream"] = (result["memory_peak_kib"] - self.before["resident"]) / scenario.load["streams"]
        return result


def settle(peer, scenario, kept, before):
    """How the memory is some time after the load, with conversations forgotten where the scenario says so."""
    deadline = time.monotonic() + LONGEST_FORGETTING
    while scenario.forgets and peer.health().get("sessions", 0) and time.monotonic() < deadline:
        time.sleep(1)
    time.sleep(scenario.settle)
    memory, more = memory_kib(peer.pid), peer.health().get("sessions", 0) - kept
    result = {"memory_after_kib": memory, "memory_after_ratio": memory["resident"] / before["resident"], "conversations": more,
              "descriptors_after": descriptors(peer.pid)}
    if more > 100:
        result["bytes_per_conversation"] = (memory["anonymous"] - before["anonymous"]) * 1024 / more
    return result


def measure(folder, tools, simulator, peer, scenario, options):
    time.sleep(1.5)
    idle = memory_kib(peer.pid)
    load(folder, tools, peer.port, {"get": options["get"], "streams": 64, "requests": 640} if "get" in options else WARM_UP)
    time.sleep(0.5)
    before_descriptors, kept = descriptors(peer.pid), peer.health().get("sessions", 0)
    meter = Meter(peer, simulator)
    report = load(folder, tools, peer.port, options, meter.line, scenario.ahead)
    latency, first = report["piece_latency_ms"], report["ttft_ms"]
    result = meter.read(report, scenario) | {
        "report": report, "idle_mib": idle["resident"] / 1024, "idle_anonymous_mib": idle["anonymous"] / 1024,
        "failures": report["failures"], "chunks_per_s": report["pieces_per_s"], "requests_per_s": report["requests_per_s"],
        "latency_p50_ms": latency["p50"], "latency_p95_ms": latency["p95"], "latency_p99_ms": latency["p99"],
        "ttft_p50_ms": first["p50"], "ttft_p99_ms": first["p99"],
        "descriptors_before": before_descriptors,
    }
    if scenario.settle is not None:
        result |= settle(peer, scenario, kept, meter.before)
    return result


def run(name, scenario, peer_name):
    """One row of the results."""
    peer_cpus, tools = cpu_sets(2 if peer_name == "two loops" else 1)
    options = {**scenario.load, **scenario.lighter.get(peer_name, {})}
    row = {"scenario": name, "peer": peer_name, "at": time.strftime("%H:%M:%S", time.gmtime()), "load_average": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory(prefix="xtgateway-bench-") as folder:
        folder = Path(folder)
        simulator = peers.start_simulator(folder, tools)
        peer = simulator
        try:
            if peer_name != "direct":
                peer = peers.start(peer_name, folder, peer_cpus, simulator, scenario)
            row |= measure(folder, tools, simulator, peer, scenario, options)
            if peer.process.child.poll() is not None:
                raise Failed(f"{peer_name} ended by itself with {peer.process.child.returncode}:\n{peer.process.tail()}")
            if row["failures"]:
                sys.stderr.write(peer.process.tail())
        finally:
            if peer is not simulator:
                peer.process.stop()
            simulator.process.stop()
    return row
