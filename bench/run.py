#!/usr/bin/env python3
"""Measures xtgateway beside its peers. What the numbers mean stands in bench/README.md."""
import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time

from harness import chart, peers, report
from harness.measuring import run
from harness.processes import FILES, Failed
from harness.result import Result, number
from harness.scenarios import SCENARIOS

RESULTS = peers.ROOT / "bench" / "results"
DOCUMENT = peers.ROOT / "docs" / "performance.md"
CHART = peers.ROOT / "docs" / "performance.svg"
MARKS = ("<!-- make bench -->\n", "<!-- /make bench -->\n")


def first_line(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().partition("\n")[0]


def environment():
    def version(name, *argv):
        found = re.search(r"\d+\.\d+(\.\d+)?", first_line(*argv))
        return f"{name} {found.group()}" if found else f"{name} ?"
    cpu = first_line("sh", "-c", "sed -n 's/^model name[^:]*: //p' /proc/cpuinfo") or platform.machine()
    return {
        "revision": first_line("git", "-C", str(peers.ROOT), "describe", "--always", "--dirty"), "kernel": platform.release(), "cpu": cpu,
        "cpus": len(os.sched_getaffinity(0)), "open_files": FILES,
        "versions": [version("nginx", peers.program("nginx"), "-v"), version("haproxy", peers.program("haproxy"), "-v"),
                     version("Swift", "swift", "--version"), version("libuv", "pkg-config", "--modversion", "libuv"),
                     version("libcurl", "pkg-config", "--modversion", "libcurl"), version("Python", sys.executable, "--version")],
    }


def show(row):
    cells = [f"{row['scenario']:15}", f"{row['peer']:12}"]
    for key, title, digits in report.columns(row["scenario"]):
        if row.get(key) is not None:
            cells.append(f"{title}: {number(row[key], digits)}")
    print("  ".join(cells), f"  load average {row['load_average']:.1f}", flush=True)
    if row["failures"]:
        print(f"  FAILED: {row['report']['failed']}, first: {row['report']['first_failure']}", flush=True)


def measure(names, chosen, repetitions, keep):
    """Every row is kept at once, so that a run that was broken off was not for nothing."""
    rows, skipped = [], {}
    for name in names:
        scenario = SCENARIOS[name]
        wanted = [peer for peer in scenario.peers if peer in chosen]
        if "two loops" in wanted and not peers.supports_workers():
            skipped[name] = "the gateway has no `workers`"
        streams = scenario.load["streams"]
        if 2 * streams + 200 > FILES:
            skipped[name] = f"{streams:,} streams need more than the {FILES:,} open files that are allowed"
        if name in skipped:
            print(f"{name:15}  skipped: {skipped[name]}", flush=True)
            continue
        for _ in range(repetitions):
            for peer in wanted:
                rows.append(run(name, scenario, peer))
                show(rows[-1])
                keep(rows, skipped)
    return rows


def newest():
    found = sorted(RESULTS.glob("*.json"))
    if not found:
        raise Failed("there is no result yet in bench/results")
    return found[-1]


def write_document(result):
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    if not rest or not after and not rest.endswith(MARKS[1]):
        raise Failed(f"{DOCUMENT.name} lacks its marks")
    DOCUMENT.write_text(before + MARKS[0] + "\n" + report.markdown(result) + "\n" + MARKS[1] + after)
    CHART.write_text(chart.svg(result))
    print(f"written: docs/{DOCUMENT.name}, docs/{CHART.name}")


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"{', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--peers", help=f"of {', '.join(peers.PEERS)}; default: those of the scenario")
    parser.add_argument("--repeat", type=int, default=5, help="repetitions, the peers in turn; default: 5")
    parser.add_argument("--quick", action="store_true", help="one repetition")
    parser.add_argument("--no-build", action="store_true", help="take the binaries of .build/release as they are")
    parser.add_argument("--gateway", metavar="PATH", help="another build of xtgateway, to compare with")
    parser.add_argument("--markdown", nargs="?", const="", metavar="RESULT", help="only print the tables of a result; default: the newest")
    parser.add_argument("--document", nargs="?", const="", metavar="RESULT",
                        help="only write the tables and the chart of a result to docs/; default: the newest")
    parser.add_argument("--micro", action="store_true", help="the parsers and encoders by themselves, see scripts/bench --micro --help")
    options = parser.parse_args()
    for name in options.scenarios:
        if name not in SCENARIOS:
            parser.error(f"unknown scenario {name}")
    for name in options.peers.split(",") if options.peers else []:
        if name not in peers.PEERS:
            parser.error(f"unknown peer {name}")
    if options.repeat < 1:
        parser.error("--repeat is at least 1")
    return options


def load_result(path):
    with open(path or newest()) as file:
        return Result(json.load(file))


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.markdown is not None:
        return print(report.markdown(load_result(options.markdown)))
    if options.document is not None:
        return write_document(load_result(options.document))
    if options.gateway:
        peers.gateway = os.path.abspath(options.gateway)
    chosen = options.peers.split(",") if options.peers else peers.PEERS
    if not options.no_build and subprocess.run(["scripts/build"], cwd=peers.ROOT).returncode != 0:
        raise Failed("cannot build")
    peers.build_floor()
    if "twin" in chosen:
        peers.build_twin()
    begun, about = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), environment()
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{begun}.json"

    def keep(rows, skipped):
        path.write_text(json.dumps({"begun": begun, "environment": about, "skipped": skipped, "rows": rows}, indent=1))

    rows = measure(options.scenarios or list(SCENARIOS), chosen, 1 if options.quick else options.repeat, keep)
    if not rows:
        raise Failed("nothing was measured")
    result = load_result(path)
    path.with_suffix(".svg").write_text(chart.svg(result))
    print("\n" + report.markdown(result))
    print(f"written: {path.relative_to(peers.ROOT)} and its chart")
    return 1 if any(row["failures"] for row in rows if row["peer"] in ("gateway", "two loops")) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
