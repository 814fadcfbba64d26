"""Refuses imports that take seconds, of what others try to import beside JAX: import it first."""

import sys


class _Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "torch"):
            raise ImportError(f"{name} is not to be had here")


sys.meta_path.insert(0, _Refusal())
