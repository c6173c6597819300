"""Calls of client programs to an OpenAI-compatible service; run by ``tutelage bench clients``.

    python clients.py URL KEY CLIENT      in an environment that has the client; URL ends in /v1

It prints one JSON object per use: {"use", "ok", "error"}; the caller adds the versions.
"""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

URL, KEY, CLIENT = sys.argv[1:4]
ASKED: list[Any] = [{"role": "user", "content": "Name a colour."}]
BEYOND = ("tool", "image", "reasoning", "compact")  # refused: policies read and write text
ROOM = 24  # tokens of an answer
POLICY = Path(__file__).parents[2] / "build" / "base-policy"  # for its tokenizer
BESIDE = Path(sys.executable).parent  # where commands of the same environment are


def openai_client() -> Any:
    """The official SDK without retries, which would hide errors."""
    import openai

    return openai.OpenAI(base_url=URL, api_key=KEY, max_retries=0)


def openai_sync() -> None:
    """create, with several choices and log-probabilities"""
    found = openai_client().chat.completions.create(
        model="tutelage", messages=ASKED, n=2, logprobs=True, max_tokens=ROOM
    )
    assert all(choice.message.content for choice in found.choices) and len(found.choices) == 2


def openai_async() -> None:
    """AsyncOpenAI, streamed"""
    import openai

    async def main() -> str:
        async with openai.AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=0) as client:
            stream = await client.chat.completions.create(
                model="tutelage", messages=ASKED, stream=True, max_tokens=ROOM
            )
            parts = [each async for each in stream]
            return "".join(each.choices[0].delta.content or "" for each in parts if each.choices)

    assert asyncio.run(main())


def openai_stream_helper() -> None:
    """chat.completions.stream with its events"""
    with openai_client().chat.completions.stream(
        model="tutelage", messages=ASKED, stop="e", stream_options={"include_usage": True}
    ) as stream:
        assert "content.delta" in [event.type for event in stream]
        assert stream.get_final_completion().usage


def openai_raw() -> None:
    """with_raw_response: headers and request id"""
    answer = openai_client().chat.completions.with_raw_response.create(
        model="tutelage", messages=ASKED, max_tokens=ROOM
    )
    assert answer.headers["x-request-id"] and answer.parse().choices


def openai_parse() -> None:
    """chat.completions.parse into a pydantic model"""
    from pydantic import BaseModel

    class Colour(BaseModel):
        warm: bool

    found = openai_client().chat.completions.parse(
        model="tutelage", messages=ASKED, response_format=Colour, max_tokens=60
    )
    assert isinstance(found.choices[0].message.parsed, Colour)


def openai_responses() -> None:
    """responses.create, streamed, continued, got and deleted"""
    client = openai_client()
    first = client.responses.create(model="tutelage", input="Hello", max_output_tokens=ROOM)
    with client.responses.stream(
        model="tutelage", input="And now?", previous_response_id=first.id, max_output_tokens=ROOM
    ) as stream:
        assert [event for event in stream][-1].type in ("response.completed", "response.incomplete")
    assert client.responses.retrieve(first.id).output_text == first.output_text
    client.responses.delete(first.id)


def openai_lists() -> None:
    """models, moderations, embeddings"""
    client = openai_client()
    found = client.embeddings.create(model="all-minilm-l6-v2", input=["a", "b"]).data
    assert [len(each.embedding) for each in found] == [384, 384]
    assert "tutelage" in [model.id for model in client.models.list()]
    assert client.moderations.create(input="a flower", model="omni-moderation-latest").results


def litellm_completion() -> None:
    """completion, whole and streamed"""
    import litellm

    common = {"model": "openai/tutelage", "api_base": URL, "api_key": KEY, "max_tokens": ROOM}
    assert litellm.completion(messages=ASKED, **common).choices[0].message.content
    parts = list(litellm.completion(messages=ASKED, stream=True, **common))
    assert any(part.choices[0].delta.content for part in parts)


def langchain_chat() -> None:
    """ChatOpenAI: invoke, stream, structured output"""
    from langchain_openai import ChatOpenAI

    schema = {"title": "Colour", "type": "object", "properties": {"warm": {"type": "boolean"}},
              "required": ["warm"], "additionalProperties": False}  # fmt: skip
    model = ChatOpenAI(model="tutelage", base_url=URL, api_key=KEY, max_tokens=60, max_retries=0)
    assert model.invoke("Name a colour.").content
    assert "".join(part.content for part in model.stream("Name a colour."))
    assert "warm" in model.with_structured_output(schema, method="json_schema").invoke("Is red?")


def huggingface_chat() -> None:
    """InferenceClient.chat_completion, whole and streamed"""
    from huggingface_hub import InferenceClient

    client = InferenceClient(base_url=URL, api_key=KEY)
    common = {"messages": ASKED, "model": "tutelage", "max_tokens": ROOM}
    assert client.chat_completion(**common).choices[0].message.content
    parts = list(client.chat_completion(stream=True, **common))
    assert any(part.choices[0].delta.content for part in parts if part.choices)


def llm_command() -> None:
    """`llm -m tutelage` with extra-openai-models.yaml, streamed and continued"""
    with tempfile.TemporaryDirectory() as folder:
        lines = ["- model_id: tutelage", "  model_name: tutelage", f"  api_base: {URL}",
                 "  api_key_name: tutelage"]  # fmt: skip
        (Path(folder) / "extra-openai-models.yaml").write_text("\n".join(lines))
        llm = [BESIDE / "llm", "-m", "tutelage", "--key", KEY, "-o", "max_tokens", str(ROOM)]
        env = {"LLM_USER_PATH": folder}
        assert run([*llm, "Name a colour."], env).strip()
        assert run([*llm, "--continue", "And another?"], env).strip()


def inspect_eval() -> None:
    """eval of a task, as openai-api/tutelage/tutelage"""
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import includes

    os.environ |= {"TUTELAGE_API_KEY": KEY, "TUTELAGE_BASE_URL": URL}
    task = Task(
        dataset=[Sample(question, target="e") for question in ("A colour?", "A sea?")],
        scorer=includes(),
    )
    with tempfile.TemporaryDirectory() as folder:
        [log] = eval(
            task, model="openai-api/tutelage/tutelage", log_dir=folder, display="none",
            max_tokens=ROOM,
        )  # fmt: skip
    assert log.status == "success", log.error


def lm_eval_task() -> None:
    """local-chat-completions on a custom task"""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.jsonl"
        data.write_text('{"question": "Name a colour.", "answer": "red"}\n' * 2)
        task = {
            "task": "colours", "dataset_path": "json", "test_split": "test",
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "output_type": "generate_until", "doc_to_text": "{{question}}",
            "doc_to_target": "{{answer}}", "metric_list": [{"metric": "exact_match"}],
            "generation_kwargs": {"until": ["\n\n"], "max_gen_toks": ROOM},
        }  # fmt: skip
        (Path(folder) / "colours.yaml").write_text(json.dumps(task))
        arguments = f"model=tutelage,base_url={URL}/chat/completions,num_concurrent=2"
        run(
            [BESIDE / "lm_eval", "--model", "local-chat-completions", "--model_args", arguments,
             "--tasks", "colours", "--include_path", folder, "--apply_chat_template"],
            {"OPENAI_API_KEY": KEY, "HF_HOME": folder, "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip


def open_webui() -> None:
    """its backend lists the models and answers a chat, with tutelage as its OpenAI connection"""
    import httpx

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "DATA_DIR": folder, "OPENAI_API_BASE_URL": URL, "OPENAI_API_KEY": KEY,
            "WEBUI_AUTH": "false", "ENABLE_OLLAMA_API": "false", "OFFLINE_MODE": "true",
            "HF_HUB_OFFLINE": "1", "WEBUI_SECRET_KEY": "benchmark",
            "RAG_EMBEDDING_ENGINE": "openai", "BYPASS_EMBEDDING_AND_RETRIEVAL": "true",
        }  # fmt: skip
        command = [BESIDE / "open-webui", "serve", "--host", "127.0.0.1", "--port", str(port)]
        with open(Path(folder) / "log", "w") as log:
            process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
                asked_of_webui(client, process)
        except Exception as error:
            raise AssertionError(f"{error}: {(Path(folder) / 'log').read_text()[-800:]}") from error
        finally:
            process.terminate()
            process.wait()


def asked_of_webui(client: Any, process: "subprocess.Popen[bytes]") -> None:
    """Sign in as its browser does, then list and chat."""
    import httpx

    for _ in range(300):
        assert process.poll() is None, "open-webui did not start"
        try:
            if client.get("/health").status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(1)
    signed = client.post("/api/v1/auths/signin", json={"email": "", "password": ""}).json()
    client.headers["authorization"] = f"Bearer {signed['token']}"
    assert "tutelage" in [model["id"] for model in client.get("/api/models").json()["data"]]
    body = {"model": "tutelage", "messages": ASKED, "stream": False, "max_tokens": ROOM}
    answer = client.post("/api/chat/completions", json=body).raise_for_status().json()
    assert answer["choices"][0]["message"]["content"]


def guidellm_run() -> None:
    """`guidellm run`: synthetic prompts, two streams at once"""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        backend = f"kind=openai_http,target={URL.removesuffix('/v1')},model=tutelage,api_key={KEY}"
        data = f"kind=synthetic_text,prompt_tokens=16,output_tokens={ROOM}"
        command = [
            BESIDE / "guidellm", "run", "--backend", backend, "--data", data,
            "--tokenizer", f"kind=hf_auto,model={POLICY}", "--disable-console",
            "--profile", "kind=concurrent,streams=2", "--constraint", "kind=max_requests,count=4",
            "--output", f"kind=json,path={report}",
        ]  # fmt: skip
        run(command, {"HF_HUB_OFFLINE": "1"})
        [measured] = json.loads(report.read_text())["benchmarks"]
    totals = measured["metrics"]["request_totals"]
    assert (totals["successful"], totals["errored"]) == (4, 0), totals


def garak_probe() -> None:
    """its test probe, as openai.OpenAICompatible"""
    with tempfile.TemporaryDirectory() as folder:
        options = Path(folder) / "options.json"
        service = {"uri": URL, "model": "tutelage", "max_tokens": ROOM}
        options.write_text(json.dumps({"openai": {"OpenAICompatible": service}}))
        command = [
            sys.executable, "-m", "garak", "--target_type", "openai.OpenAICompatible",
            "--target_name", "tutelage", "--generator_option_file", options,
            "--probes", "test.Test", "--generations", "1", "--report_prefix", f"{folder}/report",
        ]  # fmt: skip
        run(command, {"OPENAICOMPATIBLE_API_KEY": KEY, "XDG_DATA_HOME": folder})
        lines = (Path(folder) / "report.report.jsonl").read_text().splitlines()
    tried = [each for each in map(json.loads, lines) if each["entry_type"] == "attempt"]
    assert tried and all(output["text"] for each in tried for output in each["outputs"])


def comply_chat() -> None:
    """its conformance suite of chat completions"""
    comply("openai-chat")


def comply_responses() -> None:
    """its conformance suite of responses"""
    comply("open-responses")


def comply(form: str) -> None:
    """Raises with the failed tests, except those of unsupported features."""
    command = [BESIDE / "llm-comply", "run", "--format", form]
    known = re.findall(r"^  ([a-z]+(?:-[a-z]+)+) ", run([*command, "--list"], {}), re.MULTILINE)
    tried = [each for each in known if not any(word in each for word in BEYOND)]
    run([*command, "-u", URL, "-k", KEY, "-m", "tutelage", "-f", ",".join(tried)], {})


def run(command: list[Any], env: dict[str, str]) -> str:
    """The output of a command; its standard error is the exception."""
    done = subprocess.run(
        command, env=os.environ | env, capture_output=True, text=True, timeout=300,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return done.stdout


USES: dict[str, list[Callable[[], None]]] = {
    "openai": [
        openai_sync, openai_async, openai_stream_helper, openai_raw, openai_parse,
        openai_responses, openai_lists,
    ],
    "litellm": [litellm_completion],
    "langchain-openai": [langchain_chat],
    "huggingface-hub": [huggingface_chat],
    "llm": [llm_command],
    "inspect-ai": [inspect_eval],
    "lm-eval": [lm_eval_task],
    "open-webui": [open_webui],
    "guidellm": [guidellm_run],
    "garak": [garak_probe],
    "llm-comply": [comply_chat, comply_responses],
}  # fmt: skip


def main() -> None:
    """Run each use separately, so that a failure does not hide the others."""
    for use in USES[CLIENT]:
        row: dict[str, Any] = {"use": (use.__doc__ or "").strip(), "ok": True, "error": None}
        try:
            use()
        except Exception as error:  # whatever a client raises is the result
            row |= {"ok": False, "error": f"{type(error).__name__}: {error}"[:1500]}
        print(json.dumps(row), flush=True)


main()
