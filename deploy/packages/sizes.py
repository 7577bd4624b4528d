"""Prints what fills a binary, by section and by crate: sizes.py PROGRAM

Reads symbols from tidegate.debug, if it is beside a stripped PROGRAM. What the compiler made of a
generic function is counted for the crate that defines the function. C functions are told apart by
their names' first letters, so that these lines are estimates."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

# Prefixes of C symbols, in the order they are tried.
C = [
    ("aws-lc (C, assembly)", r"aws_lc_|Lp\d|chacha|ec_GFp|ecp_nistz|p\d{3}_|P\d{3}_|curve25519|edwards25519|x25519|bignum_|kObjects|mlkem|mldsa|sha\d|aes|gcm_|CRYPTO_|EVP_|BN_|RSA_|EC_|ASN1_|OPENSSL_|fiat_|kNID|kOID|ed25519|sm2_|vpaes|KeccakF|md5_|SHA|AES"),
    ("sqlite (C)", r"sqlite3|fts\d|rtree|yy|json[A-Z]|btree|pager|wal[A-Z]|vdbe|pcache|unix[A-Z]|where[A-Z]|select[A-Z]|code[A-Z]|alter[A-Z]|rbu|session[A-Z]|dbpage|multiSelect|expr[A-Z]|resolve[A-Z]|balance|analyze[A-Z]"),
    ("libwebp (C)", r"WebP|VP8|Yuv|webp|Sharp|kVP8|Encode|Predictor"),
    ("libjpeg-turbo (C, assembly)", r"j[a-z0-9]*_|jsimd|jpeg|tj[A-Z0-9]|encode_|decode_|std_huff|h2v|rgb_|ycc_|extrgb|_tj|jconst|start_|finish_|process_|prepare_"),
]
DROP = re.compile(r"^core(?:\[[0-9a-f]+\])?::ptr::drop_(?:in_place|glue)(?:::)?<")
CRATE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\[[0-9a-f]+\])?::")


def crate_of(name):
    # What drops a value belongs to the crate of the value.
    if found := CRATE.search(DROP.sub("", name)):
        return found[1]
    for label, prefix in C:
        if re.match(prefix, name):
            return label
    if name.startswith(("anon.", ".Lanon", "alloc_", "vtable.", "str.", "switch.table")):
        return "constants without a name (Rust)"
    return "C library and others"


def sections(program):
    out = subprocess.run(["readelf", "--sections", "--wide", program], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        if found := re.match(r"\s*\[\s*\d+\]\s+(\S+)\s+(\S+)\s+\S+\s+\S+\s+([0-9a-f]+)\s+\S+\s+(\S*)", line):
            if "A" in found[4] and found[2] != "NOBITS":
                yield found[1], int(found[3], 16)


def main():
    program = Path(sys.argv[1])
    symbols = program.with_suffix(".debug")
    total = program.stat().st_size
    print("| section | MB | share |\n|---|---:|---:|")
    for name, size in sorted(sections(program), key=lambda pair: -pair[1])[:9]:
        print(f"| `{name}` | {size / 1e6:.1f} | {100 * size / total:.0f} % |")
    print(f"| the file | {total / 1e6:.1f} | |\n")
    out = subprocess.run(["nm", "--print-size", "--demangle=rust", symbols if symbols.is_file() else program], capture_output=True, text=True, check=True).stdout
    code, data, names = Counter(), Counter(), {}
    for line in out.splitlines():
        found = re.match(r"([0-9a-f]+) ([0-9a-f]+) (\w) (.*)", line)
        # Several names of one address are counted once.
        if found and names.setdefault(found[1], found[4]) == found[4]:
            (code if found[3] in "tTwW" else data)[crate_of(found[4])] += int(found[2], 16)
    print("| crate | code, MB | named data, MB |\n|---|---:|---:|")
    listed = sorted(code | data, key=lambda name: -(code[name] + data[name]))
    for name in listed[:25]:
        print(f"| {name} | {code[name] / 1e6:.2f} | {data[name] / 1e6:.2f} |")
    rest = listed[25:]
    print(f"| {len(rest)} others | {sum(code[name] for name in rest) / 1e6:.2f} | {sum(data[name] for name in rest) / 1e6:.2f} |")


main()
