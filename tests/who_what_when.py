"""Who took what, and when: the least that an order of time can be made of."""

import mtframework as mtf

SCHEMA = mtf.Schema(
    (
        mtf.Column("who", "categorical", "query"),
        mtf.Column("what", "categorical", "candidate"),
        mtf.Column("when", "numeric", "timestamp"),
    ),
    "who",
    "what",
)
