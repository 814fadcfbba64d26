"""The contracts of the parts as tests, for everyone who writes one.

    from mtframework.testing import check_task

    def test_my_task():
        check_task(lambda: MyTask("mine", label="seconds"), labels=[2.0, 30.0])

Each check makes parts, trains and saves small models with them, and raises a `ContractError` at
the first clause that the part breaks: which clause, what was found, and how to fix it.
"""

from mtframework.testing.balancer import check_balancer
from mtframework.testing.metric import check_metric
from mtframework.testing.sharing import check_sharing
from mtframework.testing.task import check_task

__all__ = ["check_balancer", "check_metric", "check_sharing", "check_task"]
