"""The contracts of the parts as tests, for everyone who writes one.

    from mtframework.testing import check_task, each_clause

    test_my_task = each_clause(check_task, lambda: MyTask("mine", label="seconds"), labels=[2, 30])

That is a test for each clause of the contract. A check can also be called: it makes parts, trains
and saves small models with them, and raises one `ContractError` for all clauses that the part
breaks: which clause, what was found, and how to fix it.
"""

from mtframework.testing.balancer import check_balancer
from mtframework.testing.dataset import check_dataset
from mtframework.testing.each_clause import each_clause
from mtframework.testing.encoder import check_encoder
from mtframework.testing.feature import check_feature
from mtframework.testing.gradient_balancer import check_gradient_balancer
from mtframework.testing.loss_balancer import check_loss_balancer
from mtframework.testing.metric import check_metric
from mtframework.testing.sharing import check_sharing
from mtframework.testing.task import check_task
from mtframework.testing.tower import check_tower

__all__ = [
    "check_balancer",
    "check_dataset",
    "check_encoder",
    "check_feature",
    "check_gradient_balancer",
    "check_loss_balancer",
    "check_metric",
    "check_sharing",
    "check_task",
    "check_tower",
    "each_clause",
]
