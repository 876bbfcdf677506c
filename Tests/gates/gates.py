#!/usr/bin/env python3
"""Holds what a chunk and a request cost against gates.json: instructions and allocations, counted by callgrind."""

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

import callgrind
import lockstep

FOLDER = pathlib.Path(__file__).resolve().parent
FILE = FOLDER / "gates.json"
# Room above the committed values: hash seeds and the order of wake-ups make a difference.
ROOM = {"instructions": 1.03, "own": 1.03, "allocations": 1.02}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def count(binary, folder, name, work):
    """What the gateway has counted from its start to its end, with `work(client, upstream)` in between."""
    upstream, port = lockstep.Upstream(), free_port()
    config, out = folder / f"{name}.json", folder / f"{name}.out"
    config.write_text(json.dumps({
        "host": "127.0.0.1", "port": port, "upstream": {"base_url": f"http://127.0.0.1:{upstream.port}"}, "log": {"level": "error"},
        "cookies": [{"authorization": "token", "max_concurrency": 1000}], "sessions": {"prepared_per_cookie": 0}}))
    argv = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}", binary, "serve", "--config", config]
    log = open(folder / f"{name}.log", "w")
    gateway = subprocess.Popen(argv, stdout=log, stderr=log, env={**os.environ, "SWIFT_DETERMINISTIC_HASHING": "1"})
    try:
        deadline = time.monotonic() + 60
        while not lockstep.is_up(port):
            if gateway.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"error: the gateway did not start:\n{(folder / f'{name}.log').read_text()}")
            time.sleep(0.1)
        work(lockstep.Client(port, upstream), upstream)
        gateway.send_signal(signal.SIGTERM)
        if gateway.wait(timeout=60) != 0:
            sys.exit(f"error: the gateway ended with {gateway.returncode}")
    finally:
        gateway.kill()
    return callgrind.read(out)


def stream(pieces):
    def work(client, upstream):
        upstream.pieces = pieces
        client.stream()
    return work


def ask(conversations, rounds):
    def work(client, upstream):
        histories = [[] for _ in range(conversations)]
        for _ in range(rounds):
            for number, history in enumerate(histories):
                history.append({"role": "user", "content": f"question {len(history)} of {number:04}"})
                history.append({"role": "assistant", "content": client.ask(history)})
        # One more may be made to learn the upstream's time.
        assert upstream.sessions - conversations in (0, 1), f"{upstream.sessions} sessions for {conversations} conversations"
        assert upstream.completions == conversations * rounds
    return work


def measure(binary):
    """Differences of two runs, so that start and end drop out."""
    with tempfile.TemporaryDirectory() as folder:
        def run(name, work):
            return count(binary, pathlib.Path(folder), name, work)

        few, many = run("few-chunks", stream(80)), run("many-chunks", stream(880))
        asked, more, kept = run("asked", ask(20, 1)), run("asked-more", ask(120, 1)), run("kept", ask(120, 2))

    def cost(less, more, units):
        def each(key):
            return round((more[key] - less[key]) / units, 2 if key == "allocations" else None)
        return {"instructions": each("instructions"), "own": each(binary.name), "allocations": each("allocations")}

    return {"chunk": cost(few, many, 800), "request": cost(asked, more, 100), "request on a kept session": cost(more, kept, 120)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=pathlib.Path, default=FOLDER.parent.parent / ".build/release/xtgateway")
    parser.add_argument("--update", action="store_true", help="write what is measured to gates.json")
    options = parser.parse_args()
    gates = json.loads(FILE.read_text()) if FILE.exists() else {}
    measured, above, below = measure(options.binary.resolve()), [], []
    print(f"{'':26} {'':14} {'measured':>10} {'gate':>10}")
    for unit, costs in measured.items():
        for kind, value in costs.items():
            gate = gates.get("costs", {}).get(unit, {}).get(kind)
            print(f"{unit:26} {kind:14} {value:>10} {gate if gate is not None else '–':>10}")
            if gate is not None and value > gate * ROOM[kind] + (0.2 if kind == "allocations" else 0):
                above.append(f"{unit}: {value} {kind}, but the gate is {gate}")
            if gate and value < gate * 0.9:
                below.append(f"{unit}: {kind} went down from {gate} to {value}: lower the gate (scripts/gates --update)")
    if options.update:
        gates["costs"] = measured
        FILE.write_text(json.dumps(gates, indent=2, ensure_ascii=False) + "\n")
        return print(f"{FILE.name} was written")
    print(*below, sep="\n", end="\n" if below else "")
    if above:
        sys.exit("error: " + "\n       ".join(above) + "\nIf it has to be so: scripts/gates --update, with the reason in the commit.")
    print("Every cost is within its gate.")


if __name__ == "__main__":
    main()
