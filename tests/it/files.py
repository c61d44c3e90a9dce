"""Real files through kcat and back."""
import glob
import os
import random
import subprocess

from harness import kcat

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
TEXT_BYTES = 100_000_000
BINARY_BYTES, CHUNK_BYTES = 20_000_000, 50_000


def text_file(env):
    """A file of real text: licences and Python's own source, over and over; the same bytes on one machine."""
    size = int(TEXT_BYTES * env.scale)
    path = os.path.join(env.run.folder, f"text-{size}")
    if os.path.exists(path):
        return path
    sources = sorted(glob.glob("/usr/share/common-licenses/*") + glob.glob(os.path.dirname(os.__file__) + "/*.py"))
    # kcat sends no empty line
    lines = [line + b"\n" for name in sources if os.path.isfile(name)
             for line in open(name, "rb").read().splitlines() if line]
    written = 0
    with open(path + ".part", "wb") as out:
        while written < size:
            for line in lines:
                written += out.write(line)
                if written >= size:
                    break
    os.rename(path + ".part", path)
    return path


def binary_chunks(env):
    """A random binary file, and the files it is cut into: kcat sends each as one record."""
    noise = random.Random(42)
    whole, chunks = env.path("binary"), []
    with open(whole, "wb") as out:
        for i in range(int(BINARY_BYTES * env.scale) // CHUNK_BYTES):
            chunk = noise.randbytes(noise.randrange(1, 2 * CHUNK_BYTES))
            out.write(chunk)
            chunks.append(env.path(f"chunk-{i:05}"))
            with open(chunks[-1], "wb") as part:
                part.write(chunk)
    return whole, chunks


def same(a, b):
    return subprocess.run(["cmp", a, b]).returncode == 0


def text_through(env, codec, server):
    """The text file into a topic of its own and out again. server: kcat's words that lead there."""
    text, copy, topic = text_file(env), env.path("copy"), "text-" + codec
    kcat(*server, "-P", "-t", topic, "-p", 0, "-z", codec, stdin=text)
    kcat(*server, "-C", "-t", topic, "-p", 0, "-o", "beginning", "-e", "-q", stdout=copy)
    assert same(text, copy), f"{codec}: what came back differs"
