"""The losses that Keras and keras-rs lack, a function a file; no layers and no tasks."""
