"""POST /v1/embeddings: vectors of texts, by the shipped encoder."""

import base64

from fastapi import APIRouter
from torch import Tensor

from moderation.encoder.embedder import NAME, TextTooLong
from server.dependencies import ChatterDep, StateDep
from server.http.errors import ApiError
from server.openai.models import model_not_found
from server.schemas.openai.embeddings import (
    Embedding,
    EmbeddingList,
    EmbeddingRequest,
    EmbeddingUsage,
)

router = APIRouter(prefix="/v1/embeddings", tags=["embeddings"])


@router.post("")
def create_embeddings(body: EmbeddingRequest, caller: ChatterDep, state: StateDep) -> EmbeddingList:
    """Embed texts. The vectors have 384 dimensions and length 1."""
    if body.model != NAME:
        raise model_not_found(body.model, None)
    texts = [body.input] if isinstance(body.input, str) else body.input
    try:
        tokens = state.embedder.tokens(texts)
    except TextTooLong as error:
        code = "context_length_exceeded"
        raise ApiError(400, error.message, param="input", code=code) from error
    used = sum(map(len, tokens))
    state.limits.use_tokens(caller.limited_as, used)
    vectors = state.embedder.embed(tokens)
    as_text = body.encoding_format == "base64"
    return EmbeddingList(
        data=[
            Embedding(index=index, embedding=_base64(each) if as_text else each.tolist())
            for index, each in enumerate(vectors)
        ],
        model=NAME,
        usage=EmbeddingUsage(prompt_tokens=used, total_tokens=used),
    )


def _base64(vector: Tensor) -> str:
    return base64.b64encode(vector.numpy().astype("<f4").tobytes()).decode()
