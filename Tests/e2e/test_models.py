"""The list of models, as the SDK and as the schemas see it."""

import httpx
import openai
import openai_schemas
import pytest
from chat import MODEL
from conftest import sdk

SERVED = {
    "xstech-openai::gpt-5.5",
    "xstech-claude-3-7-sonnet-20250219-xs",
    "xstech-Llama::meta-llama/llama-4-scout-17b-16e-instruct",
}


def test_schemas_are_there():
    if not openai_schemas.available():
        pytest.skip(f"no OpenAI schemas at {openai_schemas.FILE} (XTGATEWAY_CORPORA): answers are not validated against them")


def test_list_holds_the_models_of_the_chosen_price(client):
    models = list(client.models.list())
    ids = {model.id for model in models}
    assert SERVED <= ids
    # Free, and 100 credits: not in the default `models.credits`.
    assert "xstech-openai::openai/gpt-oss-120b" not in ids
    assert "xstech-openai::o3-pro" not in ids
    assert {model.owned_by for model in models} == {"xstech"}
    assert {model.object for model in models} == {"model"}


@pytest.mark.parametrize("model", sorted(SERVED))
def test_retrieve_takes_slashes_and_colons(client, model):
    assert client.models.retrieve(model).id == model


@pytest.mark.parametrize("path", ["/v1/models/xstech-Llama::meta-llama%2Fllama-4-scout-17b-16e-instruct",
                                  "/v1/models/xstech-Llama%3A%3Ameta-llama/llama-4-scout-17b-16e-instruct",
                                  "/models/xstech-Llama::meta-llama/llama-4-scout-17b-16e-instruct"])
def test_retrieve_decodes_percent_escapes(gateway, path):
    answer = httpx.get(gateway.url + path, headers={"Authorization": f"Bearer {gateway.key}"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == "xstech-Llama::meta-llama/llama-4-scout-17b-16e-instruct"


def test_answers_validate_and_created_is_stable(gateway):
    headers = {"Authorization": f"Bearer {gateway.key}"}
    first = httpx.get(gateway.url + "/v1/models", headers=headers).json()
    openai_schemas.check(first, "ListModelsResponse")
    one = httpx.get(f"{gateway.url}/v1/models/{MODEL}", headers=headers).json()
    openai_schemas.check(one, "Model")
    assert one in first["data"]
    assert httpx.get(gateway.url + "/v1/models", headers=headers).json() == first


def test_unknown_model(client):
    with pytest.raises(openai.NotFoundError) as failure:
        client.models.retrieve("xstech-nobody")
    assert failure.value.code == "model_not_found"


def test_prefix_credits_and_aliases_are_configurable(start_gateway):
    gateway = start_gateway(
        models={
            "credits": ["免费", "100积分"],
            "prefix": "",
            "aliases": {"free": "openai::openai/gpt-oss-120b", "best": ["no-such-model", "openai::o3-pro"]},
        }
    )
    with sdk(gateway) as client:
        assert {model.id for model in client.models.list()} == {"openai::openai/gpt-oss-120b", "openai::o3-pro", "free", "best"}
        for name in ["free", "best"]:
            assert client.models.retrieve(name).id == name
            answer = client.chat.completions.create(model=name, messages=[{"role": "user", "content": "@echo hello"}])
            assert answer.choices[0].message.content == "hello"
            assert answer.model == name


def test_without_cookies_503_says_what_to_configure(start_gateway):
    gateway = start_gateway(ready=False, cookies=[])
    with sdk(gateway) as client:
        with pytest.raises(openai.InternalServerError) as failure:
            client.models.list()
        assert failure.value.status_code == 503
        assert failure.value.code == "no_cookies"
        assert "cookies" in failure.value.message
        with pytest.raises(openai.InternalServerError) as failure:
            client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hello"}])
        assert (failure.value.status_code, failure.value.code) == (503, "no_cookies")
    health = httpx.get(gateway.url + "/health")
    assert (health.status_code, health.json()["status"], health.json()["cookie_pool_size"]) == (200, "healthy", 0)
