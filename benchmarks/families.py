"""Every family of models through the whole loop: brought, chatted with, taught, promoted, served.

    tutelage bench families --json
    tutelage bench families --twins qwen3 gpt_oss

Models are random ones of four layers (tests/family_twins.py), each with a chat template of its
family's kind. Through the API of a service in this process people chat and rank; the smoke preset
trains a candidate, which is promoted and answers. Columns of log-probabilities are the largest
difference of a token, in nats, from the candidate as plain transformers reads it, with its adapter
through peft: of the trainer, of the engine on transformers, and of the embedded engine, which
computes in 16 bits.
"""

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from common import tell
from fastapi.testclient import TestClient
from peft import PeftModel
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from server.app import create_app
from server.generators.choice import engine_for
from server.generators.embedded.graph_runner import load_graph
from server.generators.paged.runner import load_paged
from server.services import open_services
from training import rlhf
from training.config import IterationConfig
from training.iteration.run import request_iteration, run_iteration
from training.model.batching import pad, positions
from training.model.general_model import GeneralModel
from training.model.load import load_model
from tutelage.chat import conversations
from tutelage.composition import Core, open_core
from tutelage.errors import TutelageError
from tutelage.feedback import feedback
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.policies.base import ensure_base
from tutelage.policies.library import base_of
from tutelage.policies.model_check import check_model
from tutelage.settings import Settings
from tutelage.tables import FeedbackKind, Role

TESTS = Path(__file__).parents[1] / "tests"
sys.path += [str(TESTS), str(TESTS / "server" / "generators")]
from family_twins import TEMPLATE_OF, write_twin  # noqa: E402
from readings import TEXTS, difference_from  # noqa: E402

QUESTIONS, ANSWERS = 16, 4
SECONDS = 60  # until a promoted policy answers
FAILED = "failed"
OURS = ("embedded", "transformers")


@dataclass
class FamilyResult:
    """What became of a family; differences in nats, None where that engine does not serve it."""

    family: str
    template: str
    engine: str = ""
    path: str = ""
    result: str = ""
    trainer: float | None = None
    transformers: float | None = None
    embedded: float | None = None
    seconds: float = 0.0


def through_the_loop(twin: str, folder: Path) -> FamilyResult:
    """One family; a refusal is a result."""
    found, began = FamilyResult(twin, TEMPLATE_OF[twin]), time.monotonic()
    try:
        found.result = _taught(twin, folder, found)
    except TutelageError as error:
        found.result = f"refused: {error.message}"
    except Exception as error:  # the other families are still to come
        traceback.print_exc()
        found.result = f"{FAILED}: {type(error).__name__}: {error}"
    found.seconds = round(time.monotonic() - began, 1)
    return found


def _taught(twin: str, folder: Path, found: FamilyResult) -> str:
    source = write_twin(twin, folder / "source", template=found.template)
    checked = check_model(str(source))
    if checked.problems:
        return f"refused: {checked.problems[0]}"
    found.engine, reason = engine_for(checked.config)
    core = open_core(Settings(data=folder / "data", moderation="off", threads=2, rate_limit=0))
    try:
        ensure_base(core.store, core.library, str(source))
        if found.engine in OURS:
            _chat_and_rank(core)
        else:
            _rank_what_was_written(core)
        outcome = run_iteration(core, request_iteration(core, "smoke", "bench").id)
        if outcome.policy_id is None:
            return f"not published: {outcome.reasons[0]}"
        _compare(core, outcome.policy_id, found)
        if found.engine not in OURS:
            return f"trained; serving refused: {reason}"
        with core.store.write() as session:
            deployment.promote(session, outcome.policy_id, "bench")
        return _answers(core, outcome.policy_id)
    finally:
        core.store.close()


class _ServiceCaller:
    """The service in this process, as an operator's program calls it."""

    def __init__(self, core: Core, name: str) -> None:
        with core.store.write() as session:
            user = people.create_user(session, name, Role.OPERATOR)
            key = people.create_key(session, user, name, training=True)[1]
        self._headers = {"authorization": f"Bearer {key}"}
        self._client = TestClient(create_app(open_services(core)))

    def __enter__(self) -> "_ServiceCaller":
        self._client.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._client.__exit__(*error)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What the service answers; raises where it refuses."""
        answer = self._client.post(path, json=body, headers=self._headers)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def ask(self, text: str, **body: Any) -> Any:
        """A turn; the completion."""
        messages = [{"role": "user", "content": text}]
        asked = {"model": "tutelage", "messages": messages, "max_tokens": 12} | body
        return self.post("/v1/chat/completions", asked)


def _chat_and_rank(core: Core) -> None:
    """Shorter answers are ranked better; every third question is also answered by an edit."""
    with _ServiceCaller(core, "ada") as ada:
        for number in range(QUESTIONS):
            turn = ada.ask(f"Question {number}?", n=ANSWERS, seed=number)
            texts = [choice["message"]["content"] for choice in turn["choices"]]
            order = sorted(range(ANSWERS), key=lambda index: len(texts[index]))
            judged = {"completion_id": turn["id"], "kind": "ranking"}
            ada.post("/v1/feedback", judged | {"ranking": [[index] for index in order]})
            if number % 3 == 0:
                edit = {"completion_id": turn["id"], "choice": 0, "kind": "edit"}
                ada.post("/v1/feedback", edit | {"text": f"Yes, that is {number}."})


def _rank_what_was_written(core: Core) -> None:
    """The same without an engine of ours: answers as a remote engine would have written them."""
    with core.store.write() as session:
        user = people.create_user(session, "ada")
        for number in range(QUESTIONS):
            talk = conversations.start(session, user.id, True)
            asked = conversations.append(session, talk, None, "user", f"Question {number}?")
            answers = [
                conversations.append(
                    session, talk, asked.id, "assistant", "yes " * (choice + 1),
                    completion_id=f"chatcmpl-{number}", choice=choice,
                )
                for choice in range(ANSWERS)
            ]  # fmt: skip
            ranked = {"ranking": [[answer.id] for answer in answers]}
            kind = FeedbackKind.RANKING
            feedback.record(session, user.id, kind, answers, ranked, f"chatcmpl-{number}")


def _answers(core: Core, policy_id: str) -> str:
    """Chat again: what answers is the promoted policy."""
    with _ServiceCaller(core, "grace") as grace:
        until = time.monotonic() + SECONDS
        while grace.ask("And now?")["model"] != policy_id:
            if time.monotonic() > until:
                return f"{policy_id} does not answer"
            time.sleep(0.2)
    return "promoted, answers"


@torch.no_grad()
def _compare(core: Core, policy_id: str, found: FamilyResult) -> None:
    """Log-probabilities of the candidate in the trainer and the engines beside plain ones."""
    path = core.library.path(policy_id)
    base = base_of(path)
    plain = AutoModelForCausalLM.from_pretrained(base or path, dtype=torch.float32)
    if base:
        plain = PeftModel.from_pretrained(plain, path)
    plain.eval()
    found.trainer, found.path = _in_training(plain, path)
    asked: tuple[Any, ...] = (policy_id, path, 1, 1024)
    if found.engine in OURS:
        found.transformers = difference_from(plain, load_paged(*asked, "auto"))
    if found.engine == "embedded":
        found.embedded = difference_from(plain, load_graph(*asked, "f16"))


def _in_training(plain: torch.nn.Module, path: Path) -> tuple[float, str]:
    """The trainer's largest difference over two texts side by side, and its path."""
    model = load_model(path, IterationConfig.load("smoke"))
    rows = [torch.tensor(ids) for ids in TEXTS.values()]
    ids = pad(rows)
    final = model.top(model.reference, model.trunk(ids, positions(ids)), positions(ids))
    gaps = []
    for row, states in zip(rows, final, strict=True):
        ours, _ = rlhf.logprobs_and_entropy(states[: len(row) - 1], model.head, row[1:])
        own = plain(row[None]).logits[0, :-1].log_softmax(-1).gather(1, row[1:, None])[:, 0]
        gaps.append(float((ours - own).abs().max()))
    return max(gaps), "general" if isinstance(model, GeneralModel) else "fast"


def table(rows: Sequence[FamilyResult]) -> str:
    """The rows as Markdown."""
    lines = [
        "| family | template | engine | training | trainer | transformers | embedded | result |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        gaps = ("" if g is None else f"{g:.1g}" for g in (row.trainer, row.transformers))
        rounded = "" if row.embedded is None else f"{row.embedded:.1g}"
        cells = (row.family, row.template, row.engine, row.path, *gaps, rounded, row.result)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Each family in turn; exit status 1 where one fails without a sentence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--twins", nargs="+", choices=list(TEMPLATE_OF), default=list(TEMPLATE_OF))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    rows: list[FamilyResult] = []
    for twin in options.twins:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(through_the_loop(twin, Path(folder)))
        print(f"{rows[-1]}", file=sys.stderr, flush=True)
    print(table(rows))
    tell({"families": [asdict(row) for row in rows]} if options.json else {}, options.json)
    if any(row.result.startswith(FAILED) for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
