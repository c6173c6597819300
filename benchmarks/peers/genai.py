"""openvino-genai's continuous batching on a GGUF file; run by ``benchmarks/serving/serve.py``.

    python genai.py POLICY.gguf THREADS PRECISION      (f32 or bf16)

For each input line {"prompts": [text], "tokens", "temperature"} it writes a line {"firsts",
"tokens", "wall", "cpu"}, times in seconds. Its first output line means that it is ready.
"""

import json
import resource
import sys
import time
from typing import Any

import openvino_genai as genai

POLICY, THREADS, PRECISION = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def answer(pipeline: Any, prompts: list[str], config: Any) -> dict[str, Any]:
    """Generate for all prompts concurrently, step by step, as its own server does."""
    cpu, began = _cpu(), time.perf_counter()
    handles = [pipeline.add_request(n, text, config) for n, text in enumerate(prompts)]
    firsts: dict[int, float] = {}
    tokens = 0
    while pipeline.has_non_finished_requests():
        pipeline.step()
        for number, handle in enumerate(handles):
            if handle.can_read():
                firsts.setdefault(number, time.perf_counter() - began)
                tokens += sum(len(each.generated_ids) for each in handle.read().values())
    wall = time.perf_counter() - began
    return {"firsts": list(firsts.values()), "tokens": tokens, "wall": wall, "cpu": _cpu() - cpu}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Serve until the input ends."""
    cache = genai.SchedulerConfig()
    cache.cache_size = 1  # GB
    cache.enable_prefix_caching = False  # no round knows another's prompts
    options = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": PRECISION}
    pipeline = genai.ContinuousBatchingPipeline(POLICY, cache, "CPU", options)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        config = genai.GenerationConfig(
            max_new_tokens=asked["tokens"], do_sample=True, temperature=asked["temperature"],
            ignore_eos=True, eos_token_id=0, stop_token_ids={0}, apply_chat_template=False,
        )  # fmt: skip
        print(json.dumps(answer(pipeline, asked["prompts"], config)), flush=True)


main()
