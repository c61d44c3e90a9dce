"""--check-config, --version, and what a bad server.properties is told: file, line, key, value, what is allowed."""
import subprocess

from harness import Cluster

TARGETS = ("samsa",)


def test(env):
    file = env.path("server.properties")

    def check(text, *words):
        with open(file, "w") as f:
            f.write(text)
        done = subprocess.run([env.binary, file, *words], capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout + done.stderr

    good = f"broker.id=1\nzookeeper.connect=127.0.0.1:1\nlog.dirs={env.path('data')}\n"
    status, said = check(good, "--check-config")
    assert status == 0, said
    status, said = check(good + "num.network.threads=many\n", "--check-config")
    assert status == 1 and all(word in said for word in (f"{file}:4", "num.network.threads", "many")), said
    status, said = check(good + "\n# a word\nlog.cleanup.policy=\\\n  shred\n", "--check-config")
    assert status == 1 and all(word in said for word in (file, "log.cleanup.policy", "shred", "compact", "delete")), said
    status, said = check(good + "num.io.threads=0\n")
    assert status == 1 and "num.io.threads" in said, said
    status, said = check(good + "no.such.key=1\n", "--check-config")
    assert status == 0 and "no.such.key" in said, said
    status, said = check(good, "--override", "listeners=NONSENSE", "--check-config")
    assert status == 1 and "listeners" in said and "NONSENSE" in said, said
    status, said = check(good, "--override", "log.retention.ms=x", "--override", "num.io.threads=y", "--check-config")
    assert status == 1 and "log.retention.ms" in said and "num.io.threads" in said, f"not both are named: {said}"
    done = subprocess.run([env.binary, env.path("missing"), "--check-config"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and env.path("missing") in done.stdout + done.stderr
    done = subprocess.run([env.binary, "--version"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and done.stdout.strip(), done
    with Cluster(env) as cluster:
        broker = cluster.broker(no_such_key="1").start()
        assert "no.such.key" in broker.text()
        broker.stop()
