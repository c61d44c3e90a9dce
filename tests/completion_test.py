#!/usr/bin/env python3
"""completion_test.py - what bash offers behind a line of one of our commands. Runs in the build directory, where the
commands are, and calls the functions that `complete` names, as bash does.
"""
import os
import subprocess
import sys

# Prints the words that are offered, and before them whether files are when there are none.
ASK = r"""
fallback=files
compopt() { [ "$*" = "+o default" ] && fallback=nothing; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
found=$(complete -p "${1##*/}") || exit 1
function=${found#*-F } function=${function%% *}
[[ $found == *" -o default "* ]] || fallback=nothing
"$function" "$1" "${@: -1}" "${@: -2:1}"
[ ${#COMPREPLY[@]} = 0 ] && echo "$fallback"
printf '%s\n' "${COMPREPLY[@]}"
"""

# A line, of which the last word is to be completed; what has to be offered. Files and nothing are offers, too.
LINES = (
    (("samsa", ""), {"help", "topics", "zk", "dump-log"}),
    (("samsa", "conf"), {"configs"}),
    (("samsa", "topics", "--partitions"), {"--partitions"}),
    (("samsa-topics", "--delete"), {"--delete", "--delete-config"}),
    (("kafka-topics", "--partitions"), {"--partitions"}),
    (("kafka-topics.sh", "--partitions"), {"--partitions"}),
    (("samsa-topics", "--config", ""), {"nothing"}),
    (("samsa-topics", "--config", "re"), {"nothing"}),
    (("samsa-topics", "--command-config", ""), {"files"}),
    (("samsa-topics", "--topic", "--l"), {"nothing"}),
    (("samsa-configs", "--add-config", ""), {"nothing"}),
    (("samsa-configs", "--delete-config", ""), {"nothing"}),
    (("samsa-configs", "--add-config-file", ""), {"files"}),
    (("samsa-cluster", "clus"), {"cluster-id"}),
    (("samsa-cluster", "cluster-id", "-c", ""), {"files"}),
    (("samsa-cluster", "cluster-id", "--config", ""), {"files"}),
    (("samsa-consumer-groups", "--list", "--state", "--ty"), {"--type"}),
    (("samsa-reassign-partitions", "--reassignment-json-file", "pl"), {"files"}),
    (("samsa-leader-election", "--admin.config", ""), {"files"}),
    (("samsa-dump-log", "--check", "/da"), {"files"}),
    (("./samsa-broker", "--over"), {"--override"}),
    (("./samsa-broker", "--override", "log."), {"nothing"}),
    (("./samsa-broker", ""), {"files"}),
    (("./samsa-broker", "-"), {"--override", "--check-config", "--help", "--usage", "--version"}),
)
# Behind these words some of many are looked for; elsewhere there may be no other.
SOME = ("samsa", "")


def offered(script, line):
    done = subprocess.run(["bash", "--norc", "--noprofile", "-c", script + ASK, "bash", *line], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0 and not done.stderr, (line, done.stdout, done.stderr)
    return set(done.stdout.split())


def main():
    broker = os.path.join(os.environ.get("srcdir", os.path.join(os.path.dirname(__file__), "..")), "etc/completion/samsa-broker")
    commands = subprocess.run(["./samsa", "completion"], stdout=subprocess.PIPE, text=True, check=True).stdout
    script = commands + open(broker).read()
    wrong = []
    for line, wanted in LINES:
        found = offered(script, line)
        if not (found >= wanted if line == SOME else found == wanted):
            wrong.append(f"{' '.join(line)}: wanted {sorted(wanted)}, offered {sorted(found)}")
    print("\n".join(wrong) or f"{len(LINES)} lines")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
