"""Rungs of an iteration's ladder for people: responses to rank, and the chosen one as a policy.

The rungs and the policy that was current respond to the same held-out prompts with the same random
numbers, sampled as the judged responses were.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlmodel import Session
from torch.nn import ModuleList

from training import bundled_data, snapshot
from training.compute import compute
from training.config import IterationConfig
from training.evaluation.evaluate import Flag, sample_layers, sample_policy
from training.iteration.publish import build_policy
from training.model.checkpoint import load_state
from training.model.load import load_model
from training.model.lora import load_adapter, merge, merged
from training.model.tokenizer import ChatTokenizer
from training.population import JudgedPopulation, as_judged
from training.ppo.ladder import Ladder
from training.ppo.rollout import Episode
from training.progress import Progress, silent
from training.snapshot import HELD_OUT, of_side
from tutelage import jsonl
from tutelage.chat import conversations
from tutelage.composition import Core
from tutelage.errors import Conflict, NotFound
from tutelage.feedback.preference_data import Dialogue
from tutelage.iteration_folder import IterationFolder
from tutelage.iterations import iterations
from tutelage.labeling import rungs
from tutelage.labeling.rungs import RungName, RungResponse
from tutelage.policies import deployment
from tutelage.tables import Conversation, Iteration, Message

STAGE = "rungs"


class LadderPolicies:
    """An iteration's SFT policy, and the rungs above it as they are needed."""

    def __init__(self, core: Core, iteration: Iteration, config: IterationConfig) -> None:
        self.folder = core.iteration(iteration.id)
        self.source = core.library.path(iteration.parent_policy_id)
        core.library.require_weights(iteration.parent_policy_id)
        self.model = load_model(self.source, config)
        self.sft: ModuleList | None = None
        if self.folder.sft_adapter.is_file():
            self.sft = self.model.adapted(config.sft.lora_rank, config.sft.lora_alpha, config.seed)
            load_adapter(self.sft, load_state(self.folder.sft_adapter)[0])
            merge(self.sft, into=self.model.reference)
        ppo = config.ppo
        self.policy = self.model.adapted(ppo.lora_rank, ppo.lora_alpha, config.seed)
        self.ladder = Ladder(self.policy, self.folder.ppo)

    def respond(
        self, name: RungName, prompts: list[list[int]], config: IterationConfig
    ) -> list[Episode]:
        """A rung's responses to encoded prompts."""
        self.ladder.load(name.update, name.scale)
        tokenizer = ChatTokenizer(self.source)
        return sample_layers(self.model, merged(self.policy), tokenizer, prompts, config)

    def save(self, name: RungName, path: Path) -> None:
        """A rung as a policy directory; the object is spent."""
        self.ladder.load(name.update, name.scale)
        self.model.save(self.source, path, self.policy, below=self.sft)


def compare_rungs(
    core: Core,
    iteration_id: str,
    count: int,
    prompts: int,
    overlap: int,
    flag: Flag,
    progress: Progress = silent,
) -> int:
    """Let rungs and current policy respond, and put their responses on the labeling desk.

    Responses that ``flag`` objects to are left out.

    Args: count: rungs, spread over the ladder's KL, with the candidate among them; prompts: at
    most so many; overlap: labelers per prompt.
    Returns: how many ranking tasks there are now for it.
    Raises: NotFound without candidate or ladder, Invalid, Conflict where weights were
    deleted or no prompt is left.
    """
    rungs.require_number(count)
    with core.store.read() as session:
        iteration = iterations.get(session, iteration_id)
        used = rungs.asked(session, rungs.candidate_of(iteration))
    frozen = snapshot.load(core.iteration(iteration_id).snapshot)
    judged = JudgedPopulation.of(frozen.rankings)
    config = as_judged(IterationConfig.load(core.iteration(iteration_id).config), judged)
    config = replace(config, precision="fp32")  # the precision that is served
    names = chosen_rungs(core.iteration(iteration_id), iteration, count)
    core.library.require_weights(iteration.baseline_policy_id)
    tokenizer = ChatTokenizer(core.library.path(iteration.baseline_policy_id))
    asked = [
        each
        for each in _prompts(frozen.prompts, tokenizer, config)
        if each[1][-1]["content"] not in used
    ][:prompts]
    if not asked:
        raise Conflict("All prompts have been compared already.")
    encoded = [tokenizer.prompt(dialogue) for _, dialogue in asked]
    written = _written(core, iteration, names, encoded, config, progress)
    sampling = {"temperature": config.ppo.temperature, "top_p": 1.0,
                "max_tokens": config.ppo.max_new_tokens}  # fmt: skip
    tasks = 0
    for place, (message_id, dialogue) in enumerate(asked):
        responses = [
            RungResponse(policy, tokenizer.text(episodes[place].words.tolist()),
                         episodes[place].finished)
            for policy, episodes in written.items()
        ]  # fmt: skip
        with core.store.write() as session:
            path = _path(session, message_id) or dialogue[-1]["content"]
            kept = [response for response in responses if not flag(response.text)]
            tasks += rungs.add_task(session, path, kept, sampling, overlap)
    progress(STAGE, len(names), len(names), {})
    return tasks


def _written(
    core: Core,
    iteration: Iteration,
    names: Sequence[RungName],
    prompts: list[list[int]],
    config: IterationConfig,
    progress: Progress,
) -> dict[str, list[Episode]]:
    """The responses of the baseline and of each rung to encoded prompts, by the name shown."""
    baseline = core.library.path(iteration.baseline_policy_id)
    with compute(config):
        ladder = LadderPolicies(core, iteration, config)
        by_baseline = sample_policy(baseline, ChatTokenizer(baseline), prompts, config)
        written = {iteration.baseline_policy_id: by_baseline}
        for done, name in enumerate(names):
            progress(STAGE, done, len(names), {})
            written[_shown(name, iteration)] = ladder.respond(name, prompts, config)
    return written


def publish_rung(core: Core, text: str, actor: str) -> str:
    """Publish a rung as a candidate of its own; the new policy's id.

    Raises: NotFound for an unknown rung, Conflict where weights were deleted.
    """
    name = RungName.parse(text)
    manifest = core.library.manifest(name.candidate)
    with core.store.read() as session:
        iteration = iterations.get(session, manifest["iteration"])
        choice = rungs.choice(session, iteration)
    folder = core.iteration(iteration.id)
    if name not in [_named(name.candidate, row) for row in measured_rungs(folder)]:
        raise NotFound(f"{text} is not on the ladder of {iteration.id}.")
    rating = next((each for each in choice.ratings if each.policy_id == text), None)
    said = (
        f"{rating.elo:.0f} Elo [{rating.low:.0f}, {rating.high:.0f}] in {rating.duels} comparisons"
        if rating
        else "not compared"
    )
    reason = (
        f"A rung of the ladder of {iteration.id}, chosen by people: {said}. The gate has not "
        f"evaluated it; the measures here are those of {name.candidate}."
    )
    kept = manifest.keys() - {"id", "files", "base", "base_sha256"}  # publication states these
    lineage = {key: manifest[key] for key in sorted(kept)} | {"rung": text, "reasons": [reason]}
    config = replace(IterationConfig.load(folder.config), precision="fp32")
    policy_id = core.library.next_id()
    with tempfile.TemporaryDirectory(dir=folder.path) as beside:
        candidate = Path(beside) / "policy"
        with compute(config):
            LadderPolicies(core, iteration, config).save(name, candidate)
        build = build_policy(candidate, policy_id, lineage)
        core.library.publish(policy_id, build, lineage)
    with core.store.write() as session:
        deployment.register(
            session, policy_id, core.library.manifest_sha256(policy_id), lineage["parent"],
            iteration.id, actor, iteration.team_id,
        )  # fmt: skip
    return policy_id


def measured_rungs(folder: IterationFolder) -> list[dict[str, Any]]:
    """The healthy rungs with their metrics. Raises NotFound where the ladder is gone."""
    if not folder.ladder.is_dir():
        raise NotFound(f"The ladder of {folder.id} is not there; old ones are deleted.")
    return jsonl.read(folder.rungs)


def chosen_rungs(folder: IterationFolder, iteration: Iteration, count: int) -> list[RungName]:
    """``count`` rungs evenly spread in order of KL, the candidate's own among them.

    Raises Conflict where the ladder has too few.
    """
    candidate = rungs.candidate_of(iteration)
    rows = sorted(measured_rungs(folder), key=lambda row: float(row["objective/kl"]))
    if len(rows) < count:
        raise Conflict(f"The ladder of {iteration.id} has only {len(rows)} healthy rungs.")
    names = [_named(candidate, row) for row in rows]
    places = [round(i * (len(names) - 1) / (count - 1)) for i in range(count)]
    own = names.index(_kept(iteration))
    nearest = min(range(count), key=lambda i: abs(places[i] - own))
    places[nearest] = own
    return [names[place] for place in places]


def _named(candidate: str, row: dict[str, Any]) -> RungName:
    return RungName(candidate, int(row["update"]), float(row["scale"]))


def _kept(iteration: Iteration) -> RungName:
    ppo = iteration.metrics["ppo"]
    return RungName(
        rungs.candidate_of(iteration), int(ppo["kept_update"]), float(ppo["kept_scale"])
    )


def _shown(name: RungName, iteration: Iteration) -> str:
    """The candidate's own rung is the candidate, as on the leaderboard."""
    return name.candidate if name == _kept(iteration) else str(name)


def _prompts(
    rows: Sequence[dict[str, Any]], tokenizer: ChatTokenizer, config: IterationConfig
) -> list[tuple[str, Dialogue]]:
    """Held-out prompts of people with their messages' ids, then bundled ones (id "")."""
    asked = [(row["id"], row["prompt"]) for row in of_side(rows, HELD_OUT)]
    seen = {repr(prompt) for _, prompt in asked}
    spare = [
        [{"role": "user", "content": row["prompt"]}]
        for row in bundled_data.rows(bundled_data.PROMPTS)
    ]
    asked += [("", prompt) for prompt in spare if repr(prompt) not in seen]
    limit = config.ppo.max_prompt_tokens
    return [each for each in asked if len(tokenizer.prompt(each[1])) <= limit]


def _path(session: Session, message_id: str) -> list[Message] | None:
    """The stored dialogue up to a prompt, unless it was deleted or consent taken back."""
    message = session.get(Message, message_id) if message_id else None
    if message is None:
        return None
    conversation = session.get(Conversation, message.conversation_id)
    if conversation is None or not conversation.training:
        return None
    return conversations.path_to(conversations.messages(session, conversation.id), message_id)
