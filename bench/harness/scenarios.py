"""What is measured, and what it is held against."""
from dataclasses import dataclass, field


@dataclass
class Scenario:
    title: str
    # The load generator's options; none: the peer is only looked at.
    load: dict
    peers: list
    # Where a peer is so slow that the others' load would take minutes.
    lighter: dict = field(default_factory=dict)
    # Of the gateway, above the usual.
    configuration: dict = field(default_factory=dict)
    # Seconds to wait for the memory after the load; None: it is not looked at.
    settle: int | None = None
    # The load generator has real-time priority: what has arrived is read at once, instead of when the simulator's time slice of three
    # milliseconds is over, which has more to do for peers that speak its own protocol.
    ahead: bool = False
    # Conversations are let expire before the memory is looked at.
    forgets: bool = False


_NEVER_STREAMED = {"say": 1, "piece-bytes": 200, "no-stream": True}

SCENARIOS = {
    "flood": Scenario("64 streams as fast as possible, one chunk a write", {"streams": 64, "requests": 128, "ramp-ms": 100, "say": 2000, "batch": 1},
                      ["nginx", "haproxy", "floor", "gateway", "twin"], {"twin": {"requests": 64, "say": 1000}}),
    "bulk": Scenario("64 streams as fast as possible, 16 chunks a write", {"streams": 64, "requests": 2560, "ramp-ms": 100, "say": 2000, "batch": 16},
                     ["nginx", "haproxy", "floor", "gateway", "twin"], {"twin": {"requests": 64}}),
    "paced": Scenario("1,000 streams, a chunk every 50 ms", {"streams": 1000, "ramp-ms": 2000, "say": 100, "pace": 50},
                      ["direct", "nginx", "haproxy", "floor", "gateway", "twin"], {"twin": {"say": 40}}),
    "latency": Scenario("the same with the load generator ahead of the simulator", {"streams": 1000, "ramp-ms": 2000, "say": 100, "pace": 50},
                        ["direct", "nginx", "haproxy", "floor", "gateway"], ahead=True),
    "open-5000": Scenario("5,000 streams, a chunk every 500 ms", {"streams": 5000, "ramp-ms": 5000, "say": 30, "pace": 500},
                          ["nginx", "haproxy", "floor", "gateway"]),
    "open-9500": Scenario("9,500 streams, a chunk every 500 ms", {"streams": 9500, "ramp-ms": 8000, "say": 30, "pace": 500},
                          ["direct", "nginx", "haproxy", "floor", "gateway"], ahead=True),
    "new": Scenario("short answers, not streamed, each in a new conversation", {"streams": 64, "requests": 9600, **_NEVER_STREAMED},
                    ["nginx", "haproxy", "floor", "gateway", "twin"], {"twin": {"requests": 960}}),
    "kept": Scenario("short answers, not streamed, in conversations that go on",
                     {"streams": 64, "requests": 6400, "follow-ups": 4, **_NEVER_STREAMED},
                     ["nginx", "haproxy", "floor", "gateway", "twin"], {"twin": {"requests": 640}}),
    "models": Scenario("GET /v1/models", {"streams": 64, "requests": 60000, "get": "/v1/models"}, ["nginx return", "gateway"]),
    "loops-chunks": Scenario("one loop and two: 256 streams, 16 chunks a write",
                             {"streams": 256, "requests": 1280, "say": 2000, "batch": 16}, ["gateway", "two loops"]),
    "loops-requests": Scenario("one loop and two: 256 callers, conversations that go on",
                               {"streams": 256, "requests": 6400, "follow-ups": 4, **_NEVER_STREAMED}, ["gateway", "two loops"]),
    "after": Scenario("memory after 2,000 streams", {"streams": 2000, "ramp-ms": 1000, "say": 20, "pace": 250}, ["nginx", "gateway"],
                      configuration={"sessions": {"idle_timeout_seconds": 20, "cleanup_interval_seconds": 5}}, settle=30, forgets=True),
    "conversations": Scenario("7,000 new conversations, kept idle", {"streams": 64, "requests": 7000, "say": 1, "no-stream": True},
                              ["gateway"], settle=5),
    "unbuffered": Scenario("100 streams, a chunk every 50 ms", {"streams": 100, "ramp-ms": 1000, "say": 100, "pace": 50},
                           ["direct", "gateway"]),
}


@dataclass
class Goal:
    title: str
    scenario: str
    metric: str
    unit: str
    # Name of a peer and the largest ratio to it; or None and the largest value. A negative ratio is the smallest one that will do.
    least: tuple
    aim: tuple | None = None
    # Whose value it is.
    peer: str = "gateway"


GOALS = [
    Goal("CPU per chunk, 64 streams, one chunk a write", "flood", "cpu_us_per_chunk", "µs", ("nginx", 1.0), ("floor", 1.05)),
    Goal("CPU per chunk, 64 streams, 16 chunks a write", "bulk", "cpu_us_per_chunk", "µs", ("nginx", 1.5), ("floor", 1.2)),
    Goal("CPU per chunk, 1,000 streams paced at 50 ms", "paced", "cpu_us_per_chunk", "µs", ("nginx", 1.0), ("floor", 1.1)),
    Goal("added latency of a chunk, 1,000 paced streams, p50", "latency", "added_p50_us", "µs", ("nginx", 1.0)),
    Goal("added latency of a chunk, 1,000 paced streams, p99", "latency", "added_p99_us", "µs", ("nginx", 1.0)),
    Goal("memory per open stream, 5,000 streams", "open-5000", "kib_per_stream", "KiB", ("nginx", 1.0), ("haproxy", 1.0)),
    Goal("memory per open stream, 9,500 streams", "open-9500", "kib_per_stream", "KiB", ("nginx", 1.0), ("haproxy", 1.0)),
    Goal("failed of 9,500 paced streams", "open-9500", "failures", "", (None, 0)),
    Goal("latency of a chunk, 9,500 paced streams, p99", "open-9500", "latency_p99_ms", "ms", ("nginx", 1.0)),
    Goal("idle resident memory", "paced", "idle_mib", "MiB", (None, 12), (None, 8)),
    Goal("CPU per short request on a kept session", "kept", "cpu_us_per_request", "µs", ("nginx", 2.0), ("floor", 1.2)),
    Goal("the same against the twin", "kept", "cpu_us_per_request", "µs", ("twin", 0.1)),
    Goal("CPU per paced chunk against the twin", "paced", "cpu_us_per_chunk", "µs", ("twin", 0.2)),
    Goal("GET /v1/models, requests a second of one core", "models", "requests_per_core_second", "/s", ("nginx return", -0.8)),
    Goal("two loops with a core each, chunks a second, from CPU time", "loops-chunks", "chunks_per_core_second", "/s", ("gateway", -1.7), peer="two loops"),
    Goal("two loops with a core each, requests a second, from CPU time", "loops-requests", "requests_per_core_second", "/s", ("gateway", -1.7), peer="two loops"),
    Goal("memory after the load, ratio to before", "after", "memory_after_ratio", "", (None, 1.1)),
]
