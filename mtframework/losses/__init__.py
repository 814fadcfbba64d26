"""The losses that Keras and keras-rs lack."""
