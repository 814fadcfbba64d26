"""torchjd on an equal torch model: one backward pass a task, PCGrad over the shared tables."""

import sys

import torch
import tutorial
from timing import report
from torchjd.aggregation import PCGrad, Sum


def main(method: str) -> None:
    from torchjd.autojac import jac_to_grad, mtl_backward

    data = tutorial.load()
    columns = {name: v[: tutorial.BATCH] for name, v in tutorial.rows(data, "train").items()}
    users, movies = (torch.tensor(columns[n], dtype=torch.long) for n in ("user_id", "movie_title"))
    ratings = torch.tensor(columns["user_rating"])
    sizes = [data.vocabularies[name].size for name in ("user_id", "movie_title")]
    tables = [torch.nn.Embedding(size, 32) for size in sizes]
    heads = [
        torch.nn.Sequential(
            torch.nn.Linear(64, 256),
            torch.nn.ReLU(),
            torch.nn.Linear(256, 128),
            torch.nn.ReLU(),
            torch.nn.Linear(128, 1),
        )
        for _ in range(2)
    ]
    shared = [p for table in tables for p in table.parameters()]
    own = [list(head.parameters()) for head in heads]
    optimizer = torch.optim.Adagrad([*shared, *own[0], *own[1]], lr=0.1)
    aggregator = {"pcgrad": PCGrad, "sum": Sum}[method]()
    every_movie = torch.arange(sizes[1])
    counts = torch.bincount(movies, minlength=sizes[1]).float()

    def run():
        of_users, all_movies = tables[0](users), tables[1](every_movie)
        of_movies = all_movies[movies]
        both = torch.cat([of_users, of_movies], 1)
        logits = of_users @ all_movies.T + torch.log(counts)
        positive = (of_users * of_movies).sum(1)
        losses = [
            torch.nn.functional.mse_loss(heads[0](both)[:, 0], ratings),
            torch.nn.functional.binary_cross_entropy_with_logits(
                heads[1](both)[:, 0], (ratings >= 4).float()
            ),
            (torch.logsumexp(logits, 1) - positive).mean(),
        ]
        optimizer.zero_grad()
        mtl_backward(losses, features=[of_users, all_movies], retain_graph=True)
        jac_to_grad(shared, aggregator)
        optimizer.step()
        return float(sum(losses))

    report(run, repeats=10, warm_ups=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
