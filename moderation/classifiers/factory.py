"""Constructs the classifier that the settings name."""

from pathlib import Path

from moderation.classifier import ModerationClassifier
from moderation.classifiers.batching import BatchedClassifier
from moderation.classifiers.ensemble import EnsembleClassifier
from tutelage.errors import Invalid
from tutelage.settings import Settings


def open_classifier(settings: Settings, heads: Path | None = None) -> ModerationClassifier | None:
    """None where moderation is switched off; `heads` is the folder of heads other than the shipped.

    Raises Unavailable or Invalid with the remedy.
    """
    if settings.moderation == "off":
        return None
    members = [_open(name, settings, heads) for name in settings.moderation.split("+")]
    if len(members) == 1:
        return BatchedClassifier(members[0])
    return BatchedClassifier(EnsembleClassifier(members, settings.moderation_combination))


def _open(name: str, settings: Settings, heads: Path | None) -> ModerationClassifier:
    if name == "remote":
        return _remote(settings)
    if name == "detoxify":
        return _detoxify(settings)
    from moderation.classifiers.embedded import EmbeddedClassifier

    return EmbeddedClassifier.load(heads_dir=heads)


def _remote(settings: Settings) -> ModerationClassifier:
    from moderation.classifiers.remote import RemoteClassifier

    if not settings.moderation_url:
        raise Invalid("TUTELAGE_MODERATION=remote needs TUTELAGE_MODERATION_URL, such as "
                      "https://host/v1.", "TUTELAGE_MODERATION_URL")  # fmt: skip
    key = settings.moderation_key.get_secret_value()
    return RemoteClassifier(settings.moderation_url, settings.moderation_model, key)


def _detoxify(settings: Settings) -> ModerationClassifier:
    from moderation.classifiers.detoxify import DetoxifyClassifier

    if settings.moderation_detoxify is None:
        raise Invalid("TUTELAGE_MODERATION=detoxify needs TUTELAGE_MODERATION_DETOXIFY, a folder.",
                      "TUTELAGE_MODERATION_DETOXIFY")  # fmt: skip
    return DetoxifyClassifier.load(settings.moderation_detoxify)
