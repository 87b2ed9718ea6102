"""The reward model as an MLflow model: `mlflow.pyfunc.load_model("models:/reward_model@champion").predict(frame)`.

MLflow calls this module to load the two files that the model consists of; nothing is pickled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalloop_assets.reward_model.dialogue import reply_of, rewards_of
from evalloop_assets.reward_model.gated import Gate
from evalloop_assets.reward_model.model import RewardModel, load, save
from evalloop_assets.settings import RewardSettings

if TYPE_CHECKING:
    import pandas as pd

FORMS = ("messages", "prompt", "completion", "query", "user_text", "reply_text")
DATA = "reward_model"


class DialogueScorer:
    """What MLflow wraps."""

    def __init__(self, model: RewardModel, at: Gate) -> None:
        self.model, self.at = model, at

    def predict(self, rows: pd.DataFrame | Sequence[Mapping[str, Any]], params: Mapping[str, Any] | None = None) -> Any:
        """One reward a row, NaN where the reply is blank; rows are of a form that `dialogue.reply_of` knows.

        ValueError, with the row's place, where one is of none.
        """
        import pandas as pd

        records: Any = rows
        if isinstance(rows, pd.DataFrame):
            known = rows[[name for name in FORMS if name in rows]].astype(object)
            records = known.where(known.notna(), None).to_dict("records")
        replies = []
        for at, record in enumerate(records):
            try:
                replies.append(reply_of(record))
            except ValueError as error:
                raise ValueError(f"row {at}: {error}") from error
        return rewards_of(self.model, replies, self.at)


def _load_pyfunc(folder: str) -> DialogueScorer:
    """MLflow's hook; the gate is that of the default settings."""
    return DialogueScorer(load(Path(folder)), Gate.of(RewardSettings()))


def save_as_mlflow_model(model: RewardModel, folder: Path, scratch: Path) -> None:
    """Write an MLflow model into `folder`, which is not there yet; `scratch` is an empty folder."""
    from importlib.metadata import version

    import mlflow.pyfunc

    save(model, scratch / DATA)
    mlflow.pyfunc.save_model(
        str(folder),
        loader_module=__name__,
        data_path=str(scratch / DATA),
        pip_requirements=[f"evalloop-assets=={version('evalloop-assets')}"],
    )
