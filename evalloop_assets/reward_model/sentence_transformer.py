"""Any model of the sentence-transformers library as a text encoder: a folder, or a name on the Hugging Face hub."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from evalloop_assets.lake.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

PREFIX = "sentence-transformers:"
TEXTS_PER_BATCH = 64
DIGEST_MARK = "#"


class SentenceTransformerEncoder:
    """Texts through one model, in batches, on the GPU where there is one; longer texts than it reads are cut.

    Its name ends with a digest of the weights, so that a model that changed under the same path is another encoder.
    """

    def __init__(self, model: SentenceTransformer, name: str) -> None:
        self._model = model.eval()
        self.name = name
        self.dimension = int(model.encode([" "], convert_to_numpy=True, show_progress_bar=False).shape[1])

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        known = [at for at, text in enumerate(texts) if text.strip()]
        if known:
            vectors[known] = self._model.encode(
                [_without_lone_surrogates(texts[at]) for at in known],
                batch_size=TEXTS_PER_BATCH,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return vectors


@lru_cache(maxsize=2)
def load_sentence_transformer(name: str) -> SentenceTransformerEncoder:
    """The encoder `sentence-transformers:MODEL`, or `…MODEL#DIGEST` for just these weights.

    UserError where the package or the model is missing, or its weights are others than the digest says.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise UserError(
            f"text encoder {name!r}",
            "the package sentence-transformers is not installed",
            "Run `pip install 'evalloop-assets[encoders]'`, or set reward.encoder to a hashed-ngrams encoder.",
        ) from error
    path, mark, digest = name.removeprefix(PREFIX).partition(DIGEST_MARK)
    try:
        model = SentenceTransformer(path)
    except Exception as error:
        raise UserError(
            f"text encoder {name!r}",
            f"its model could not be loaded: {(str(error).splitlines() or [repr(error)])[0]}",
            "Give the folder of a saved model, or the name of one that this machine has or can download.",
        ) from error
    found = _digest(model)
    if mark and digest != found:
        raise UserError(
            f"text encoder {name!r}",
            f"the weights at {path} are others now ({found})",
            "Put the former model back, or let a new reward model be trained on this one.",
        )
    return SentenceTransformerEncoder(model, f"{PREFIX}{path}{DIGEST_MARK}{found}")


def _digest(model: SentenceTransformer) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def _without_lone_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
