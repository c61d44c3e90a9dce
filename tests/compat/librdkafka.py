"""librdkafka's own test suite: fetched with its source, built once, each test in a process of its own against a broker.

The source comes in the npm package node-rdkafka, whose version says which librdkafka it carries. librdkafka.tsv lists
every test: in which scenario it runs, or why it is left out."""
import os
import re
import subprocess
import time

import java
from harness import TOP, wait_for

PACKAGE, LIBRDKAFKA = "3.6.1", "2.12.0"
LIST = os.path.join(TOP, "tests", "compat", "librdkafka.tsv")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "samsa", f"librdkafka-{LIBRDKAFKA}")
SOURCE = os.path.join(CACHE, "package", "deps", "librdkafka")
BUILD_S = 3600
LIMIT_S, LONG_LIMIT_S = 240, 1800    # of one test
LONG = ("0113_cooperative_rebalance",)
# Tests that measure seconds where Java tools start in between, or that bound milliseconds.
STRETCHED = ("0052", "0055", "0077", "0081", "0119", "0127")
# The broker that the list's results were got with from Apache Kafka.
BROKER = {"num_partitions": 4, "group_initial_rebalance_delay_ms": 3000}
SCENARIOS = {"default": {}, "noautocreate": {"auto_create_topics_enable": "false"}}


def listed():
    """[(name, scenario or -, seconds, reason)]"""
    with open(LIST) as f:
        return [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]


def shell(command, log, folder):
    with open(log, "ab") as out:
        done = subprocess.run(command, shell=True, cwd=folder, stdout=out, stderr=out, timeout=BUILD_S)
    assert done.returncode == 0, f"{command} failed, its words are in {log}"


def get():
    """Fetches and builds what is not there."""
    done = os.path.join(CACHE, ".complete")
    if os.path.exists(done):
        return
    os.makedirs(CACHE, exist_ok=True)
    log = os.path.join(CACHE, "build.log")
    print(f"==> building librdkafka {LIBRDKAFKA} and its tests (its words: {log})", flush=True)
    shell(f"npm pack --silent node-rdkafka@{PACKAGE} && tar xzf node-rdkafka-*.tgz", log, CACHE)
    let_one_be_named()
    shell("./configure && make -j2 libs && make -j2 -C tests build", log, SOURCE)
    open(done, "w").close()


def let_one_be_named():
    """TESTS= names one test, and not all of its number."""
    path = os.path.join(SOURCE, "tests", "test.c")
    with open(path) as f:
        text = f.read()
    changed = text.replace("tests_to_run && !strstr(tests_to_run, testnum)", "tests_to_run && strcmp(tests_to_run, test->name)")
    assert changed != text, "librdkafka's test.c is another one than expected"
    with open(path, "w") as f:
        f.write(changed)


def commands(top):
    """What the tests take for Kafka's bin directory, below `top`. It names this tree: nothing to be kept for another."""
    folder = os.path.join(top, "bin")
    os.makedirs(folder)
    jars = subprocess.run([java.PEER, "get", java.KAFKA], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    for name, words in {"kafka-topics.sh": f"exec {java.PEER} tool {java.KAFKA} topics",
                        "kafka-run-class.sh": f'exec java -cp "$CLASSPATH:{jars}/*"'}.items():
        path = os.path.join(folder, name)
        with open(path, "w") as f:
            f.write(f'#!/bin/sh\n{words} "$@"\n')
        os.chmod(path, 0o755)


def run_one(name, broker, scenario, folder, patience):
    """passed, failed or skipped; and seconds."""
    config = os.path.join(folder, "test.conf")
    stretch = max(patience, 2 if name[:4] in STRETCHED else 1)
    with open(config, "w") as f:
        f.write(f"bootstrap.servers={broker.bootstrap}\ntest.timeout.multiplier={stretch}\n")
    environment = os.environ | {"TESTS": name, "TEST_SCENARIO": scenario, "TEST_KAFKA_VERSION": "3.9.0",
                                "RDKAFKA_TEST_CONF": config, "KAFKA_PATH": folder, "BROKERS": broker.bootstrap,
                                "LD_LIBRARY_PATH": f"{SOURCE}/src:{SOURCE}/src-cpp"}
    start = time.monotonic()
    with open(os.path.join(folder, name + ".log"), "wb") as out:
        process = subprocess.Popen(["./test-runner", "-p1"], cwd=os.path.join(SOURCE, "tests"), env=environment, stdout=out,
                                   stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            status = process.wait((LONG_LIMIT_S if name in LONG else LIMIT_S) * patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            status = process.wait()
    with open(os.path.join(folder, name + ".log"), errors="replace") as f:
        ran = re.search(f"Test {re.escape(name)} PASSED", f.read())
    return "failed" if status else "passed" if ran else "skipped", time.monotonic() - start


def suite(env, cluster, only=()):
    """Yields (name, result, seconds) for each test that is not left out; a broker for each scenario."""
    get()
    commands(env.folder)
    for scenario, config in SCENARIOS.items():
        names = [row[0] for row in listed() if row[1] == scenario and (not only or any(row[0].startswith(o) for o in only))]
        if not names:
            continue
        broker = cluster.broker(name=f"broker-{scenario}", **BROKER, **config).start()
        for name in names:
            result, seconds = run_one(name, broker, scenario, env.folder, env.patience)
            assert broker.process.running(), f"the broker ended during {name}:\n{broker.tail()}"
            yield name, result, seconds
        broker.stop()
        wait_for("the broker is gone", lambda: not broker.process.running())
