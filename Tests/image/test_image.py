"""The images as they were built, run as a container engine would: their own root, entrypoint, environment, user and stop signal. The root is
read-only, and no shell can be started in it. scripts/image prepares what IMAGE_FOLDER names; it needs root for the mounts."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import httpx
import openai
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import programs  # noqa: E402
from chat import MODEL, body, numbers  # noqa: E402

FOLDER = pathlib.Path(os.environ["IMAGE_FOLDER"])
VERSION = re.search(r'gatewayVersion = "(.*)"', (programs.PROJECT / "Sources/XTGateway/Gateway/Service/Version.swift").read_text()).group(1)


class Image:
    def __init__(self, name):
        self.root = (FOLDER / f"{name}.root").resolve()
        inspected = json.loads((FOLDER / f"{name}.json").read_text())
        self.docker, self.config = inspected["Docker"]["config"], inspected["OCIv1"]["config"]
        self.environment = dict(entry.split("=", 1) for entry in self.config["Env"])

    def command(self, arguments, mounts=()):
        """A mount namespace of its own in which the root is read-only and has no shell; then the image's user, and no capability."""
        root, user = shlex.quote(str(self.root)), self.config["User"]
        steps = [
            f"mount --bind {root} {root}", f"mount -t proc proc {root}/proc", f"mount --bind /dev {root}/dev",
            *(f"mount --bind {shlex.quote(str(source))} {root}{target}" for source, target in mounts),
            *(f"mount --bind /dev/null {root}/usr/bin/{shell}" for shell in ("dash", "bash")),
            f"mount -o remount,bind,ro {root}",
            f"cd {root}",
            f"exec chroot --userspec={user} {root} {shlex.join(['/usr/bin/env', '-C', self.config.get('WorkingDir') or '/', *arguments])}",
        ]
        return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", " && ".join(steps)]

    def start(self, folder, name, environment, arguments=None, mounts=()):
        command = [*self.config["Entrypoint"], *(self.config["Cmd"] if arguments is None else arguments)]
        return programs.Program(folder, name, self.command(command, mounts), {**self.environment, **environment})

    def run(self, environment, arguments):
        return subprocess.run(
            self.command(arguments), env={**self.environment, **environment}, capture_output=True, text=True, timeout=30)


gateway_image, simulator_image = Image("xtgateway"), Image("xstech-simulator")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    program = simulator_image.start(tmp_path_factory.mktemp("simulator"), "simulator", {}, ["--host", "127.0.0.1", "--port", "0"])
    found = programs.wait_until(lambda: re.search(r"listening on (http://\S+)", program.out), "the simulator's address")
    yield found.group(1)
    assert program.stop() == 0


def environment(simulator):
    return {
        "XTGATEWAY_HOST": "127.0.0.1", "XTGATEWAY_PORT": str(programs.free_port()), "XTGATEWAY_UPSTREAM_BASE_URL": simulator,
        "XTGATEWAY_COOKIES": '[{"authorization":"token-1"}]', "XTGATEWAY_API_KEYS": json.dumps([programs.API_KEY]),
    }


def url(variables):
    return f"http://127.0.0.1:{variables['XTGATEWAY_PORT']}"


def await_models(program, variables):
    def answers():
        assert program.running, program.err
        try:
            headers = {"Authorization": f"Bearer {programs.API_KEY}"}
            return httpx.get(f"{url(variables)}/v1/models", headers=headers).status_code == 200
        except httpx.TransportError:
            return False

    programs.wait_until(answers, "the gateway's models", 30)


@pytest.fixture
def gateway(simulator, tmp_path):
    """(program, variables) of a gateway that is configured by its environment alone."""
    variables = environment(simulator)
    program = gateway_image.start(tmp_path, "gateway", variables)
    await_models(program, variables)
    yield program, variables
    if program.running:
        program.stop()


def test_what_the_image_says_of_itself():
    config = gateway_image.config
    assert config["User"] == "65532:65532" and config["StopSignal"] == "SIGTERM"
    assert config["Entrypoint"] == ["xtgateway"] and config["Cmd"] == ["serve"] and "8000/tcp" in config["ExposedPorts"]
    labels = {key.rsplit(".", 1)[1]: value for key, value in config["Labels"].items() if key.startswith("org.opencontainers.image.")}
    assert labels["title"] == "xtgateway" and labels["version"] == VERSION and labels["licenses"] == "MIT"
    assert gateway_image.docker["Healthcheck"]["Test"] == ["CMD", "xtgateway", "healthcheck"]


def test_it_is_this_version():
    assert gateway_image.run({}, ["xtgateway", "--version"]).stdout.strip().endswith(VERSION)


def test_no_shell_can_be_started():
    assert gateway_image.run({}, ["sh", "-c", "true"]).returncode != 0


def test_it_runs_as_nobody_and_cannot_write(gateway):
    program, _ = gateway
    status = pathlib.Path(f"/proc/{program.process.pid}/status").read_text()
    assert re.search(r"^Uid:\t65532\t65532", status, re.MULTILINE) and re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert os.path.realpath(f"/proc/{program.process.pid}/root") != "/"
    assert gateway_image.run({}, ["touch", "/etc/xtgateway/file"]).returncode != 0


def test_the_sdk_gets_its_answers(gateway):
    _, variables = gateway
    with openai.OpenAI(base_url=f"{url(variables)}/v1", api_key=programs.API_KEY, max_retries=0) as sdk:
        assert MODEL in [model.id for model in sdk.models.list()]
        assert sdk.chat.completions.create(**body("@echo from a container")).choices[0].message.content == "from a container"
        chunks = list(sdk.chat.completions.create(**body("@say 50", stream=True)))
    assert numbers("".join(chunk.choices[0].delta.content or "" for chunk in chunks)) == list(range(50))


def test_the_health_check(gateway):
    program, variables = gateway
    command = gateway_image.docker["Healthcheck"]["Test"][1:]
    healthy = gateway_image.run(variables, command)
    assert healthy.returncode == 0, healthy.stderr
    # As in the image, where the gateway listens on every address.
    assert gateway_image.run({**variables, "XTGATEWAY_HOST": "0.0.0.0"}, command).returncode == 0
    program.stop()
    assert gateway_image.run(variables, command).returncode == 1


def test_the_stop_signal_drains(gateway):
    program, variables = gateway
    with httpx.stream("POST", f"{url(variables)}/v1/chat/completions", json=body("@pace 20 @say 50", stream=True),
                      headers={"Authorization": f"Bearer {programs.API_KEY}"}, timeout=30) as response:
        lines = response.iter_lines()
        next(lines)
        program.process.terminate()
        rest = [line for line in lines if line]
    assert rest[-1] == "data: [DONE]"
    assert program.wait() == 0


def test_a_mounted_file_configures_it(simulator, tmp_path):
    variables = environment(simulator)
    file = tmp_path / "config.json"
    file.write_text(json.dumps({
        "port": int(variables["XTGATEWAY_PORT"]), "upstream": {"base_url": simulator}, "cookies": [{"authorization": "token-1"}],
        "api_keys": [programs.API_KEY]}))
    os.chown(file, 65532, 65532)
    file.chmod(0o400)
    (gateway_image.root / "etc/xtgateway/config.json").touch()
    program = gateway_image.start(tmp_path, "gateway", {"XTGATEWAY_HOST": "127.0.0.1"}, mounts=[(file, "/etc/xtgateway/config.json")])
    try:
        await_models(program, variables)
    finally:
        assert program.stop() == 0


def test_without_keys_it_refuses_to_be_open(tmp_path):
    program = gateway_image.start(tmp_path, "gateway", {})
    assert program.wait() == 78 and "api_keys" in program.err


def test_the_size_is_what_the_documents_say():
    def size(image):
        return sum(path.lstat().st_size for path in image.root.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6

    binary = (gateway_image.root / "usr/local/bin/xtgateway").stat().st_size / 1e6
    print(f"\nimage {size(gateway_image):.0f} MB unpacked, of it xtgateway {binary:.1f} MB; the simulator's {size(simulator_image):.0f} MB")
    assert binary < 25
