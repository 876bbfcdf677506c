import pathlib
import sys

import pytest

# Starting and stopping programs, requests and their answers are the end-to-end tests'.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import programs  # noqa: E402
from proxy import Nginx, make_certificate  # noqa: E402


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def simulator(tmp_path):
    program = programs.Simulator(tmp_path / "simulator", "--accounts", 40, "--record-requests", 100000)
    yield program
    assert program.running, f"the simulator died\n{program.err[-4000:]}"
    program.stop()


@pytest.fixture
def start_gateway(simulator, tmp_path):
    """start_gateway(port=…, stream={…}): a gateway with accounts of its own."""
    started = []

    def start(port=None, **more):
        config = {
            "port": port or programs.free_port(),
            "cookies": [{"authorization": simulator.token()} for _ in range(4)],
            "api_keys": [programs.API_KEY],
            "upstream": {"base_url": simulator.url},
            "pool": {"max_concurrency": 200},
            "trusted_proxies": ["127.0.0.1"],
            "log": {"level": "info", "format": "json"},
            **more,
        }
        program = programs.Gateway(tmp_path / f"gateway-{len(started)}", config)
        started.append(program)
        return program.await_health().await_models()

    yield start
    for program in started:
        if program.running:
            program.stop()
        program.check_log()


@pytest.fixture
def start_nginx(certificate, tmp_path):
    """start_nginx(gateway, another): nginx with the project's own file in front of these."""
    started = []

    def start(*gateways):
        nginx = Nginx(tmp_path / f"nginx-{len(started)}", certificate, [gateway.port for gateway in gateways])
        started.append(nginx)
        return nginx

    yield start
    for nginx in started:
        nginx.stop()
        assert "[alert]" not in nginx.errors and "[emerg]" not in nginx.errors, nginx.errors[-4000:]
