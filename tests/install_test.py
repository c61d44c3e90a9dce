#!/usr/bin/env python3
"""install_test.py - `make install` with and without Kafka's names beside files of the same names that are not ours, and
what `make uninstall` leaves: those, and nothing else. Runs in the build directory, installs below a folder of its own.
"""
import os
import subprocess
import sys
import tempfile

OURS, FOREIGN = "samsa-topics", "Apache Kafka's own\n"


def make(target, root, names):
    """Its words; of an outer make nothing is inherited, whose variables may say what else is to be built."""
    clean = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    done = subprocess.run(["make", target, "DESTDIR=" + root, "kafka_names=" + names], env=clean, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"make {target} kafka_names={names}:\n{done.stdout[-3000:]}"
    return done.stdout


def files(root):
    """Folder -> the names in it, of all that is no folder."""
    return {folder: set(names) | {d for d in folders if os.path.islink(os.path.join(folder, d))}
            for folder, folders, names in os.walk(root) if names}


def folders_of(found, name):
    return [folder for folder, names in found.items() if name in names]


def runs(path):
    """A command without a broker: what it is for, and 1, as Kafka's."""
    done = subprocess.run([path, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "--bootstrap-server" in done.stderr, (path, done)


def without_names(root):
    """The folders of the programs and of the completions."""
    make("install", root, "no")
    found = files(root)
    kafka = [name for names in found.values() for name in names if name.startswith("kafka-")]
    assert not kafka, kafka
    assert folders_of(found, "samsa-broker") and folders_of(found, "samsa-topics.1"), found
    completion, = (folder for folder in folders_of(found, OURS) if folder.endswith("completions"))
    programs, = (folder for folder in folders_of(found, OURS) if folder != completion)
    runs(os.path.join(programs, OURS))
    return programs, completion


def put_foreign(programs, completion):
    """A command, a completion, and a link that points where ours do not."""
    paths = [os.path.join(programs, "kafka-topics.sh"), os.path.join(completion, "kafka-topics")]
    for path in paths:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(FOREIGN)
    link = os.path.join(programs, "kafka-configs")
    os.symlink("/nosuch/kafka-configs.sh", link)
    return paths, link


def untouched(root, paths, link, alone):
    for path in paths:
        assert not os.path.islink(path) and open(path).read() == FOREIGN, path
    assert os.readlink(link) == "/nosuch/kafka-configs.sh"
    if alone:
        left = {os.path.join(folder, name) for folder, names in files(root).items() for name in names}
        assert left == {*paths, link}, left


def with_names(programs, completion, names):
    """Every name of Kafka's in both forms, but for those that were taken."""
    assert len(names) > 12 and "topics" in names and "zk" not in names, names
    for name in names:
        for kafka in ("kafka-" + name, "kafka-" + name + ".sh"):
            if kafka not in ("kafka-topics.sh", "kafka-configs"):
                assert os.readlink(os.path.join(programs, kafka)) == "samsa", kafka
            if kafka != "kafka-topics":
                assert os.readlink(os.path.join(completion, kafka)) == "samsa", kafka
    runs(os.path.join(programs, "kafka-topics"))
    runs(os.path.join(programs, "kafka-configs.sh"))


def main():
    names = subprocess.run(["./samsa", "names", "kafka"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    with tempfile.TemporaryDirectory() as root:
        programs, completion = without_names(root)
        foreign = put_foreign(programs, completion)
        make("uninstall", root, "no")
        untouched(root, *foreign, alone=True)
        said = make("install", root, "yes")
        for path in (*foreign[0], foreign[1]):
            assert f"{path} is not ours and stays as it is" in said, (path, said)
        assert said.count("stays as it is") == 3, said
        untouched(root, *foreign, alone=False)
        with_names(programs, completion, names)
        make("uninstall", root, "yes")
        untouched(root, *foreign, alone=True)


if __name__ == "__main__":
    sys.exit(main())
