"""Swap of disks after kill -9: a Java broker goes on in our log directory, and we come back."""
from swap import passed_on


def test(env):
    passed_on(env, "killed", env.target, "kafka")
