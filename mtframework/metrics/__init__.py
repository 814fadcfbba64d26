"""The metrics that Keras and keras-rs lack."""
