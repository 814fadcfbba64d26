"""The metrics that Keras and keras-rs lack, one a file; they own no data."""
