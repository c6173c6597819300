"""Simulated users: they chat, rank, rate and demonstrate through the REST API alone.

They share no code with the server and see nothing of the policy but its responses. Their label
noise is seeded, so the same responses get the same ratings.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from training import bundled_data
from training.demo.preferences import Preference
from tutelage.errors import Forbidden, Unavailable

T = TypeVar("T")
Advance = Callable[[str, int, int], None]  # what is being done, done, total

IN_FLIGHT = 8  # requests at once, so that the server can batch
PATIENCE = 8  # tries of a request that the server was too busy for
TIMEOUT = 600.0  # seconds; a busy laptop answers late


@dataclass(frozen=True)
class Habits:
    """How simulated users behave."""

    responses: int = 4  # alternatives that they ask for and rank
    temperature: float = 0.8
    max_tokens: int = 64
    flips: float = 0.15  # chance that two neighbours in a ranking are swapped
    tie: float = 0.1  # scores closer than this are a tie
    thumbs: float = 0.25  # chance that a conversation also gets a thumb
    seed: int = 7


@dataclass(frozen=True)
class DemoPrompt:
    """Something to say to the assistant."""

    id: str
    text: str


@dataclass(frozen=True)
class Demonstration:
    """A prompt with the answer that the user wanted."""

    prompt: DemoPrompt
    response: str


@dataclass(frozen=True)
class DemoResponse:
    """The assistant's response to a prompt."""

    prompt: DemoPrompt
    text: str
    policy_id: str
    finished: bool  # ended by the policy, not by the limit


@dataclass(frozen=True)
class Taught:
    """What the users did."""

    conversations: int = 0
    rankings: int = 0
    thumbs: int = 0
    edits: int = 0

    def __add__(self, other: "Taught") -> "Taught":
        mine, theirs = vars(self), vars(other)
        return Taught(**{name: mine[name] + theirs[name] for name in mine})


def teach(
    url: str,
    keys: Sequence[str],
    preference: Preference,
    prompts: Sequence[DemoPrompt],
    habits: Habits,
    advance: Advance,
) -> Taught:
    """People with one taste, a key each, talk about the prompts and judge the answers.

    Raises Unavailable when the service cannot be reached or answers with an error.
    """

    async def all_of_it() -> Taught:
        async with _Service(url) as service:
            people = [_Person(service, key, preference, habits) for key in keys]
            lessons = _lessons(people, preference, prompts)
            return sum(await _together(lessons, "judging", advance), Taught())

    return asyncio.run(all_of_it())


def require_ready(url: str) -> None:
    """Raises Unavailable unless a service is ready at this URL."""
    try:
        ready = httpx.get(f"{url.rstrip('/')}/readyz", timeout=10)
    except httpx.HTTPError as error:
        raise _unreachable(url, error) from error
    if ready.is_error:
        raise Unavailable(f"{url} is not ready: {ready.text[:300]}")


def ask(
    url: str,
    key: str,
    prompts: Sequence[DemoPrompt],
    samples: int,
    habits: Habits,
    advance: Advance,
) -> list[DemoResponse]:
    """Ask for ``samples`` answers to each prompt, in order of the prompts; nothing is judged."""

    async def all_of_it() -> list[DemoResponse]:
        async with _Service(url) as service:
            questions = [_answers(service, key, prompt, samples, habits) for prompt in prompts]
            return [
                response
                for responses in await _together(questions, "answering", advance)
                for response in responses
            ]

    return asyncio.run(all_of_it())


def shipped_prompts() -> list[DemoPrompt]:
    """The prompts that ship, in their order, which is random."""
    return [DemoPrompt(row["id"], row["prompt"]) for row in bundled_data.rows(bundled_data.PROMPTS)]


def shipped_demonstrations(preference: Preference) -> list[Demonstration]:
    """What people of this taste write themselves: the first exchange of shipped dialogues."""
    if not preference.shown:
        return []
    rows = bundled_data.rows(preference.shown)[: preference.demonstrations]
    exchanges = ((row["id"], row["messages"]) for row in rows)
    return [
        Demonstration(DemoPrompt(name, m[0]["content"]), m[1]["content"]) for name, m in exchanges
    ]


class _Service:
    """The API as one client sees it; waits and tries again while the server is too busy."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._turns = asyncio.Semaphore(IN_FLIGHT)

    async def __aenter__(self) -> "_Service":
        self._client = httpx.AsyncClient(base_url=self._url, timeout=TIMEOUT)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def post(self, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON answer; Forbidden for a bad key, Unavailable for everything else that fails."""
        async with self._turns:
            for attempt in range(PATIENCE):
                response = await self._send(path, key, body)
                if response.status_code not in (429, 503):
                    break
                await asyncio.sleep(float(response.headers.get("retry-after", 2**attempt)))
        if response.status_code == 401:
            raise Forbidden("The service does not know this API key.", "key")
        if response.is_error:
            raise Unavailable(f"{path} answered {response.status_code}: {response.text[:300]}")
        answered: dict[str, Any] = response.json()
        return answered

    async def _send(self, path: str, key: str, body: dict[str, Any]) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"}
        try:
            return await self._client.post(path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise _unreachable(self._url, error) from error


def _unreachable(url: str, error: Exception) -> Unavailable:
    return Unavailable(
        f"The service at {url} cannot be reached ({error}). Start it with `tutelage serve`, or "
        "name another with --url."
    )


@dataclass(frozen=True)
class _Person:
    """Someone with a key and a taste."""

    service: _Service
    key: str
    preference: Preference
    habits: Habits

    async def discuss(self, prompt: DemoPrompt) -> Taught:
        """Ask for alternatives, rank them, and sometimes give a thumb."""
        noise = random.Random(f"{self.habits.seed}/{prompt.id}")
        turn = await _complete(self.service, self.key, prompt, self.habits.responses, self.habits)
        shown = [c for c in turn["choices"] if c["finish_reason"] != "content_filter"]
        scores = {c["index"]: self.preference.score(c["message"]["content"]) for c in shown}
        taught = Taught(conversations=1)
        if len(scores) > 1:
            taught += await self._rank(turn["id"], scores, noise)
        if scores and noise.random() < self.habits.thumbs:
            taught += await self._thumb(turn["id"], scores, noise)
        return taught

    async def show(self, demonstration: Demonstration) -> Taught:
        """Ask, then write what the answer should have been."""
        turn = await _complete(self.service, self.key, demonstration.prompt, 1, self.habits)
        await self._judge({"completion_id": turn["id"], "kind": "edit", "choice": 0,
                           "text": demonstration.response})  # fmt: skip
        return Taught(conversations=1, edits=1)

    async def _rank(self, turn: str, scores: dict[int, float], noise: random.Random) -> Taught:
        positions = sorted(scores, key=lambda _: noise.random())
        ranking = rank(scores, self.habits, noise)
        await self._judge({"completion_id": turn, "kind": "ranking", "ranking": ranking,
                           "positions": positions})  # fmt: skip
        return Taught(rankings=1)

    async def _thumb(self, turn: str, scores: dict[int, float], noise: random.Random) -> Taught:
        choice = noise.choice(sorted(scores))
        value = "up" if scores[choice] > 0 else "down"
        await self._judge({"completion_id": turn, "kind": "thumbs", "choice": choice,
                           "value": value})  # fmt: skip
        return Taught(thumbs=1)

    async def _judge(self, body: dict[str, Any]) -> None:
        await self.service.post("/v1/feedback", self.key, body)


def rank(scores: dict[int, float], habits: Habits, noise: random.Random) -> list[list[int]]:
    """Choices from best to worst, near-equals tied; then neighbours are swapped by mistake."""
    groups: list[list[int]] = []
    for choice in sorted(scores, key=lambda choice: (-scores[choice], choice)):
        if groups and scores[groups[-1][0]] - scores[choice] < habits.tie:
            groups[-1].append(choice)
        else:
            groups.append([choice])
    for place in range(len(groups) - 1):
        if noise.random() < habits.flips:
            groups[place], groups[place + 1] = groups[place + 1], groups[place]
    return groups


def _lessons(
    people: Sequence[_Person], preference: Preference, prompts: Sequence[DemoPrompt]
) -> list[Awaitable[Taught]]:
    """What everyone does: prompts and demonstrations are dealt out in turn."""
    shown = shipped_demonstrations(preference)
    lessons: list[Awaitable[Taught]] = [
        people[i % len(people)].discuss(prompt) for i, prompt in enumerate(prompts)
    ]
    lessons += [people[i % len(people)].show(example) for i, example in enumerate(shown)]
    return lessons


async def _answers(
    service: _Service, key: str, prompt: DemoPrompt, samples: int, habits: Habits
) -> list[DemoResponse]:
    turn = await _complete(service, key, prompt, samples, habits)
    return [
        DemoResponse(
            prompt,
            choice["message"]["content"],
            turn["system_fingerprint"],
            choice["finish_reason"] == "stop",
        )
        for choice in turn["choices"]
    ]


async def _complete(
    service: _Service, key: str, prompt: DemoPrompt, n: int, habits: Habits
) -> dict[str, Any]:
    body = {
        "model": "tutelage",
        "messages": [{"role": "user", "content": prompt.text}],
        "n": n,
        "temperature": habits.temperature,
        "max_tokens": habits.max_tokens,
        "seed": random.Random(f"{habits.seed}/{prompt.id}/answers").randrange(2**31),
    }
    return await service.post("/v1/chat/completions", key, body)


async def _together(tasks: Iterable[Awaitable[T]], what: str, advance: Advance) -> list[T]:
    """Run all at once (the service holds back what is too much), results in order.

    The first failure cancels the rest.
    """
    awaited = list(tasks)
    done = 0

    async def counted(task: Awaitable[T]) -> T:
        nonlocal done
        result = await task
        done += 1
        advance(what, done, len(awaited))
        return result

    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(counted(task)) for task in awaited]
    except* (Unavailable, Forbidden) as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in running]
