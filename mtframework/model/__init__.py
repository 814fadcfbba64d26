"""MultiTaskModel: composition, losses, assets, and what optimizers must leave alone."""
