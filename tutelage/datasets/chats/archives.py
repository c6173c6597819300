"""Archives of chats: ChatGPT's, or any zip of JSON files. Thumbs are joined to their chats."""

import io
import json
import zipfile
import zlib
from collections import defaultdict
from typing import Any

from tutelage.datasets.chats.chatgpt import FEEDBACK
from tutelage.errors import Invalid

MOST_BYTES = 1 << 29  # of a file once it is unpacked
_NOT_CHATS = ("user.json", "model_comparisons.json", "shared_conversations.json")


def is_archive(content: bytes) -> bool:
    """Whether the bytes are those of a zip file."""
    return content.startswith(b"PK\x03\x04")


def rows(content: bytes) -> list[Any]:
    """The chats of all files. Raises Invalid for an archive that cannot be read or is too large."""
    found: list[Any] = []
    thumbs: dict[str, list[Any]] = defaultdict(list)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [each for each in archive.infolist() if each.filename.endswith(".json")]
            if sum(each.file_size for each in files) > MOST_BYTES:
                raise Invalid("The unpacked file is too large. Split it.", "file")
            for each in files:
                name = each.filename.rsplit("/", 1)[-1]
                if name in _NOT_CHATS:
                    continue
                value = json.loads(archive.read(each))
                said = value if isinstance(value, list) else [value]
                if name != f"{FEEDBACK}.json":
                    found += said
                    continue
                for thumb in said:
                    if isinstance(thumb, dict):
                        thumbs[str(thumb.get("conversation_id"))].append(thumb)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError,
            RuntimeError, ValueError, RecursionError) as error:  # fmt: skip
        raise Invalid(f"The archive cannot be read: {error}.", "file") from error
    for row in found:
        if isinstance(row, dict):
            mine = thumbs.pop(str(row.get("conversation_id") or row.get("id")), None)
            if mine:
                row[FEEDBACK] = mine
    return found + [{"mapping": {}, FEEDBACK: each} for each in thumbs.values()]
