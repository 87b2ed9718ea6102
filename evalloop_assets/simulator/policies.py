"""Who writes the replies: a templated model, the best of n of its samples, a trained model or any callable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.contract import MAX_TEXT_CHARS
from evalloop_assets.policy_iteration.prompts import Prompt
from evalloop_assets.reward_model.history import Exchange
from evalloop_assets.simulator.arrays import Ints
from evalloop_assets.simulator.lexicon import GAP, Lexicon
from evalloop_assets.simulator.models import ModelSpec
from evalloop_assets.simulator.story import Contexts
from evalloop_assets.simulator.text import broken_off, compose, texts_of

Score = Callable[..., np.ndarray]
"""A reward model: messages and a reply to each, to one finite score each, higher is better. Of a policy that reads the
history also the exchanges before each message (`reward_model.history.History`)."""


class Written(NamedTuple):
    """Replies, one a context."""

    texts: list[str]
    ids: Ints | None = None
    """(replies, sentences) as `Lexicon.read_batch` would read them; None where the writer does not know."""


class Policy(Protocol):
    """What the product serves under a model id."""

    @property
    def spec(self) -> ModelSpec:
        """Id, kind, parent, latency and cost. The latent quality in it is read by the templated policies alone."""

    @property
    def reads_history(self) -> bool:
        """Whether the contexts must hold what was said before."""

    def write(self, contexts: Contexts, rng: np.random.Generator, lexicon: Lexicon) -> Written:
        """One reply per context."""


@dataclass(frozen=True)
class Templated:
    """Writes as its spec says."""

    spec: ModelSpec
    reads_history: bool = False

    def write(self, contexts: Contexts, rng: np.random.Generator, lexicon: Lexicon) -> Written:
        ids = compose(self.spec, contexts, rng, lexicon)
        texts = texts_of(ids, contexts.pack, lexicon)
        if self.spec.cut == 0:
            return Written(texts, ids)
        chosen = (rng.random(len(texts)) < self.spec.cut) & (contexts.closing == 0)
        texts = broken_off(texts, chosen, rng)
        cut = np.flatnonzero(chosen)
        return Written(texts, _replaced(ids, cut, lexicon.read_batch([texts[row] for row in cut])))


@dataclass(frozen=True)
class BestOfN:
    """Samples `n` replies of `base` for every prompt and serves the one that `score` likes best (ties: the first)."""

    base: ModelSpec
    n: int
    score: Score
    model_id: str
    reads_history: bool = False

    def __post_init__(self) -> None:
        if self.n < 1:
            raise UserError(f"policy {self.model_id}", f"n is {self.n}", "Sample at least one reply.")

    @property
    def spec(self) -> ModelSpec:
        """Candidates are drawn in parallel: a little slower than the base, `n` times its cost."""
        return replace(
            self.base,
            model_id=self.model_id,
            kind="candidate",
            parent=self.base.model_id,
            latency_ms=1.2 * self.base.latency_ms,
            cost_per_1k_tokens=self.n * self.base.cost_per_1k_tokens,
        )

    def write(self, contexts: Contexts, rng: np.random.Generator, lexicon: Lexicon) -> Written:
        asked = contexts.take(np.repeat(np.arange(len(contexts)), self.n))
        ids = compose(self.base, asked, rng, lexicon)
        texts = texts_of(ids, asked.pack, lexicon)
        before = (exchanges_of(asked),) if self.reads_history else ()
        scores = np.asarray(self.score(asked.prompts, texts, *before), dtype=np.float64)
        if scores.shape != (len(texts),) or not np.isfinite(scores).all():
            raise UserError(
                f"policy {self.model_id}",
                f"its score gave shape {scores.shape} for {len(texts)} texts, or values that are not finite",
                "Return one finite number per text.",
            )
        best = np.arange(len(contexts)) * self.n + scores.reshape(-1, self.n).argmax(axis=1)
        return Written([texts[row] for row in best.tolist()], ids[best])


def exchanges_of(contexts: Contexts) -> list[tuple[Exchange, ...]]:
    """What was said before each message; contexts that share a history share its exchanges."""
    history, seconds = contexts.history or [()] * len(contexts), contexts.seconds or [()] * len(contexts)
    known: dict[int, tuple[Exchange, ...]] = {}
    for said, ago in zip(history, seconds, strict=True):
        if id(ago) not in known:
            known[id(ago)] = Prompt("", said, "", "", ago).exchanges
    return [known[id(ago)] for ago in seconds]


Speak = Callable[[list[Prompt]], Sequence[str]]
"""A trained language model, or anything else that answers a batch of prompts with a list of one text each."""


@dataclass(frozen=True)
class Spoken:
    """Any callable in a model's place. What it says is read back by the same oracle as every other text."""

    spec: ModelSpec
    speak: Speak
    time_limit_s: float = 600.0
    """For one batch."""
    reads_history: bool = True

    def write(self, contexts: Contexts, rng: np.random.Generator, lexicon: Lexicon) -> Written:
        history, seconds = contexts.history or [()] * len(contexts), contexts.seconds or [()] * len(contexts)
        prompts = [
            Prompt(message, said, "\n".join((who.name, *who.facts)), lexicon.packs[pack].locale, ago)
            for message, said, ago, pack, who in zip(
                contexts.prompts,
                history,
                seconds,
                contexts.pack.tolist(),
                (
                    lexicon.packs[p].characters[c]
                    for p, c in zip(contexts.pack.tolist(), contexts.character.tolist(), strict=True)
                ),
                strict=True,
            )
        ]
        return Written(self._answers(prompts))

    def _answers(self, prompts: list[Prompt]) -> list[str]:
        """Runs the callable beside this thread, so that one that hangs can be left behind."""
        outcome: dict[str, Any] = {}

        def call() -> None:
            try:
                outcome["said"] = self._said(prompts)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is told in the thread that waits
                outcome["error"] = error

        worker = threading.Thread(target=call, daemon=True)
        worker.start()
        worker.join(self.time_limit_s)
        if worker.is_alive():
            raise UserError(
                f"policy {self.spec.model_id}",
                f"it has not answered {len(prompts)} prompts within {self.time_limit_s:g} s",
                "The day was not written; mend the policy, or give it more time (time_limit_s).",
            )
        if isinstance(outcome.get("error"), UserError):
            raise outcome["error"]
        if "error" in outcome:
            raise RuntimeError(repr(outcome["error"])) from outcome["error"]
        return list(outcome["said"])

    def _said(self, prompts: list[Prompt]) -> list[str]:
        said = self.speak(prompts)
        if not isinstance(said, list | tuple):
            raise _wrong_return(self.spec.model_id, len(prompts), f"{type(said).__name__}, no list")
        return list(said)


def templated(specs: Sequence[ModelSpec]) -> dict[str, Policy]:
    """The policies of a cast by model id."""
    return {spec.model_id: Templated(spec) for spec in specs}


def replies(
    policies: Mapping[str, Policy], model: str, contexts: Contexts, rng: np.random.Generator, lexicon: Lexicon
) -> tuple[list[str], Ints]:
    """The replies of one model, and (replies, sentences) their sentence ids.

    UserError if no policy serves it, it fails or hangs, or it returns anything but one text per prompt.
    """
    if model not in policies:
        raise UserError(f"model {model}", "the flags serve it, but the product has no policy of that id", "Add one.")
    if policies[model].spec.model_id != model:
        why = f"its spec calls it {policies[model].spec.model_id}, so that the log would name two models"
        raise UserError(f"policy {model}", why, "Give it the id under which it is served.")
    try:
        texts, ids = policies[model].write(contexts, rng, lexicon)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"policy {model}", f"it raised {error!r}", "The day was not written; mend the policy."
        ) from error
    if len(texts) != len(contexts):
        raise _wrong_return(model, len(contexts), f"{len(texts)} values")
    if ids is None:
        for text in texts:
            if not isinstance(text, str):
                raise _wrong_return(model, len(contexts), f"{type(text).__name__} {text!r:.60}")
            fault = _fault(text)
            if fault:
                raise _wrong_return(model, len(contexts), f"{fault}: {text!r:.60}")
    return texts, lexicon.read_batch(texts) if ids is None else ids


def _fault(text: str) -> str | None:
    """Why the log contract would not take the text, or nobody could read it."""
    if not text.strip():
        return "an empty one"
    if len(text) > MAX_TEXT_CHARS:
        return f"one of {len(text):,} characters, above {MAX_TEXT_CHARS:,}"
    if "\0" in text:
        return "one with a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"one that is not valid Unicode ({error.reason})"
    return None


def _wrong_return(model: str, wanted: int, found: str) -> UserError:
    return UserError(
        f"policy {model}",
        f"it must return {wanted} texts, one per prompt, and returned {found}",
        "The day was not written; mend the policy.",
    )


def _replaced(ids: Ints, rows: Ints, by: Ints) -> Ints:
    """The matrix with some rows replaced by rows of another width."""
    wide = np.full((len(ids), max(ids.shape[1], by.shape[1])), GAP, dtype=np.int64)
    wide[:, : ids.shape[1]] = ids
    wide[rows] = GAP
    wide[rows, : by.shape[1]] = by
    return wide
