"""Deployment settings: environment variables ``TUTELAGE_…`` over defaults that suit a laptop.

Training settings are not here: they are scientific and live in one TOML file per iteration.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where data lives and how the service behaves. Built once, by the composition root."""

    model_config = SettingsConfigDict(env_prefix="TUTELAGE_", extra="ignore")

    data: Path = Field(Path("data"), description="Folder for database, policies and iterations.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in the data folder.")
    base_model: str = Field("", description="Hugging Face folder or hub id; empty: the bundled.")
    host: str = Field("127.0.0.1", description="Where the service listens; 0.0.0.0: everywhere.")
    port: int = Field(8000, ge=0, le=65535, description="On which port; 0: a free one.")
    engine: str = Field(
        "embedded",
        pattern="^(embedded|openai|tgi|tgi-messages)$",
        description="embedded, or a remote engine: openai, tgi or tgi-messages.",
    )
    engine_url: str = Field("", description="Of a remote engine, such as http://gpu:8000/v1.")
    engine_key: SecretStr = Field(SecretStr(""), description="Its API key, if it wants one.")
    threads: int = Field(0, ge=0, description="Compute threads of the generator; 0: all cores.")
    weights: Literal["auto", "f16", "bf16", "int8"] = Field(
        "auto",
        description="Of the embedded engine. auto: bf16 where the processor multiplies it itself, "
        "else f16; int8 answers differently, and /v1/models says how much.",
    )
    max_batch: int = Field(32, ge=1, description="Responses generated side by side.")
    cache_tokens: int = Field(
        32768, ge=2048, description="Tokens whose keys and values a policy holds in memory."
    )
    max_queue: int = Field(64, ge=0, description="Responses waiting before 503 is answered.")
    max_response_tokens: int = Field(512, ge=1, description="Default limit of a response.")
    max_body_bytes: int = Field(2_000_000, ge=1024, description="Larger requests get 413.")
    max_message_chars: int = Field(32_000, ge=1, description="Longer messages get 400.")
    rate_limit: int = Field(600, ge=0, description="Requests a minute per key or session; 0: off.")
    token_limit: int = Field(
        200_000, ge=0, description="Tokens a minute per key or session, prompts included; 0: off."
    )
    guests: bool = Field(True, description="People may chat in the web UI without an account.")
    sign_up: bool = Field(True, description="People may make themselves an account.")
    quotas: str = Field("", description='JSON: {role: {"requests": n, "tokens": n}} a day; 0: any.')
    policy_choice: Literal["labelers", "everyone"] = Field(
        "labelers",
        description="Who may ask another policy by name: labelers and operators, or everyone.",
    )
    limits_url: str = Field(
        "memory://",
        description="Where limits are counted: memory:// (each process), or redis://host (all).",
    )
    trusted_proxies: str = Field(
        "", description="Proxies whose X-Forwarded-For is believed, by commas; empty: none."
    )
    cors_origins: str = Field(
        "", description="Origins whose pages may call the API with a key, by commas; empty: none."
    )
    public_url: str = Field("", description="Where people reach it, where a proxy hides that.")
    oidc_issuer: str = Field("", description="OpenID Connect provider; empty: none.")
    oidc_client_id: str = Field("", description="What the provider knows this service as.")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="And by which secret.")
    oidc_name: str = Field("your organisation", description="What its button says.")
    labeling_gold: int = Field(8, ge=0, description="Every n-th task is a gold task; 0: none.")
    labeling_order: Literal["age", "uncertainty"] = Field(
        "age", description="uncertainty: first what would teach the reward model most."
    )
    moderation: str = Field(
        "embedded",
        pattern=r"^(off|(embedded|detoxify|remote)(\+(embedded|detoxify|remote))*)$",
        description="embedded, detoxify, remote, several joined by +, or off.",
    )
    moderation_combination: Literal["max", "mean"] = Field(
        "max", description="What several classifiers' scores of one category become."
    )
    moderation_detoxify: Path | None = Field(None, description="Folder of a Detoxify checkpoint.")
    moderation_url: str = Field("", description="OpenAI-compatible API, such as https://host/v1.")
    moderation_model: str = Field("omni-moderation-latest", description="Its model.")
    moderation_key: SecretStr = Field(SecretStr(""), description="Its API key, if it wants one.")
    injection_warning: bool = Field(False, description="Warn of prompts that look like attacks.")
    moderation_actions: str = Field("", description='JSON: {"prompt": {category: action}, …}.')
    webhook_url: str = Field("", description="Is told of iterations, trials, promotions, reports.")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="Signs what the webhook is sent (HMAC-SHA-256)."
    )

    @property
    def url(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{(self.data / 'tutelage.db').absolute()}"
