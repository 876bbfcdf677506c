"""Child processes on CPUs of their own, and what the kernel says of them."""
import os
import resource
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


class Failed(Exception):
    pass


class Process:
    """A child with the hard limit of open files and its own CPUs; ended by its own pid and no other. `ahead`: it waits for nobody else on
    them, as far as the machine allows that."""

    def __init__(self, argv, log, cpus, ahead=False, **streams):
        def prepare():
            resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
            os.sched_setaffinity(0, cpus)
            if ahead:
                go_ahead()

        self.log = log
        with open(log, "ab") as errors:
            self.child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stderr=streams.pop("stderr", errors),
                                          stdout=streams.pop("stdout", errors), preexec_fn=prepare, start_new_session=True, **streams)

    @property
    def pid(self):
        return self.child.pid

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.child.wait()

    def tail(self):
        return "".join(Path(self.log).read_text(errors="replace").splitlines(keepends=True)[-15:])

    def wait_for(self, url):
        """Until it answers anything but an error."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise Failed(f"{self.child.args[0]} ended with {self.child.returncode}:\n{self.tail()}")
            try:
                with urllib.request.urlopen(url, timeout=2):
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        raise Failed(f"{url} does not answer:\n{self.tail()}")


def go_ahead():
    """Real-time priority for this process; without the right to it everything stays as it is, which `is_ahead` tells."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pass


def is_ahead(pid):
    return os.sched_getscheduler(pid) == os.SCHED_FIFO


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_sets(workers):
    """One CPU a worker for the peer, the last one for the tools. Where there are too few, the tools share theirs with a worker."""
    cpus = sorted(os.sched_getaffinity(0))
    return set(cpus[:max(1, min(workers, len(cpus)))]), {cpus[-1]}


def family(pid):
    """The process and its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_us(pid):
    """User and system time of a process and its children so far, in microseconds: by their CPU clocks, which the kernel gives in
    nanoseconds where /proc/PID/stat has steps of ten milliseconds. Threads that have ended are in it."""
    # MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) of the kernel, which is what clock_getcpuclockid(3) gives.
    return sum(time.clock_gettime_ns(~each << 3 | 2) / 1000 for each in family(pid))


def children_cpu_us():
    """The same of this process's own children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1e6


def thread_cpu_us(pid):
    """The same by thread; those that have ended are missing."""
    return {task.name: int((task / "schedstat").read_text().split()[0]) / 1000 for task in Path(f"/proc/{pid}/task").iterdir()}


def _sum(pid, file, names):
    sums = dict.fromkeys(names, 0)
    for each in family(pid):
        for line in Path(f"/proc/{each}/{file}").read_text().splitlines():
            name = line.partition(":")[0]
            if name in sums:
                sums[name] += int(line.split()[1])
    return sums


def memory_kib(pid):
    """Resident, anonymous and proportional memory of a process and its children now."""
    sums = _sum(pid, "smaps_rollup", ("Rss", "Pss", "Anonymous"))
    return {"resident": sums["Rss"], "proportional": sums["Pss"], "anonymous": sums["Anonymous"]}


def reset_peak(pid):
    """Sets the peak of the resident memory to what it is now."""
    for each in family(pid):
        Path(f"/proc/{each}/clear_refs").write_text("5")


def peak_kib(pid):
    return _sum(pid, "status", ("VmHWM",))["VmHWM"]


def descriptors(pid):
    return sum(len(os.listdir(f"/proc/{each}/fd")) for each in family(pid))
