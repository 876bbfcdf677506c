import evidence
import httpx
import openai
import programs
import pytest

ACCOUNTS = 2000


def pytest_collection_modifyitems(items):
    """What looks at everything the others left behind comes last."""
    items.sort(key=lambda item: item.path.name == "test_secrets.py")


@pytest.fixture(scope="session", autouse=True)
def kept_answers():
    """Keeps what httpx, and the SDK through it, gets of gateways."""
    send = httpx.Client.send

    def sending(client, request, **more):
        response = send(client, request, **more)
        if response.status_code >= 400:
            response.read()
        if response.is_closed:
            evidence.answer(response.status_code, request.url.path, response.content)
        return response

    httpx.Client.send = sending
    yield
    httpx.Client.send = send


@pytest.fixture(scope="session")
def simulator(tmp_path_factory):
    """One upstream for all tests, as fast as it can; each gateway gets an account of its own."""
    program = programs.Simulator(tmp_path_factory.mktemp("simulator"), "--accounts", ACCOUNTS)
    yield program
    assert program.running, f"the simulator died\n{program.err[-4000:]}"
    program.stop()


def merged(config, more):
    result = dict(config)
    for key, value in more.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
    return result


def configuration(simulator, **more):
    token = simulator.token()
    config = {
        "cookies": [{"authorization": token}],
        "api_keys": [programs.API_KEY],
        "upstream": {"base_url": simulator.url},
        "log": {"level": "trace"},
    }
    return merged(config, more)


def secrets(config):
    """What no log may hold."""
    keys = [key if isinstance(key, str) else key["key"] for key in config.get("api_keys", [])]
    return [cookie["authorization"] for cookie in config["cookies"] if "authorization" in cookie] + keys


@pytest.fixture(scope="session")
def gateway(simulator, tmp_path_factory):
    """The gateway of all tests that leave it as they found it."""
    config = configuration(simulator, pool={"max_concurrency": 64})
    program = programs.Gateway(tmp_path_factory.mktemp("gateway"), config, secrets=secrets(config))
    yield program.await_health().await_models()
    program.end()


@pytest.fixture
def start_gateway(simulator, tmp_path):
    """Starts gateways of a test's own: start_gateway(stream={"keep_alive_seconds": 1})."""
    started = []

    def start(ready=True, environment=None, **more):
        config = configuration(simulator, **more)
        program = programs.Gateway(tmp_path / f"gateway-{len(started)}", config, environment, secrets(config))
        started.append(program)
        program.await_health()
        return program.await_models() if ready else program

    yield start
    failures = []
    for program in started:
        try:
            if program.process.returncode is None:
                program.end()
            else:
                program.check_log()
        except AssertionError as failure:
            failures.append(str(failure))
            if program.running:
                program.process.kill()
                program.process.wait()
    assert not failures, "\n".join(failures)


def sdk(gateway, key=programs.API_KEY):
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, timeout=60)


@pytest.fixture
def client(gateway):
    with sdk(gateway) as client:
        yield client
