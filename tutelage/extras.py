"""The optional dependencies: which modules each extra of the distribution makes importable."""

from importlib.util import find_spec

from tutelage.errors import Unavailable

MODULES: dict[str, tuple[str, ...]] = {
    "detoxify": (),
    "ifeval": ("if_verifiable",),
    "kubernetes": ("kubernetes", "yaml"),
    "otel": (
        "opentelemetry.trace",
        "opentelemetry.sdk",
        "opentelemetry.exporter.otlp.proto.http",
    ),
    "postgres": ("psycopg",),
    "redis": ("redis",),
    "remote": ("openai",),
    "s3": ("s3fs",),
    "signing": ("model_signing", "OpenSSL"),
    "tensorboard": ("tensorboard",),
}


def require(extra: str) -> None:
    """Raises Unavailable, with the command that installs it, where a module is missing."""
    missing = [name for name in MODULES[extra] if not _importable(name)]
    if missing:
        raise Unavailable(
            f"The Python module {missing[0]} is missing. Install the extra `{extra}`: "
            f"pip install 'tutelage[{extra}]'."
        )


def _importable(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of a package above it
        return False
