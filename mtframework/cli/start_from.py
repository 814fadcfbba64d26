"""What `train --from` begins with. Imports Keras: for commands to import when they run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtframework.cli.finished_run import load_run
from mtframework.config import Loaded
from mtframework.data.dataset import Dataset
from mtframework.errors import RunError
from mtframework.evaluation.promotion import PromotionRule
from mtframework.model.model import MultiTaskModel
from mtframework.training.run import Run
from mtframework.training.warm_start import WarmStart


@dataclass(frozen=True)
class StartFrom:
    """A finished run to start from, and what the new training has to do with it.

    Args:
        run: The run.
        model: Its model.
        keep_optimizer: The share of what the optimizer remembers that is kept.
        rule: Says whether the new model takes the old one's place; None says nothing.
    """

    run: Run
    model: MultiTaskModel
    keep_optimizer: float
    rule: PromotionRule | None

    @classmethod
    def of(
        cls,
        folder: Path | None,
        keep_optimizer: float,
        promote_if: str | None,
        plugins: Sequence[str] | None,
        trust: bool,
    ) -> "StartFrom | None":
        """Returns what the options say; None where a training begins anew.

        Raises:
            RunError: The folder is no finished run or is missing, or the rule is none.
        """
        rule = None if promote_if is None else PromotionRule.parse(promote_if)
        if folder is None:
            given = "--promote-if" if rule else "--keep-optimizer" if keep_optimizer else None
            if given is None:
                return None
            raise RunError(
                f"{given} was given without --from.",
                "The finished run to start from, whose model and optimizer it speaks of.",
                f"Add --from RUN, or leave {given} out.",
            )
        run = load_run(folder, plugins, trust)
        return cls(run, run.load_model(), keep_optimizer, rule)

    @classmethod
    def noted(cls, begun: Run, plugins: Sequence[str] | None, trust: bool) -> "StartFrom | None":
        """Returns what a training that goes on was begun with."""
        notes = begun.notes
        keep, rule = notes.get("keep_optimizer", 0.0), notes.get("promote_if")
        return cls.of(begun.began_with, keep, rule, plugins, trust)

    def warm_start(self) -> WarmStart:
        """Returns what training starts from."""
        return WarmStart(self.model, keep_optimizer=self.keep_optimizer)

    def notes(self, loaded: Loaded) -> dict[str, Any]:
        """Returns what to note down for `noted`, and for the rows to be the same again."""
        notes: dict[str, Any] = {}
        if loaded.asks_for_new_rows:
            notes["since"] = self.warm_start().since
        if self.keep_optimizer:
            notes["keep_optimizer"] = self.keep_optimizer
        if self.rule is not None:
            notes["promote_if"] = str(self.rule)
        return notes

    def decide(self, folder: Path, new: MultiTaskModel, dataset: Dataset) -> dict[str, Any] | None:
        """Returns whether the new model is promoted, and notes it down; None without a rule."""
        if self.rule is None:
            return None
        promotion = self.rule.decide(self.model, new, dataset)
        decided = {**promotion.as_json(), "from": str(self.run.path)}
        Run(folder).save_promotion(decided)
        return decided
