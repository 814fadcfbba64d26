"""MultiTaskModel and what it is cut into; knows no data set, no run and no Gin."""
