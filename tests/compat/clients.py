"""Clients, commands and applications that others wrote, run by integration tests; clients.tsv lists them by suite, with
whose version each is, and what is left out with its reason."""
import os
import subprocess

import java
import pythons
from harness import TOP

LIST = os.path.join(TOP, "tests", "compat", "clients.tsv")
LEFT_OUT = "-"


def listed():
    """[(suite, whose version, test or -, what it runs or why not)]"""
    with open(LIST) as f:
        return [tuple(line.rstrip("\n").split("\t")) for line in f if not line.startswith("#")]


def suites():
    """Names, in the list's order."""
    return list(dict.fromkeys(row[0] for row in listed()))


def versions(suite):
    """Those of the suite's clients, as the table names them."""
    broker, newest = subprocess.run([java.PEER, "versions"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    meant = {"broker": [broker], "newest": [newest], "both": [broker, newest], LEFT_OUT: []}
    found = []
    for row in listed():
        if row[0] == suite:
            found += meant[row[1]] if row[1] in meant else [f"{row[1]} {pythons.VERSIONS[row[1]]}"]
    return ", ".join(dict.fromkeys(found))


def tests(suite):
    return [row[2] for row in listed() if row[0] == suite and row[2] != LEFT_OUT]


def left_out(suite):
    return sum(1 for row in listed() if row[0] == suite and row[2] == LEFT_OUT)
