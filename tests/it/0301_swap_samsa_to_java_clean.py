"""Swap of disks after clean stops: a Java broker goes on in our log directory, and we come back."""
from swap import passed_on


def test(env):
    passed_on(env, "clean", env.target, "kafka")
