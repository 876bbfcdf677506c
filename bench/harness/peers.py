"""The simulator, and what stands between it and the load generator."""
import json
import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

from .processes import FILES, Failed, Process, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
BINARIES = ROOT / ".build" / "release"
# Another build may take its place, for a comparison.
gateway = BINARIES / "xtgateway"
FLOOR = ROOT / ".build" / "bench-floor"
TWIN = ROOT / "bench" / "twin"
VENV = ROOT / ".venv-twin"
# An account keeps about a thousand sessions, and every stream has one.
ACCOUNTS = 16
# Of nginx: when less than a sixteenth of them is free it closes those that have not sent their request yet.
CONNECTIONS = 22000


class Peer:
    def __init__(self, process, port):
        self.process, self.port = process, port

    @property
    def pid(self):
        return self.process.pid

    def health(self):
        """What the gateway's `/health` says; empty for other peers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return {}


def program(name):
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not found:
        raise Failed(f"{name} is not installed")
    return found


def start_simulator(folder, cpus):
    process = Process([BINARIES / "xstech-simulator", "--port", 0, "--accounts", ACCOUNTS, "--max-sessions", 1000000, "--credits",
                       1000000000], folder / "simulator.log", cpus, stdout=subprocess.PIPE)
    line = process.child.stdout.readline().decode()
    if "listening on" not in line:
        process.stop()
        raise Failed(f"the simulator did not start:\n{process.tail()}")
    return Peer(process, int(line.rsplit(":", 1)[1]))


def start(name, folder, cpus, simulator, scenario):
    """A peer in front of the simulator, ready to serve."""
    port = free_port()
    argv, url = STARTERS[name](folder, port, simulator.port, scenario)
    process = Process(argv, folder / f"{name}.log", cpus)
    try:
        process.wait_for(f"http://127.0.0.1:{port}{url}")
    except Failed:
        process.stop()
        raise
    return Peer(process, port)


def _gateway(folder, port, upstream, scenario, workers=1):
    config = {
        "host": "127.0.0.1", "port": port, **({"workers": workers} if workers > 1 else {}),
        "upstream": {"base_url": f"http://127.0.0.1:{upstream}"},
        "cookies": [{"authorization": f"token-{n + 1}", "max_concurrency": 1000} for n in range(ACCOUNTS)],
        "log": {"level": "error"}, **scenario.configuration,
    }
    path = folder / "gateway.json"
    path.write_text(json.dumps(config, indent=2))
    return [gateway, "serve", "--config", path], "/health"


def _two_loops(folder, port, upstream, scenario):
    return _gateway(folder, port, upstream, scenario, workers=2)


NGINX = """daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log error;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  keepalive_timeout 300s;
  keepalive_requests 100000000;
  upstream simulator {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 100000000; keepalive_timeout 300s; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://simulator;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
    {more}
  }}
}}
"""


def _nginx(folder, port, upstream, scenario, more=""):
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, connections=CONNECTIONS, upstream=upstream, port=port, more=more))
    return [program("nginx"), "-p", folder, "-c", path], "/v1/models"


def _nginx_return(folder, port, upstream, scenario):
    """nginx that answers `GET /v1/models` by itself, with the gateway's own answer."""
    argv, url = _gateway(folder, own := free_port(), upstream, scenario)
    source = Process(argv, folder / "gateway.log", os.sched_getaffinity(0))
    try:
        source.wait_for(f"http://127.0.0.1:{own}{url}")
        for _ in range(100):
            with urllib.request.urlopen(f"http://127.0.0.1:{own}/v1/models", timeout=5) as answer:
                body = answer.read().decode()
            if json.loads(body)["data"]:
                break
            time.sleep(0.05)
    finally:
        source.stop()
    if "'" in body or "$" in body or "\\" in body:
        raise Failed("the model list does not fit into nginx's configuration")
    return _nginx(folder, port, upstream, scenario, f"location = /v1/models {{ default_type application/json; return 200 '{body}'; }}")


HAPROXY = """global
  nbthread 1
  maxconn {connections}
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  option http-no-delay
  http-reuse always
frontend front
  bind 127.0.0.1:{port} backlog 4096
  default_backend simulator
backend simulator
  server one 127.0.0.1:{upstream}
"""


def _haproxy(folder, port, upstream, scenario):
    path = folder / "haproxy.cfg"
    # Each connection takes two descriptors, and it keeps some for itself.
    path.write_text(HAPROXY.format(connections=(FILES - 200) // 2, port=port, upstream=upstream))
    return [program("haproxy"), "-db", "-f", path], "/v1/models"


def _floor(folder, port, upstream, scenario):
    return [FLOOR, port, upstream], "/"


def _twin(folder, port, upstream, scenario):
    return [VENV / "bin" / "python", TWIN / "twin.py", port, upstream], "/health"


STARTERS = {"nginx": _nginx, "haproxy": _haproxy, "floor": _floor, "twin": _twin, "gateway": _gateway, "two loops": _two_loops,
            "nginx return": _nginx_return}
PEERS = ["direct", *STARTERS]


def build_floor():
    FLOOR.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", FLOOR, ROOT / "bench" / "floor" / "floor.c"], check=True)


def build_twin():
    """Its own virtual environment, made again when the requirements change."""
    wanted, stamp = (TWIN / "requirements.txt").read_text(), VENV / "requirements.txt"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run(["python3", "-m", "venv", VENV], check=True)
    subprocess.run([VENV / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "-r", TWIN / "requirements.txt"], check=True)
    stamp.write_text(wanted)


def supports_workers():
    """Whether this gateway has more than one loop to offer."""
    result = subprocess.run([gateway, "check-config"], capture_output=True, text=True, cwd="/",
                            env={**os.environ, "XTGATEWAY_WORKERS": "2"})
    return result.returncode == 0 and '"workers": 2' in result.stdout.replace('"workers":2', '"workers": 2')
