"""Swap of disks after kill -9: we go on in a Java broker's log directory, and it comes back."""
from swap import passed_on


def test(env):
    passed_on(env, "killed", "kafka", env.target)
