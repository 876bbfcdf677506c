"""OpenAI's published schemas, where the machine has them: `XTGATEWAY_CORPORA`, else ../shared/corpora beside the project."""

import functools
import json
import os
import pathlib

import jsonschema
import programs

FOLDER = pathlib.Path(os.environ.get("XTGATEWAY_CORPORA", programs.PROJECT.parent / "shared/corpora"))
FILE = FOLDER / "openai-schemas.json"


@functools.cache
def _schemas():
    document = json.loads(FILE.read_text())
    # OpenAI's documentation: "When present, it contains a null value except for the last chunk". The schema forgot the null.
    usage = document["$defs"]["CreateChatCompletionStreamResponse"]["properties"]["usage"]
    document["$defs"]["CreateChatCompletionStreamResponse"]["properties"]["usage"] = {"anyOf": [usage, {"type": "null"}]}
    return document


@functools.cache
def _validator(name):
    schema = {"$schema": _schemas()["$schema"], "$ref": f"#/$defs/{name}", "$defs": _schemas()["$defs"]}
    return jsonschema.Draft202012Validator(schema)


def available():
    return FILE.is_file()


def check(value, name):
    """Without the schemas it checks nothing; `test_schemas_are_there` says so once."""
    if available():
        errors = [f"{error.json_path}: {error.message}" for error in _validator(name).iter_errors(value)]
        assert not errors, f"not a {name}: {errors[:5]}\n{json.dumps(value)[:2000]}"


def check_chunk(value):
    check(value, "CreateChatCompletionStreamResponse")


def check_completion(value):
    check(value, "CreateChatCompletionResponse")


def check_error(value):
    check(value, "ErrorResponse")
    assert set(value) == {"error"} and set(value["error"]) == {"message", "type", "param", "code"}
    assert value["error"]["message"]
