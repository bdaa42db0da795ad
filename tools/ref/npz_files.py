"""Golden files for package npz, written by NumPy.

    python tools/ref/npz_files.py        # internal/npz/testdata/

types.npz     one array of every number type, in both byte orders, named after its type ("f4", "f4 big")
shapes.npz    numbers that count up in C order, in C and Fortran order, from no dimension to four
deflated.npz  the same as shapes.npz, compressed
refused.npz   what is not read: objects, text, structures ...
v2.npy v3.npy versions 2.0 and 3.0 of the format

Made with NumPy 2.4.6.
"""

import pathlib

import numpy as np

OUT = pathlib.Path(__file__).resolve().parents[2] / "internal" / "npz" / "testdata"

# What is hard in float16: halves, the largest number, subnormals, infinities, NaN.
FLOATS = [0.0, -0.0, 1.0, -2.5, 65504.0, 2.0**-14, 2.0**-24, -(2.0**-15), np.inf, -np.inf, np.nan, 1 / 3]


def types():
    arrays = {"b1": np.array([True, False, True])}
    for code in ["f2", "f4", "f8"]:
        arrays[code] = np.array(FLOATS).astype("<" + code)
    for size in [1, 2, 4, 8]:
        signed, unsigned = np.iinfo(f"i{size}"), np.iinfo(f"u{size}")
        arrays[f"i{size}"] = np.array([0, -1, signed.max, signed.min], f"<i{size}")
        arrays[f"u{size}"] = np.array([0, 1, unsigned.max // 2, unsigned.max // 2 + 1, unsigned.max], f"<u{size}")
    big = {name + " big": a.astype(a.dtype.newbyteorder(">")) for name, a in arrays.items() if a.itemsize > 1}
    return arrays | big


def shapes():
    arrays = {}
    for shape in [(), (1,), (4,), (2, 3), (3, 1), (2, 3, 4), (2, 1, 3, 2), (0,), (2, 0, 3)]:
        name = "x".join(map(str, shape)) or "scalar"
        count = np.arange(float(np.prod(shape))).reshape(shape)
        arrays["c " + name] = count
        arrays["f " + name] = np.array(count, ">f4", order="F")
    return arrays


def refused():
    return {
        "objects": np.array([{"a": 1}, None], object),
        "structured": np.zeros(2, [("a", "<f4"), ("b", "<i8", (2,))]),
        "complex": np.zeros(2, "c16"),
        "text": np.array(["a", "bc"]),
        "bytes": np.array([b"a", b"bc"]),
        "raw": np.zeros(2, "V2"),
        "dates": np.array(["2023-08-23"], "M8[D]"),
        "spans": np.array([1], "m8[s]"),
        "longdouble": np.zeros(2, np.longdouble),
    }


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    np.savez(OUT / "types.npz", **types())
    np.savez(OUT / "shapes.npz", **shapes())
    np.savez_compressed(OUT / "deflated.npz", **shapes())
    np.savez(OUT / "refused.npz", **refused())
    for version in [2, 3]:
        with open(OUT / f"v{version}.npy", "wb") as f:
            np.lib.format.write_array(f, np.arange(6.0).reshape(2, 3), version=(version, 0))


if __name__ == "__main__":
    main()
