#!/usr/bin/env python3
"""What the parsers and encoders cost by themselves: time (medians of the best runs' half), instructions and allocations an event."""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / ".build-micro"
PROGRAM = SCRATCH / "release" / "XTGatewayMicrobench"
sys.path.insert(0, str(ROOT / "Tests" / "gates"))
import callgrind  # noqa: E402 — it lies beside the gates

# Seconds of one timed run, about.
SECONDS = 0.15
COUNTED = 500


def build():
    command = ["swift", "build", "-c", "release", "--static-swift-stdlib", "-Xswiftc", "-use-ld=lld", "--scratch-path", SCRATCH,
               "--product", PROGRAM.name]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "XTGATEWAY_MICROBENCH": "1"}, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"cannot build {PROGRAM.name}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


def timed(case, times):
    output = subprocess.run([PROGRAM, str(case), str(times)], check=True, capture_output=True, text=True).stdout
    nanoseconds, events, count = (int(field) for field in output.split())
    return nanoseconds, events, count


def counted(case, folder):
    """Instructions and allocations of an event, from the difference of two runs."""
    def run(times):
        out = Path(folder) / f"{case}-{times}.out"
        subprocess.run(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}", PROGRAM, str(case), str(times)], check=True,
                       capture_output=True, env={**os.environ, "SWIFT_DETERMINISTIC_HASHING": "1"})
        return callgrind.read(out)
    few, many = run(COUNTED), run(2 * COUNTED)
    events = timed(case, COUNTED)[1]
    return (many["instructions"] - few["instructions"]) / events, (many["allocations"] - few["allocations"]) / events


def measure(case, repetitions, folder):
    times = 100
    while (taken := timed(case, times)[0]) < 2e7:
        times *= 4
    times = max(times, int(times * SECONDS * 1e9 / taken))
    runs = sorted((timed(case, times) for _ in range(repetitions)), key=lambda run: run[0])
    # What else the machine does only ever adds to a run.
    kept = runs[:(len(runs) + 1) // 2]
    events, count = kept[0][1], kept[0][2]
    nanoseconds = statistics.median(run[0] for run in kept)
    return nanoseconds / events, count / nanoseconds * 1e3, *counted(case, folder), count / events


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench --micro", description=__doc__)
    parser.add_argument("--micro", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--repeat", type=int, default=9, help="timed runs; default: 9")
    parser.add_argument("--no-build", action="store_true")
    options = parser.parse_args()
    if not options.no_build:
        build()
    print(f"load average {os.getloadavg()[0]:.1f}\n")
    print("| | bytes an event | ns an event | MB/s | instructions an event | allocations |\n|---|---|---|---|---|---|")
    listed = subprocess.run([PROGRAM], check=True, capture_output=True, text=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        for line in listed.splitlines():
            number, name, event = line.split("\t")
            time, rate, instructions, allocations, size = measure(int(number), options.repeat, folder)
            print(f"| {name} | {size:,.0f} a {event} | {time:,.1f} | {rate:,.0f} | {instructions:,.0f} | {allocations:.2f} |", flush=True)


if __name__ == "__main__":
    main()
