"""Starts trainings of spreading.py in processes of their own."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

PROGRAM = str(Path(__file__).with_name("spreading.py"))


def environment(num_devices: int) -> dict[str, str]:
    """Returns that of a process which sees so many devices."""
    others = {name: text for name, text in os.environ.items() if not name.startswith("JAX_")}
    return {
        **others,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "OMP_NUM_THREADS": "1",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={num_devices} "
        "--xla_cpu_multi_thread_eigen=false",
    }


def start(
    command: list[str], num_processes: int = 1, num_devices: int = 1, **arguments
) -> list[subprocess.Popen]:
    """Starts a command in so many processes, each of which sees so many devices."""
    if num_processes == 1:
        return [_start(command, environment(num_devices), arguments)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    return [
        _start(
            command,
            {
                **environment(num_devices),
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
                "KERAS_DISTRIBUTION_NUM_PROCESSES": str(num_processes),
                "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
            },
            arguments,
        )
        for number in range(num_processes)
    ]


def _start(command, variables, arguments) -> subprocess.Popen:
    arguments = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} | arguments
    return subprocess.Popen(command, env=variables, **arguments)


class Result:
    """What a training came to: the arrays that it ended with, and what else it noted down."""

    def __init__(self, file: Path):
        self.arrays = dict(np.load(file))
        noted = json.loads(file.with_suffix(".json").read_text("utf-8"))
        self.shares: dict[str, list[list[int]]] = noted["shares"]
        self.text: str = noted["text"]
        self.folder = file.with_suffix("")


def train(case: str, folder: Path, num_processes: int = 1, num_devices: int = 1) -> list[Result]:
    """Trains a case, and returns what each process noted down."""
    begin = f"{folder / case}-{num_devices}"
    files = [f"{begin}-{number}-of-{num_processes}" for number in range(num_processes)]
    command = [sys.executable, PROGRAM, case, begin]
    processes = start(command, num_processes, num_devices)
    told = [process.communicate(timeout=300)[0] for process in processes]
    for process, text in zip(processes, told, strict=True):
        assert process.returncode == 0, text
    return [Result(Path(f"{file}.npz")) for file in files]


def differences(one: Result, other: Result) -> list[str]:
    """Returns what differs by more than 1e-5, absolutely or of its size."""
    names = dict.fromkeys((*one.arrays, *other.arrays))
    return [name for name in names if not _are_equal(one.arrays.get(name), other.arrays.get(name))]


def _are_equal(one, other) -> bool:
    if one is None or other is None or one.shape != other.shape:
        return False
    return bool(np.allclose(one, other, rtol=1e-5, atol=1e-5))
