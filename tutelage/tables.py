"""The stored rows: every noun that outlives a process, as SQLModel tables.

Times are Unix seconds (float, UTC). Ids are time-ordered strings with a prefix that names the noun.
JSON columns hold plain lists and dicts; they are replaced, never changed in place.
"""

import secrets
import time
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    false,
)
from sqlmodel import Field, SQLModel, select


def new_id(prefix: str) -> str:
    """A unique id that begins with its time, such as ``msg_18c2f0a1b2c3d4e5a1b2c3d4``."""
    return f"{prefix}_{time.time_ns():016x}{secrets.token_hex(4)}"


def json_column(nullable: bool = False) -> Any:
    """A column for plain JSON values."""
    return Column(JSON(none_as_null=True), nullable=nullable)


def cascade(target: str, nullable: bool = False, index: bool = True) -> Any:
    """A foreign key whose row goes when its parent row goes (erasure)."""
    key = ForeignKey(target, ondelete="CASCADE")
    return Column(String, key, nullable=nullable, index=index)


class Ordered(SQLModel):
    """A row with its place in the order of writing, over all tables.

    The database gives the place when the row is first flushed (``store``): clocks are set back and
    differ between hosts. 0 stands for "not placed yet"; a row that is set to 0 moves to the end.
    """

    seq: int = Field(
        default=0, sa_type=BigInteger, index=True, sa_column_kwargs={"server_default": "0"}
    )


def place_of(table: type[Ordered], row_id: str) -> Any:
    """The place of the row with that id, as a query; null where the row is gone."""
    row: Any = table
    return select(row.seq).where(row.id == row_id).scalar_subquery()


class Searchable(SQLModel):
    """A row that is found by its words: ``folded`` holds ``words`` as ``folding`` folds them.

    The store folds them when the row is flushed, so that search is the same on every database.
    """

    folded: str = Field(default="", sa_column_kwargs={"server_default": ""})

    @property
    def words(self) -> str:
        """What is searched."""
        raise NotImplementedError


class Placing(SQLModel, table=True):
    """Where places come from: on SQLite the row holds the last one, on PostgreSQL its sequence."""

    last: int = Field(primary_key=True, sa_type=BigInteger)


class Role(StrEnum):
    """What a person may do: users chat, labelers also label, operators also deploy."""

    USER = "user"
    LABELER = "labeler"
    OPERATOR = "operator"


class User(Ordered, Searchable, table=True):
    """A person or a client program's owner. ``training`` is the default consent of new chats.

    Guests have no ``login``. ``quota`` overrides the quota of the role: {"requests", "tokens"} a
    day, 0 for no limit. A disabled person cannot sign in.
    """

    id: str = Field(default_factory=lambda: new_id("user"), primary_key=True)
    name: str
    login: str | None = Field(default=None, unique=True, index=True)  # folded to lower case
    password_hash: str | None = None  # Argon2id
    role: Role = Field(default=Role.USER, sa_type=String)
    disabled_at: float | None = None
    quota: dict[str, int] | None = Field(default=None, sa_column=json_column(True))
    training: bool = False
    consented_at: float | None = None  # when the person last answered the consent question
    created_at: float = Field(default_factory=time.time)

    @property
    def words(self) -> str:
        """The names."""
        return f"{self.name}\n{self.login or ''}"


class Identity(SQLModel, table=True):
    """A person as an OpenID Connect provider knows them."""

    issuer: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    user_id: str = Field(sa_column=cascade("user.id"))
    created_at: float = Field(default_factory=time.time)


class Team(Ordered, table=True):
    """People whose chats teach a policy of their own, and no other."""

    id: str = Field(default_factory=lambda: new_id("team"), primary_key=True)
    name: str = Field(unique=True)
    created_at: float = Field(default_factory=time.time)


class Membership(Ordered, table=True):
    """The one team of a person; who has none has no row."""

    user_id: str = Field(
        sa_column=Column(String, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    )
    team_id: str = Field(sa_column=cascade("team.id"))
    created_at: float = Field(default_factory=time.time)


class Scope(StrEnum):
    """What an API key is good for; a scope never gives more than its owner's role does."""

    CHAT = "chat"
    FEEDBACK = "feedback"
    LABEL = "label"
    OPERATE = "operate"


class ApiKey(Ordered, table=True):
    """A bearer secret of a user, kept as a prefix to recognise it and a SHA-256 to check it.

    Without ``scopes`` it does whatever its owner may. A key with a ``site`` stands in web pages:
    {"origins", "per_minute", "per_day", "visitor_per_minute", "visitor_per_day"}.
    """

    id: str = Field(default_factory=lambda: new_id("key"), primary_key=True)
    user_id: str = Field(sa_column=cascade("user.id"))
    name: str
    prefix: str
    sha256: str = Field(unique=True)
    training: bool = True
    scopes: list[str] | None = Field(default=None, sa_column=json_column(True))
    site: dict[str, Any] | None = Field(default=None, sa_column=json_column(True))
    created_at: float = Field(default_factory=time.time)
    expires_at: float | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None


class DailyUsage(SQLModel, table=True):
    """What a person used on one day (UTC, days since 1970); it outlives erased conversations."""

    __tablename__ = "usage"

    user_id: str = Field(
        sa_column=Column(String, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    )
    day: int = Field(primary_key=True)
    requests: int = 0
    tokens: int = 0


class SignInKind(StrEnum):
    """A ``link`` works once and becomes a ``session``, which is what the browser's cookie holds."""

    LINK = "link"
    SESSION = "session"


class SignIn(SQLModel, table=True):
    """A browser session or a one-time sign-in link, kept only as a SHA-256."""

    sha256: str = Field(primary_key=True)
    user_id: str = Field(sa_column=cascade("user.id"))
    kind: SignInKind = Field(sa_type=String)
    expires_at: float
    created_at: float = Field(default_factory=time.time)


class Purpose(StrEnum):
    """Why a conversation exists: only chats are listed to their owner."""

    CHAT = "chat"
    LABELING = "labeling"
    IMPORT = "import"
    BLIND = "blind"  # two policies' answers, judged by an operator who is not told whose


class Conversation(Ordered, Searchable, table=True):
    """A tree of messages that belongs to one user.

    A copy that was made for labelers names its ``origin``: it belongs to the same owner, follows
    the origin's consent and goes with it. ``seq`` is the place of its last message.
    A chat that a member of a team wrote in belongs to that ``team_id`` for good, also when the team
    is deleted: only a policy of that team may learn from it.
    """

    id: str = Field(default_factory=lambda: new_id("conv"), primary_key=True)
    owner_id: str = Field(sa_column=cascade("user.id"))
    purpose: Purpose = Field(default=Purpose.CHAT, sa_type=String)
    origin_id: str | None = Field(default=None, index=True)
    team_id: str | None = Field(default=None, index=True)
    title: str = ""
    training: bool = False
    pinned_at: float | None = None
    created_at: float = Field(default_factory=time.time)
    updated_at: float = Field(default_factory=time.time, index=True)

    @property
    def words(self) -> str:
        """The title."""
        return self.title


class Message(Ordered, Searchable, table=True):
    """One turn. Siblings (same parent) are alternatives, edits or regenerations of each other.

    ``token_ids`` and ``logprobs`` are those of the response as sampled by the behaviour policy:
    one natural-log probability per token, under the distribution that was sampled from
    at temperature 1 (before temperature and top-p), EOS included when it was sampled.
    ``first_text_seconds`` and ``seconds`` are how long the person waited for its beginning and end.
    ``copied_at`` is when they first copied it, noted in chats that allow training alone.
    """

    __table_args__ = (Index("ix_message_policy_id_created_at", "policy_id", "created_at"),)

    id: str = Field(default_factory=lambda: new_id("msg"), primary_key=True)
    conversation_id: str = Field(sa_column=cascade("conversation.id"))
    parent_id: str | None = Field(default=None, sa_column=cascade("message.id", nullable=True))
    role: str
    content: str
    completion_id: str | None = Field(default=None, index=True)
    choice: int | None = None
    policy_id: str | None = None
    sampling: dict[str, Any] | None = Field(default=None, sa_column=json_column(True))
    token_ids: list[int] | None = Field(default=None, sa_column=json_column(True))
    logprobs: list[float] | None = Field(default=None, sa_column=json_column(True))
    prompt_tokens: int | None = None
    finish_reason: str | None = None
    first_text_seconds: float | None = None
    seconds: float | None = None
    copied_at: float | None = None
    tool_calls: list[dict[str, Any]] | None = Field(default=None, sa_column=json_column(True))
    tool_call_id: str | None = None  # of a tool's message: the call that it answers
    created_at: float = Field(default_factory=time.time)

    @property
    def words(self) -> str:
        """The text."""
        return self.content


class RunningTurn(Ordered, table=True):
    """A turn of the web UI while it is written, so that every process can show it and end it.

    ``responses`` are its choices in order: {"id", "text", "finish_reason"}, at most a second old.
    The process that writes it renews ``expires_at``; after that the responses have broken off.
    """

    __tablename__ = "turn"

    id: str = Field(primary_key=True)  # of its completion
    conversation_id: str = Field(sa_column=cascade("conversation.id"))
    prompt_message_id: str = Field(sa_column=cascade("message.id"))
    policy_id: str
    responses: list[dict[str, Any]] = Field(sa_column=json_column())
    stopped: bool = False  # its owner asked to stop it
    expires_at: float  # by the clock of the database
    created_at: float = Field(default_factory=time.time)


class SystemPrompt(Ordered, table=True):
    """A named system prompt to begin conversations with: its owner's, or everyone's.

    A conversation holds the text itself, as its first message.
    """

    __tablename__ = "systemprompt"

    id: str = Field(default_factory=lambda: new_id("sysp"), primary_key=True)
    owner_id: str | None = Field(default=None, sa_column=cascade("user.id", nullable=True))
    name: str
    text: str
    created_at: float = Field(default_factory=time.time)


class ShareLink(Ordered, table=True):
    """A link to read a conversation up to one message; its token grants access."""

    __tablename__ = "share"

    token: str = Field(default_factory=lambda: secrets.token_urlsafe(16), primary_key=True)
    conversation_id: str = Field(sa_column=cascade("conversation.id"))
    leaf_id: str = Field(sa_column=cascade("message.id"))
    created_at: float = Field(default_factory=time.time)


class FeedbackKind(StrEnum):
    """What a person said of an answer."""

    THUMBS = "thumbs"
    RANKING = "ranking"
    EDIT = "edit"
    REPORT = "report"
    DEMONSTRATION = "demonstration"
    WITHDRAWAL = "withdrawal"


class Feedback(Ordered, table=True):
    """Append-only. A later row of the same author, kind and target supersedes an earlier one.

    ``target`` is the message judged, or the completion for a ranking, or for a withdrawal
    the id of the row taken back. ``value`` by kind: thumbs ``{value, reasons, comment}``;
    ranking ``{ranking: [[message id, …], …]}`` best first, inner list a tie, and of labelers
    also ``{flags: {message id: [word]}, ratings: {message id: 1 … 7}}``;
    edit ``{text}``; report ``{category, comment}``; demonstration ``{turns: [{message_id,
    suggested, distance}]}``: what the model suggested, and the edits away from it.
    ``moderation`` is the notice on a flagged text: ``{action, categories, message}``.
    """

    __table_args__ = (UniqueConstraint("author_id", "idempotency_key"),)

    id: str = Field(default_factory=lambda: new_id("fb"), primary_key=True)
    kind: FeedbackKind = Field(sa_type=String)
    author_id: str = Field(sa_column=cascade("user.id"))
    conversation_id: str = Field(sa_column=cascade("conversation.id"))
    target: str = Field(index=True)
    value: dict[str, Any] = Field(sa_column=json_column())
    positions: list[str] | None = Field(default=None, sa_column=json_column(True))
    moderation: dict[str, Any] | None = Field(default=None, sa_column=json_column(True))
    policy_id: str | None = None
    idempotency_key: str | None = None
    created_at: float = Field(default_factory=time.time, index=True)


class ModerationRecord(Ordered, table=True):
    """What the classifier said of one message and what was done about it.

    ``span`` is where in the text the finding is. Of a blocked answer the text is what was shown
    and ``withheld`` what was not shown: only the reviewer of an appeal reads it.
    """

    id: str = Field(default_factory=lambda: new_id("modr"), primary_key=True)
    message_id: str = Field(sa_column=cascade("message.id"))
    classifier: str
    scores: dict[str, float] = Field(sa_column=json_column())
    thresholds: dict[str, float] = Field(sa_column=json_column())
    action: str = Field(index=True)
    categories: list[str] = Field(sa_column=json_column())
    span: list[int] | None = Field(default=None, sa_column=json_column(True))
    withheld: str = ""
    created_at: float = Field(default_factory=time.time)


class AppealState(StrEnum):
    """Where an appeal stands: the filter was right (upheld), or it was wrong (overturned)."""

    OPEN = "open"
    UPHELD = "upheld"
    OVERTURNED = "overturned"


class Appeal(Ordered, table=True):
    """A person's objection to one verdict, and what an operator decided.

    ``labels`` say for each category that the verdict named whether it holds: {category: 0 or 1}.
    """

    id: str = Field(default_factory=lambda: new_id("appeal"), primary_key=True)
    record_id: str = Field(sa_column=cascade("moderationrecord.id"))
    author_id: str = Field(sa_column=cascade("user.id"))
    comment: str = ""
    state: AppealState = Field(default=AppealState.OPEN, sa_type=String, index=True)
    labels: dict[str, int] | None = Field(default=None, sa_column=json_column(True))
    answer: str = ""  # what the operator tells the person
    created_at: float = Field(default_factory=time.time)
    decided_at: float | None = None


class RulesRevision(Ordered, table=True):
    """Moderation rules that an operator saved; the newest row is in force. Without ``rules``: those
    that the settings give."""

    __tablename__ = "moderationrules"

    id: str = Field(default_factory=lambda: new_id("rules"), primary_key=True)
    author_id: str
    rules: dict[str, Any] | None = Field(default=None, sa_column=json_column(True))
    created_at: float = Field(default_factory=time.time)


class ModerationHeads(Ordered, table=True):
    """Heads that an operator put in force; the newest row is. Without ``version``: those that
    ship."""

    id: str = Field(default_factory=lambda: new_id("heads"), primary_key=True)
    author_id: str
    version: str | None = None
    created_at: float = Field(default_factory=time.time)


class LabelingTask(Ordered, table=True):
    """Something a labeler is asked: to demonstrate, or to rank the children of a message.

    ``overlap`` labelers answer it. A ranking waits until its answers, one for each of
    ``samplings``, are written; then it is ``ready_at``. ``gold`` is {"ranking": [[…]]}, the order
    that is known to be right. Of higher ``priority`` is asked first.
    """

    id: str = Field(default_factory=lambda: new_id("task"), primary_key=True)
    kind: FeedbackKind = Field(sa_type=String)
    conversation_id: str = Field(sa_column=cascade("conversation.id"))
    message_id: str | None = Field(default=None, sa_column=cascade("message.id", nullable=True))
    source: str = "chat"  # or "prompts", the shipped set
    overlap: int = 1
    priority: float = 0.0
    samplings: list[dict[str, Any]] | None = Field(default=None, sa_column=json_column(True))
    ready_at: float | None = None
    problem: str | None = None  # why its answers could not be written
    gold: dict[str, Any] | None = Field(default=None, sa_column=json_column(True))
    created_at: float = Field(default_factory=time.time)


class Assignment(Ordered, table=True):
    """One labeler's go at one task; answered when it has feedback."""

    __table_args__ = (UniqueConstraint("task_id", "labeler_id"),)

    id: str = Field(default_factory=lambda: new_id("asgn"), primary_key=True)
    task_id: str = Field(sa_column=cascade("labelingtask.id"))
    labeler_id: str = Field(sa_column=cascade("user.id"))
    feedback_id: str | None = Field(default=None, sa_column=cascade("feedback.id", nullable=True))
    skipped: str | None = None
    instructions: int = 1  # the version that the labeler was shown
    seconds: float | None = None  # spent on it
    created_at: float = Field(default_factory=time.time)
    finished_at: float | None = None


class PolicyState(StrEnum):
    """Where a policy version stands; exactly one of no team is current."""

    CANDIDATE = "candidate"
    CANARY = "canary"
    CURRENT = "current"
    RETIRED = "retired"
    REJECTED = "rejected"


class PolicyVersion(Ordered, table=True):
    """A published policy directory. The files are the truth; this row says how it is used.

    ``seq`` is the place of its last promotion, until then that of its registration. A policy that
    learned from a team's chats belongs to that team; each team has at most one current policy.
    """

    id: str = Field(primary_key=True)
    team_id: str | None = None
    parent_id: str | None = None
    iteration_id: str | None = None
    state: PolicyState = Field(sa_type=String, index=True)
    manifest_sha256: str
    created_at: float = Field(default_factory=time.time)
    promoted_at: float | None = None


class ExperimentKind(StrEnum):
    """A canary responds to a share of the people; a shadow's responses are not shown."""

    CANARY = "canary"
    SHADOW = "shadow"


class ExperimentState(StrEnum):
    """Where an experiment stands; it runs until one of the ends."""

    RUNNING = "running"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    STOPPED = "stopped"


class Experiment(Ordered, table=True):
    """A policy on trial beside the current one, its rules, and what became of it.

    ``share`` of the people (of the turns, for a shadow) meet it. ``rules`` are fixed at the start.
    """

    id: str = Field(default_factory=lambda: new_id("exp"), primary_key=True)
    team_id: str | None = Field(default=None, index=True)  # only its members meet the policy
    kind: ExperimentKind = Field(sa_type=String)
    state: ExperimentState = Field(default=ExperimentState.RUNNING, sa_type=String, index=True)
    policy_id: str = Field(index=True)
    control_id: str
    share: float
    side_by_side: bool = False  # who asks for several answers and consents gets both policies'
    automatic: bool = True  # promote and roll back by the rules, without a person
    rules: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    verdict: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    looks: list[dict[str, float]] = Field(default_factory=list, sa_column=json_column())
    reasons: list[str] = Field(default_factory=list, sa_column=json_column())
    started_by: str
    created_at: float = Field(default_factory=time.time)
    ended_at: float | None = None


class PolicyPin(Ordered, table=True):
    """A person who is pinned to one policy, whatever the shares are."""

    user_id: str = Field(
        sa_column=Column(String, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    )
    policy_id: str
    created_at: float = Field(default_factory=time.time)


class ShadowResponse(Ordered, table=True):
    """What a shadow would have answered; kept beside the answer that was shown instead."""

    __tablename__ = "shadowanswer"

    id: str = Field(default_factory=lambda: new_id("shadow"), primary_key=True)
    experiment_id: str = Field(index=True)
    message_id: str = Field(sa_column=cascade("message.id"))
    policy_id: str
    content: str
    finish_reason: str | None = None
    action: str = "off"  # what moderation would have done
    score: float | None = None  # of the candidate's held-out reward model, once a worker has judged
    shown_score: float | None = None  # and that of the answer that was shown
    created_at: float = Field(default_factory=time.time)


class Schedule(Ordered, table=True):
    """When iterations start by themselves; of everyone and of each team the newest row is valid."""

    id: str = Field(default_factory=lambda: new_id("sched"), primary_key=True)
    team_id: str | None = None  # of this team's policies
    author_id: str
    preset: str = "quick"
    cron: str = ""  # five fields, UTC; "": not by the clock
    feedback: int = 0  # judgements since the last iteration; 0: not by their number
    canary: bool = True  # a candidate that the gate lets pass goes to a canary by itself
    unproven: bool = False  # and so does one whose gain may be chance and that is no worse anywhere
    share: float = 0.1
    days: float = 14.0  # after which a trial that is undecided stops
    build_on_undecided: bool = Field(  # iterations train from the challenger and end its trial
        default=False, sa_column_kwargs={"server_default": false()}
    )
    keep: int = 5  # policies whose weights stay on the disk, besides those in use
    enabled: bool = True
    created_at: float = Field(default_factory=time.time)


class SavedSetting(Ordered, table=True):
    """A deployment setting that an operator saved; ``seq`` is the place of its last change."""

    __tablename__ = "setting"

    name: str = Field(primary_key=True)
    value: Any = Field(sa_column=json_column())
    author_id: str
    created_at: float = Field(default_factory=time.time)


class Delivery(SQLModel, table=True):
    """How far a webhook has been told of the audit log."""

    url_sha256: str = Field(primary_key=True)
    seq: int = 0
    failures: int = 0
    retry_at: float = 0.0


class Leader(SQLModel, table=True):
    """Which process does a piece of background work for all, and until when it may."""

    work: str = Field(primary_key=True)
    process: str = ""
    expires_at: float = 0.0  # by the clock of the database


class IterationState(StrEnum):
    """The job's life: queued -> running -> one of the ends. A dead worker's job runs again."""

    QUEUED = "queued"
    RUNNING = "running"
    PROMOTED = "promoted"  # the gate let its candidate pass
    REFUSED = "refused"  # the gate, or too little feedback, refused
    UNDECIDED = "undecided"  # the gate asks: its candidate waits for an operator
    FAILED = "failed"
    CANCELLED = "cancelled"


class Iteration(Ordered, table=True):
    """One feedback iteration: the job, its lease and what came of it."""

    id: str = Field(primary_key=True)
    unique_key: str = Field(unique=True)
    state: IterationState = Field(default=IterationState.QUEUED, sa_type=String, index=True)
    preset: str
    team_id: str | None = None  # whose policy it trains
    parent_policy_id: str  # trained from
    # The current policy when it was requested: the gate compares the candidate with it.
    baseline_policy_id: str = Field(sa_column_kwargs={"server_default": ""})
    policy_id: str | None = None
    config_sha256: str | None = None
    snapshot_sha256: str | None = None
    lease_owner: str | None = None
    lease_expires_at: float = 0.0
    fencing_token: int = 0
    progress: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    metrics: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    decision: str | None = None
    reasons: list[str] = Field(default_factory=list, sa_column=json_column())
    requested_by: str | None = None
    attempts: int = 0  # runs that died
    retry_at: float = 0.0  # no worker takes it up before
    created_at: float = Field(default_factory=time.time)
    started_at: float | None = None
    finished_at: float | None = None


class LadderComparison(Ordered, table=True):
    """Rungs of an iteration's ladder that people are to compare; a worker writes the responses.

    Either ``tasks``, how many were made, or a ``problem`` is set once that is done.
    """

    id: str = Field(default_factory=lambda: new_id("ladder"), primary_key=True)
    iteration_id: str = Field(index=True)
    rungs: int
    prompts: int
    overlap: int
    requested_by: str
    tasks: int | None = None
    problem: str | None = None
    created_at: float = Field(default_factory=time.time)


class AuditEvent(SQLModel, table=True):
    """One link of the append-only, hash-chained log of privileged acts."""

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: float
    actor: str
    action: str
    subject: str
    details: dict[str, Any] = Field(sa_column=json_column())
    previous_sha256: str
    sha256: str


class ReportState(StrEnum):
    """Where a harm or bias report stands."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"
    DUPLICATE = "duplicate"


class NewsKind(StrEnum):
    """What people are told of in their inbox."""

    TAUGHT = "taught"  # an iteration learned from their feedback
    REPORT = "report"  # an operator decided on their report
    APPEAL = "appeal"  # an operator decided on their appeal


class News(Ordered, table=True):
    """What a person is told, once for each ``subject``; the newest state replaces an earlier one.

    ``details`` by kind: taught {policy_id, trained, measured}; report {state, answer, again};
    appeal {state, answer}.
    """

    __table_args__ = (UniqueConstraint("user_id", "kind", "subject"),)

    id: str = Field(default_factory=lambda: new_id("news"), primary_key=True)
    user_id: str = Field(sa_column=cascade("user.id"))
    kind: NewsKind = Field(sa_type=String)
    subject: str  # the id of the iteration, report or appeal
    conversation_id: str | None = Field(
        default=None, sa_column=cascade("conversation.id", nullable=True)
    )
    details: dict[str, Any] = Field(sa_column=json_column())
    created_at: float = Field(default_factory=time.time)
    read_at: float | None = None


class MailSubscription(SQLModel, table=True):
    """A person's e-mail address for digests of their inbox; in use once they told its code.

    The code is kept as a SHA-256. ``told`` is the place of the newest news in the last digest.
    """

    user_id: str = Field(
        sa_column=Column(String, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    )
    address: str
    code_sha256: str
    code_at: float = Field(default_factory=time.time)
    tries: int = 0  # of the code
    confirmed_at: float | None = None
    sent_at: float | None = None  # the last digest
    told: int = Field(default=0, sa_type=BigInteger)


class Report(Ordered, table=True):
    """A harm or bias report on a message, and what became of it.

    ``rubric`` rates severity, novelty and real-world harm from 0 to 3 each. An accepted report
    becomes an ``evaluation_case``: {"prompt": [messages], "bad": text, "pattern": words}.
    ``again`` is what a later policy says to the same prompt: {"policy_id", "content",
    "fails", "blocked"}.
    """

    id: str = Field(default_factory=lambda: new_id("rep"), primary_key=True)
    feedback_id: str = Field(sa_column=cascade("feedback.id"))
    message_id: str = Field(sa_column=cascade("message.id"))
    category: str
    comment: str = ""
    state: ReportState = Field(default=ReportState.OPEN, sa_type=String, index=True)
    rubric: dict[str, int] | None = Field(default=None, sa_column=json_column(True))
    duplicate_of: str | None = None
    credit: str = ""  # whom to thank, as they wish to be named
    note: str = ""  # what the operator wrote, for operators
    answer: str = Field(default="", sa_column_kwargs={"server_default": ""})  # for the reporter
    again: dict[str, Any] | None = Field(default=None, sa_column=json_column(True))
    evaluation_case: dict[str, Any] | None = Field(default=None, sa_column=json_column(True))
    created_at: float = Field(default_factory=time.time)


class Erasure(Ordered, table=True):
    """What was erased, by ids alone, and the policies that had learned from it."""

    id: str = Field(default_factory=lambda: new_id("erase"), primary_key=True)
    subject: str  # the id of the person or conversation that is gone
    conversations: list[str] = Field(sa_column=json_column())
    feedback: list[str] = Field(sa_column=json_column())
    policies: list[str] = Field(sa_column=json_column())
    iteration_id: str | None = None  # the one that was started to learn without it
    created_at: float = Field(default_factory=time.time)


class Dataset(Ordered, table=True):
    """An imported data set: a source with a name, a licence and an origin.

    Its conversations and judgements belong to a user who cannot sign in and go with them.
    ``kept`` of its ``examples`` are in the store; fewer while it is being imported.
    """

    id: str = Field(default_factory=lambda: new_id("data"), primary_key=True)
    name: str = Field(unique=True)
    user_id: str = Field(sa_column=cascade("user.id"))
    format: str
    licence: str  # or whose consent it rests on
    origin: str = ""  # where it is from, such as an address
    sha256: str  # of the file
    examples: int
    demonstrations: int
    thumbs: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    rankings: int
    kept: int = 0
    imported_by: str
    created_at: float = Field(default_factory=time.time)


class CompletionKind(StrEnum):
    """Which of OpenAI's two APIs made it."""

    CHAT = "chat"
    RESPONSE = "response"


class StoredCompletion(Ordered, table=True):
    """A completion that its client asked to store, so that it can be listed and looked up.

    Prompt and answers are Message rows; this row goes with its conversation, and the conversation
    stays when it goes. ``tags`` are the client's own (OpenAI's ``metadata``); ``request`` is what a
    response (of the responses API) tells again of what was asked.
    """

    id: str = Field(primary_key=True)
    owner_id: str = Field(sa_column=cascade("user.id"))
    conversation_id: str = Field(sa_column=cascade("conversation.id"))
    prompt_message_id: str = Field(sa_column=cascade("message.id"))
    kind: CompletionKind = Field(sa_type=String)
    policy_id: str
    tags: dict[str, str] = Field(default_factory=dict, sa_column=json_column())
    request: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    created_at: float = Field(default_factory=time.time)
