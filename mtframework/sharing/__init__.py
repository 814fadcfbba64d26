"""Between towers and heads: what the tasks share."""
