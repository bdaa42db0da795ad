"""What a comparison has to say about the machine and the programs it ran."""

import os
import pathlib
import platform
import subprocess
from importlib import metadata

# Flags of x86-64 that decide which kernels programs choose.
FLAGS = [
    "avx2",
    "fma",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
]
PACKAGES = ["torch", "onnxruntime", "onnx", "transformers", "sentence-transformers", "tokenizers", "numpy"]


def describe():
    info = cpuinfo()
    flags = info.get("flags", "").split()
    return dict(
        cpu=info.get("model name") or platform.processor() or platform.machine(),
        maker=info.get("vendor_id", ""),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        caches=caches(),
        features=[f for f in FLAGS if f in flags],
        os=f"{distribution()}, {platform.system()} {platform.release()} {platform.machine()}",
    )


def cpuinfo():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return {}
    return {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}


def caches():
    found = []
    for index in sorted(pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((index / f).read_text().strip() for f in ("level", "type", "size"))
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return found


def distribution():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()


def versions(packages=PACKAGES):
    go = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
    return dict(go=go, python=platform.python_version()) | {p: metadata.version(p) for p in packages}
