"""Deployment settings: environment variables ``TUTELAGE_…`` over defaults that suit a laptop.

Training settings are not here: they are scientific and live in one TOML file per iteration.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)


class Starter(BaseModel):
    """A prompt that an empty chat offers."""

    title: str = Field(min_length=1, max_length=60)
    text: str = Field(min_length=1, max_length=2000)


class Quota(BaseModel):
    """The most that one may use in a day (UTC); 0 stands for no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: int = Field(0, ge=0)
    tokens: int = Field(0, ge=0)


_STARTERS = TypeAdapter(Annotated[list[Starter], Field(max_length=20)])
_QUOTAS = TypeAdapter(dict[Literal["guest", "user", "labeler", "operator"], Quota])
SHIPPED_STARTERS = (
    Starter(
        title="Explain something",
        text="Explain how vaccines work to a ten-year-old, in five sentences.",
    ),
    Starter(
        title="Write with me",
        text="Write a short, friendly email that moves a meeting from Tuesday to Thursday.",
    ),
    Starter(
        title="Make a plan",
        text="Plan a simple week of dinners for two people who don't like spending long in the "
        "kitchen.",
    ),
    Starter(
        title="Think it through",
        text="Should I learn the guitar or the piano first? Ask me what you need to know.",
    ),
)


class Settings(BaseSettings):
    """Deployment settings of the service. Built once, by the composition root.

    A setting may also be a file, named as its variable, in the folder TUTELAGE_SECRETS: mounted
    secrets are read so. Environment variables come first.
    """

    model_config = SettingsConfigDict(
        env_prefix="TUTELAGE_", extra="ignore", validate_assignment=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment variables, then files."""
        folder = os.environ.get("TUTELAGE_SECRETS")
        files = [SecretsSettingsSource(settings_cls, folder)] if folder else []
        return init_settings, env_settings, *files

    data: Path = Field(Path("data"), description="Folder of the database, policies and iterations.")
    database_url: str = Field("", description="SQLAlchemy URL (empty = SQLite in the data folder).")
    artifacts: str = Field(
        "",
        pattern=r"^([a-z0-9+]+://[^@\s]+)?$",
        description="Object storage of policies, iterations and filter heads, e.g. "
        "s3://bucket/prefix (empty = the data folder).",
    )
    base_model: str = Field("", description="Hugging Face folder or hub id (empty = bundled).")
    host: str = Field("127.0.0.1", description="Address to listen on (0.0.0.0 = all interfaces).")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on (0 = a free one).")
    engine: str = Field(
        "auto",
        pattern="^(auto|embedded|transformers|vllm|openai|tgi|tgi-messages)$",
        description="In this process: embedded (OpenVINO), transformers (any family, GPUs), or "
        "auto = the fitting one of the two. Remote: vllm, openai, tgi or tgi-messages.",
    )
    engine_url: str = Field(
        "",
        description="Base URL of the remote engine, e.g. http://gpu:8000/v1 (vllm: any number, by "
        "commas).",
    )
    engine_key: SecretStr = Field(
        SecretStr(""), description="API key of the remote engine (optional)."
    )
    threads: int = Field(0, ge=0, description="Compute threads of the generator (0 = all cores).")
    weights: Literal["auto", "f16", "bf16", "int8"] = Field(
        "auto",
        description="Weight format of the in-process engine. auto = embedded: bf16 where the "
        "processor supports it, else f16; transformers: as stored. int8 (embedded only) changes "
        "responses; /v1/models reports how much.",
    )
    max_batch: int = Field(32, ge=1, description="Largest number of responses generated at once.")
    policies_in_memory: int = Field(
        3, ge=2, le=64, description="Policies in memory at once: the current one and others."
    )
    cache_tokens: int = Field(32768, ge=2048, description="KV-cache size in tokens, per policy.")
    max_queue: int = Field(64, ge=0, description="Queued responses before new requests get 503.")
    max_response_tokens: int = Field(
        512, ge=1, description="Default length limit of a response, in tokens."
    )
    temperature: float = Field(
        0.5, ge=0, le=2, description="Temperature of requests that set no sampling parameter."
    )
    top_p: float = Field(0.95, ge=0, le=1, description="Nucleus (top_p) of the same requests.")
    frequency_penalty: float = Field(
        0.2, ge=-2, le=2, description="Frequency penalty of the same requests."
    )
    loop_tokens: int = Field(
        64, ge=0, description="Ends a response that repeats itself over so many tokens (0 = never)."
    )
    starters: str = Field(
        "", description='JSON: [{"title": …, "text": …}], the prompts of an empty chat.'
    )
    stop_seconds: int = Field(
        8, ge=0, description="Seconds that running answers get to end when the service stops."
    )
    max_body_bytes: int = Field(2_000_000, ge=1024, description="Larger requests get 413.")
    max_message_chars: int = Field(32_000, ge=1, description="Longer messages get 400.")
    rate_limit: int = Field(
        600, ge=0, description="Requests per minute and key or session (0 = off)."
    )
    token_limit: int = Field(
        200_000, ge=0, description="Tokens per minute and key or session, with prompts (0 = off)."
    )
    guests: bool = Field(True, description="Allow chats in the web UI without an account.")
    sign_up: bool = Field(True, description="Allow users to sign up.")
    quotas: str = Field(
        "",
        description='JSON, per role and day: {role: {"requests": n, "tokens": n}} (0 = unlimited).',
    )
    policy_choice: Literal["labelers", "everyone"] = Field(
        "labelers",
        description="Who may choose a policy by name: labelers (and operators), or everyone.",
    )
    limits_url: str = Field(
        "memory://",
        description="Store of the limits: memory:// (each process), redis://host (all processes).",
    )
    trusted_proxies: str = Field(
        "", description="Proxies whose X-Forwarded-For is trusted, by commas (empty = none)."
    )
    cors_origins: str = Field(
        "", description="Origins whose pages may call the API with a key, by commas (empty = none)."
    )
    public_url: str = Field("", description="Public URL when behind a reverse proxy.")
    oidc_issuer: str = Field("", description="OpenID Connect issuer (empty = off).")
    oidc_client_id: str = Field("", description="OIDC client id.")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="OIDC client secret.")
    oidc_name: str = Field("your organisation", description="Label of the SSO button.")
    oidc_team_claim: str = Field(
        "", description="Claim that names a user's team at each sign-in (empty = operators decide)."
    )
    labeling_gold: int = Field(8, ge=0, description="Every n-th task is a gold task (0 = none).")
    labeling_order: Literal["age", "uncertainty"] = Field(
        "age", description="Order of tasks: age, or uncertainty of the reward model."
    )
    moderation: str = Field(
        "embedded",
        pattern=r"^(off|(embedded|detoxify|remote)(\+(embedded|detoxify|remote))*)$",
        description="embedded, detoxify, remote, several joined by +, or off.",
    )
    moderation_combination: Literal["max", "mean"] = Field(
        "max", description="How scores of several classifiers are combined."
    )
    moderation_detoxify: Path | None = Field(None, description="Folder of a Detoxify checkpoint.")
    moderation_url: str = Field(
        "", description="Base URL of the OpenAI-compatible moderation API, e.g. https://host/v1."
    )
    moderation_model: str = Field(
        "omni-moderation-latest", description="Model name at the moderation API."
    )
    moderation_key: SecretStr = Field(
        SecretStr(""), description="API key of the moderation API (optional)."
    )
    injection_warning: bool = Field(
        False, description="Warn of prompts that look like injection attacks."
    )
    moderation_actions: str = Field("", description='JSON: {"prompt": {category: action}, …}.')
    runner: Literal["local", "torchrun", "kubernetes", "slurm"] = Field(
        "local",
        description="Where the worker trains: local = in a process of its machine, torchrun = in "
        "several, kubernetes or slurm = in a job of that cluster.",
    )
    job_template: Path | None = Field(
        None, description="File with the Job or the sbatch script of the runner's jobs."
    )
    processes: int = Field(2, ge=2, description="Processes of the runner torchrun.")
    rollout_urls: str = Field(
        "",
        description="Base URLs of vLLM servers that write PPO's rollouts, by commas (empty = the "
        "training process).",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="json: a line per message and per request, with the request's id."
    )
    trackers: str = Field(
        "",
        pattern=r"^((tensorboard|mlflow|trackio)(,(tensorboard|mlflow|trackio))*)?$",
        description="Trackers of training metrics, by commas: tensorboard, mlflow, trackio.",
    )
    webhook_url: str = Field(
        "", description="URL that receives events (iterations, trials, promotions, reports)."
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="Key for signing webhook deliveries (HMAC-SHA-256)."
    )

    smtp_url: str = Field(
        "",
        pattern=r"^(smtps?://([^@/\s]+@)?[^@/:\s]+(:[0-9]+)?)?$",
        description="Mail server: smtp://USER@HOST:587 (STARTTLS) or smtps://USER@HOST:465.",
    )
    smtp_password: SecretStr = Field(SecretStr(""), description="Password at the mail server.")
    mail_from: str = Field("", description="Sender of e-mails (empty = tutelage@HOST).")

    @field_validator("starters")
    @classmethod
    def _are_starters(cls, value: str) -> str:
        return _json_of(_STARTERS, value, "[]")

    @field_validator("quotas")
    @classmethod
    def _are_quotas(cls, value: str) -> str:
        return _json_of(_QUOTAS, value, "{}")

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        return ",".join(each if each == "*" else origin_of(each) for each in listed(value))

    @property
    def starter_prompts(self) -> list[Starter]:
        """The prompts that an empty chat offers: the operator's, else the shipped ones."""
        return _STARTERS.validate_json(self.starters) if self.starters else list(SHIPPED_STARTERS)

    @property
    def role_quotas(self) -> dict[str, Quota]:
        """The daily quota of each role that has one; that of a guest is "guest"."""
        given = _QUOTAS.validate_json(self.quotas or "{}")
        return {str(role): quota for role, quota in given.items()}

    @property
    def url(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{(self.data / 'tutelage.db').absolute()}"


def listed(text: str) -> Sequence[str]:
    """The parts of a list by commas."""
    return [each.strip() for each in text.split(",") if each.strip()]


def origin_of(text: str) -> str:
    """The origin as browsers send it, in lower case. Raises ValueError for what is not one."""
    try:
        parts = urlsplit(text.strip().rstrip("/").lower())
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole or parts.geturl() != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise ValueError(f"{text[:200]!r} is not an origin such as https://www.example.org")
    default = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.removesuffix(default)}"


def _json_of(kind: TypeAdapter[Any], value: str, empty: str) -> str:
    """The JSON text, if it describes a value of that kind."""
    try:
        kind.validate_json(value or empty)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = "".join(f"{each}: " for each in wrong["loc"] if each != "[key]")
        raise ValueError(f"{where}{wrong['msg']}; see docs/operations.md") from None
    return value
