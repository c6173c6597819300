"""Signatures over a whole policy: who published these very bytes (extra ``signing``).

By the OpenSSF's model-signing: SHA-256 of every file under one signature, in a sigstore bundle with
an elliptic-curve key. It lies beside the policies, which never change: DATA/signatures/ID.sig.
"""

from pathlib import Path

from tutelage import extras
from tutelage.composition import Core
from tutelage.errors import Conflict, NotFound


def signature_path(core: Core, policy_id: str) -> Path:
    """Where the signature of a policy lies."""
    return core.settings.data / "signatures" / f"{policy_id}.sig"


def sign(core: Core, policy_id: str, private_key: Path) -> Path:
    """Sign a published policy. Raises Conflict when its files differ from its manifest."""
    extras.require("signing")
    from model_signing import signing

    problems = core.library.verify(policy_id)
    if problems:
        raise Conflict(f"{policy_id} is damaged and was not signed: {problems[0]}")
    target = signature_path(core, policy_id)
    target.parent.mkdir(exist_ok=True)
    _require(private_key)
    config = signing.Config().use_elliptic_key_signer(private_key=private_key)
    config.sign(core.library.path(policy_id), target)
    if core.storage:
        core.storage.write(_key(policy_id), target.read_bytes())
    return target


def check(core: Core, policy_id: str, public_key: Path) -> str | None:
    """What is wrong with the signature, in a sentence; None when it holds.

    What is signed names an adapter's base by its digest, so the base is compared with that too.
    """
    extras.require("signing")
    from model_signing import verifying

    signed = signature_path(core, policy_id)
    if core.storage and not signed.is_file() and (there := core.storage.read(_key(policy_id))):
        signed.parent.mkdir(exist_ok=True)
        signed.write_bytes(there)
    if not signed.is_file():
        return f"{policy_id} is not signed."
    _require(public_key)
    config = verifying.Config().use_elliptic_key_verifier(public_key=public_key)
    try:
        config.verify(core.library.path(policy_id), signed)
    except Exception as error:  # whatever does not hold, the library says in its own words
        return f"The signature of {policy_id} is invalid: {error}"
    problems = core.library.verify(policy_id)
    return f"{policy_id} is not what was signed: {problems[0]}" if problems else None


def _key(policy_id: str) -> str:
    return f"signatures/{policy_id}.sig"


def _require(key: Path) -> None:
    if not key.is_file():
        raise NotFound(
            f"Key file {key} not found. Create one with "
            "`openssl ecparam -name prime256v1 -genkey -noout`."
        )
