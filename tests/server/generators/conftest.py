"""Policies of a random, tiny Llama with a byte-level tokenizer, and a scheduler to step by hand."""

from collections import abc
from pathlib import Path
from typing import cast

import huggingface_hub.constants
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from server.generators.embedded.graph_runner import load_policy
from server.generators.embedded.model_runner import ModelRunner, Predictions, ScheduledChunk
from server.generators.embedded.scheduler import Scheduler
from server.generators.embedded.sequence import Sequence
from server.generators.generator import Occupancy, Sampling, Token

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nBe kind.<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_policy(path: Path, seed: int) -> Path:
    """Write a policy whose tokens are single bytes; random weights that depend on the seed."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=259,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=0.3,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config).half().float()  # exact in 16 bits, as they are served
    model.save_pretrained(path)
    tokenizer = _byte_tokenizer()
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(path)
    return path


def _byte_tokenizer() -> PreTrainedTokenizerFast:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {text: index for index, text in enumerate([*SPECIAL, *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=SPECIAL[2], pad_token=SPECIAL[2]
    )


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tiny tensors gain nothing from threads and lose much where tests run side by side."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def reachable() -> None:
    """Tests never ask the hub; but huggingface_hub is also how a TGI on this machine is asked."""
    huggingface_hub.constants.HF_HUB_OFFLINE = False


@pytest.fixture(scope="session")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two tiny policies that can be served and one whose weights are missing."""
    root = tmp_path_factory.mktemp("policies")
    make_policy(root / "policy-0000", seed=0)
    make_policy(root / "policy-0001", seed=1)
    broken = make_policy(root / "policy-0002", seed=2)
    (broken / "model.safetensors").unlink()
    return root


@pytest.fixture
def runner(policies: Path) -> ModelRunner:
    """The first tiny policy, in memory."""
    return load_policy("policy-0000", policies / "policy-0000", 1, 4096, "f16")


class CollectingSink:
    """Collects what a sequence generates."""

    def __init__(self) -> None:
        self.cancelled = False
        self.tokens: list[Token] = []
        self.finish_reason: str | None = None
        self.error: Exception | None = None

    @property
    def text(self) -> str:
        return "".join(token.text for token in self.tokens)

    @property
    def ids(self) -> list[int]:
        return [token.token_id for token in self.tokens]

    def admit(self) -> None:
        """Nothing to note."""

    def put(self, tokens: abc.Sequence[Token]) -> None:
        self.tokens += tokens

    def end(self, finish_reason: str) -> None:
        self.finish_reason = finish_reason

    def fail(self, error: Exception) -> None:
        self.error = error


@pytest.fixture
def batch(runner: ModelRunner) -> "SteppedBatch":
    """A scheduler with a way to run sequences in it."""
    return SteppedBatch(runner)


class SteppedBatch:
    """Runs sequences in one scheduler and counts the tokens that the policy computes for them.

    They end at their length alone: a sampled end would come at a random step.
    """

    def __init__(self, runner: ModelRunner) -> None:
        self.runner = runner
        self.computed: list[int] = []  # tokens of each step
        self.end_ids: frozenset[int] = frozenset()
        self.pool = runner.pool
        self.decode = runner.decode
        self.raw = runner.raw
        self._scheduler = Scheduler(cast(ModelRunner, self), max_running=4)

    def predict(
        self, chunks: abc.Sequence[ScheduledChunk], wanted: abc.Sequence[ScheduledChunk]
    ) -> Predictions:
        """Count, then compute."""
        self.computed.append(sum(len(chunk.tokens) for chunk in chunks))
        return self.runner.predict(chunks, wanted)

    @property
    def occupancy(self) -> Occupancy:
        """How busy the scheduler is."""
        return self._scheduler.occupancy

    def add(self, prompt: list[int], sampling: Sampling) -> CollectingSink:
        """Let a sequence begin."""
        sink = CollectingSink()
        runner, max_tokens = cast(ModelRunner, self), sampling.max_tokens
        self._scheduler.add(Sequence(sink, runner, list(prompt), max_tokens, sampling))
        return sink

    def step(self, count: int = 1) -> int:
        """Take steps; how many sequences ended."""
        return sum(self._scheduler.step() for _ in range(count))

    def fail(self, error: Exception) -> int:
        """End all sequences, as the engine does when a step fails; how many ended."""
        return self._scheduler.fail(error)

    def finish(self) -> None:
        """Step until all sequences have ended."""
        while self._scheduler.busy:
            self.step()

    def write(self, prompt: list[int], sampling: Sampling) -> CollectingSink:
        """One response from beginning to end."""
        sink = self.add(prompt, sampling)
        self.finish()
        return sink
