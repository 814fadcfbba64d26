import io

from rich.console import Console

from mtframework.cli.progress import Bar


def test_the_bar_says_everything_in_80_columns():
    text = io.StringIO()
    bar = Bar("a_long_experiment", Console(file=text, width=80, force_terminal=True, no_color=True))
    bar.set_params({"epochs": 2, "steps": 1})
    bar.on_train_begin()
    logs = {"loss": 11.75, "rating/share": 0.24, "watch/share": 0.76}
    for epoch in range(2):
        bar.on_epoch_begin(epoch)
        bar.on_train_batch_end(0, {**logs, "gradient_cosine/rating/watch": -0.25})
    bar.on_train_end()
    for part in ("a_long_experiment: epoch 2/2", "2/2", "steps/s", "0:00:00"):
        assert part in text.getvalue()
    assert "loss 11.75 (rating 24%, watch 76%), lowest cosine -0.25" in text.getvalue()
