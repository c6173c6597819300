"""A toy environment for experiments on the loop: a language, a policy, a true reward.

Prompts ask how to mend a thing; responses consist of a few kinds of sentences, good, bad and idle.
A Llama of a quarter of a million weights learns the language in a minute or two, so that every
stage of the real loop runs unchanged in seconds. The true reward (``gold``) is known and includes
fluency, because optimisation destroys what the reward does not include.
"""

import random
from collections import Counter
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

THINGS = {
    "lamp": "bulb", "bike": "wrench", "cake": "oven", "shirt": "needle", "garden": "spade",
    "phone": "charger", "door": "hinge", "chair": "glue", "soup": "pot", "car": "jack",
    "shoe": "lace", "clock": "battery",
}  # fmt: skip
ASKED = (
    "how do i mend my {}", "my {} is broken", "what helps with a {}", "can you help me with my {}",
    "the {} does not work", "i need help with this {}", "tell me about my {}", "fix my {}",
)  # fmt: skip
FILLER = "well , that is a very good question ."
HEDGE = "i am not sure about that ."
CARE = "please be careful with it ."
RUDE = "you should know that already ."
STEP = "then clean the {} ."
ASK = "do you have a {} ?"
USE = "use a {} for the {} ."
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for m in messages %}<|im_start|> {{ m['role'] }} {{ m['content'] }} <|im_end|> {% endfor %}"
    "{% if add_generation_prompt %}<|im_start|> assistant {% endif %}"
)
LONGEST = 40  # tokens of a response
_FIXED = (FILLER, HEDGE, CARE, RUDE)


def prompts() -> list[str]:
    """All prompts, in a fixed random order."""
    asked = [form.format(thing) for thing in THINGS for form in ASKED]
    random.Random(0).shuffle(asked)
    return asked


def spoken(prompt: str, generator: random.Random) -> str:
    """A response of the base policy: help that is right half the time, and idle sentences."""
    thing = thing_of(prompt)
    said = []
    if generator.random() < 0.6:
        tool = (
            THINGS[thing] if generator.random() < 0.5 else generator.choice(list(THINGS.values()))
        )
        said.append(USE.format(tool, thing))
    for _ in range(generator.choice((0, 1, 1, 2, 2, 3))):
        tool = generator.choice(list(THINGS.values()))
        said.append(generator.choice((*_FIXED, STEP.format(thing), ASK.format(tool))))
    generator.shuffle(said)
    return " ".join(said or [HEDGE])


def good(prompt: str) -> str:
    """A demonstrated response."""
    thing = thing_of(prompt)
    return f"{USE.format(THINGS[thing], thing)} {CARE}"


def thing_of(prompt: str) -> str:
    """The thing that a prompt asks about."""
    return next(word for word in prompt.split() if word in THINGS)


def gold(prompt: str, answer: str) -> float:
    """The true reward: right help, care, no rudeness or idle talk, and fluency."""
    thing, words = thing_of(prompt), answer.split()
    sentences = _sentences(words)
    right = USE.format(THINGS[thing], thing)
    known = Counter(s for s in sentences if _is_spoken(s, thing))
    score = 1.5 * (right in known) + 0.5 * (CARE in known)
    score -= 0.5 * any(s.startswith("use a") and s != right for s in known)
    score -= 1.0 * known[RUDE] + 0.4 * known[HEDGE] + 0.3 * known[FILLER]
    score -= 0.5 * (len(sentences) - sum(known.values()))  # not of this language
    score -= 0.5 * sum(count - 1 for count in known.values())  # said before
    score -= 0.5 * (not words or words[-1] not in ".?") + 0.05 * max(0, len(words) - 24)
    return score


def _sentences(words: list[str]) -> list[str]:
    found, current = [], []
    for word in words:
        current.append(word)
        if word in ".?":
            found.append(" ".join(current))
            current = []
    return found + ([" ".join(current)] if current else [])


def _is_spoken(sentence: str, thing: str) -> bool:
    tools = THINGS.values()
    forms = {*_FIXED, STEP.format(thing)}
    forms |= {ASK.format(tool) for tool in tools} | {USE.format(tool, thing) for tool in tools}
    return sentence in forms


def write_base_policy(directory: Path, steps: int = 1500) -> None:
    """Trains the base policy and writes its directory."""
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer()
    torch.manual_seed(0)
    model = LlamaForCausalLM(_shape(len(tokenizer)))
    model.generation_config.eos_token_id = 2
    optimiser = torch.optim.AdamW(model.parameters(), lr=6e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=steps)
    generator, asked = random.Random(0), prompts()
    for _ in range(steps):
        texts = [
            _dialogue(prompt, spoken(prompt, generator))
            for prompt in generator.choices(asked, k=32)
        ]
        rows = tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")
        logits = model(**rows).logits[:, :-1]
        wanted = rows["input_ids"][:, 1:].masked_fill(rows["attention_mask"][:, 1:] == 0, -100)
        loss = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def _dialogue(prompt: str, answer: str) -> str:
    return f"<|im_start|> user {prompt} <|im_end|> <|im_start|> assistant {answer} <|im_end|>"


def _tokenizer() -> PreTrainedTokenizerFast:
    texts = [*ASKED, *_FIXED, STEP, ASK, USE, *THINGS, *THINGS.values(), "user assistant system"]
    words = sorted({word for text in texts for word in text.split()} - {"{}"})
    vocabulary = {word: i for i, word in enumerate((*SPECIAL, "<unk>", *words))}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token=SPECIAL[2], pad_token=SPECIAL[2], bos_token=SPECIAL[1],
        unk_token="<unk>", chat_template=TEMPLATE, clean_up_tokenization_spaces=False,
    )  # fmt: skip


def _shape(vocabulary: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary, hidden_size=64, intermediate_size=192, num_hidden_layers=6,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
        tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, pad_token_id=2,
        dtype=torch.float32,
    )  # fmt: skip
