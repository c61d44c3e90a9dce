"""Swap of disks after clean stops: we go on in a Java broker's log directory, and it comes back."""
from swap import passed_on


def test(env):
    passed_on(env, "clean", "kafka", env.target)
