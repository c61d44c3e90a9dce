#!/usr/bin/env python3
"""tidy_test.py - each rule of tidy.py finds the bad samples made for it, and nothing in a tree that keeps them all.

The compiler is that of $compile, as in tidy.py.
"""
import os
import shlex
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402

GOOD = {
    "broker/ROOMS": "base:\nnet: base\nmain: net\ntests: main\nseam: broker/base/sys*.c\n",
    "broker/base/README": "base: what all stand on\n",
    "broker/base/room.am": "# broker/base: its files\nS = broker/base/a.h broker/base/loggers.tbl broker/base/a.c broker/base/sys.c broker/base/bad.c "
                           "broker/base/bad.h\nR = broker/base/README\n",
    "broker/base/a.h": "/* a.h - a header */\n#ifndef A_H\n#define A_H\n#include <stddef.h>\n"
                       "size_t a_length(const char *text);\n#endif\n",
    "broker/base/a.c": "/* a.c - see a.h */\n#include \"broker/base/a.h\"\n\n#include <string.h>\n\n"
                       "enum { A_MAGIC = 0x00000a0a };\n\nsize_t a_length(const char *text)\n{\n\treturn strlen(text);\n}\n",
    "broker/base/sys.c": "/* sys.c - the seam, which may do all this */\n#include <time.h>\nint kept;\nlong sys_now(void);\n"
                         "long sys_now(void)\n{\n\treturn time(NULL);\n}\n",
    "broker/base/loggers.tbl": "/* loggers.tbl - the loggers */\nL(\"kafka\")\n",
    "broker/net/README": "net: a room above\n",
    "broker/net/room.am": "# broker/net: its files\nS = broker/net/up.h broker/net/down.c broker/net/README\n",
    "broker/net/up.h": "/* up.h - an upper header */\n",
    "broker/net/down.c": "/* down.c - includes downwards */\n#include \"broker/base/a.h\"\n",
    "tests/room.am": "# tests: its files\nS = tests/long.py tests/long.sh tests/ut_a.c\n",
    "tests/ut_a.c": "/* ut_a.c - uses a_length() and sys_now() */\n",
}

HEAD = "/* bad.c - a bad sample */\n"
MANY = "\treturn;\n" * (tidy.FUNCTION_LINES + 1)
BAD = "broker/base/bad.c"

# rule, the sample's path, its contents
SAMPLES = [
    ("layering", BAD, HEAD + '#include "broker/net/up.h"\n'),
    ("layering", BAD, HEAD + '#include "a.h"\n'),
    ("layering", "broker/net/bad.c", HEAD + '#include "broker/base/deep_priv.h"\n'),
    ("layering", "broker/nowhere/bad.c", HEAD),
    ("rooms_are_described", "broker/nowhere/bad.c", HEAD),
    ("function_length", BAD, HEAD + "static void f(void)\n{\n" + MANY + "}\n"),
    ("function_length", "tests/long.py", "#!/usr/bin/env python3\n# long\ndef f():\n" + "    pass\n" * 71),
    ("function_length", "tests/long.sh", "#!/bin/sh\n# long\nf() {\n" + "\ttrue\n" * 71 + "}\n"),
    ("file_length", BAD, HEAD + "\n" * tidy.FILE_LINES + "int x;\n"),
    ("line_length", BAD, HEAD + "\t" * 12 + "int a_name_too_long;\n"),
    ("white_space", BAD, HEAD + "int x; \n"),
    ("white_space", BAD, HEAD + "int x;"),
    ("white_space", BAD, HEAD + "int x;\n\n"),
    *(("banned_calls", BAD, HEAD + f"void f(void)\n{{\n\t{call};\n}}\n") for call in (
        "strcpy(a, b)", "strcat(a, b)", "sprintf(a, b)", "vsprintf(a, b, c)", "gets(a)", "strtok(a, b)", "atoi(a)",
        "atol(a)", "atof(a)", "alloca(1)", "system(a)", "exit(1)", "popen(a, b)", "assert(a)", "longjmp(a, 1)",
        "fprintf(stderr, a)")),
    ("banned_calls", BAD, HEAD + "typedef struct x y;\n"),
    ("loggers_are_listed", BAD, HEAD + '#define LOGGER "kafka.nobody"\n'),
    ("loggers_are_listed", BAD, HEAD + 'void f(void)\n{\n\tlog_info("kafka.nobody", "x");\n}\n'),
    ("unfinished", BAD, HEAD + "/* TO" "DO: more */\n"),
    ("this_machine", BAD, HEAD + "/* /ro" "ot/x */\n"),
    ("this_machine", BAD, HEAD + "/* ht" "tp://host.nowhere/ */\n"),
    ("magic_is_unique", BAD, HEAD + "enum { B_MAGIC = 0xa0a };\n"),
    ("heading", BAD, "int x;\n"),
    ("heading", BAD, "/* other.c - a bad sample */\n"),
    ("dead_files", "broker/base/nobody.c", "/* nobody.c - in no list */\n"),
    ("headers_alone", "broker/base/bad.h", "/* bad.h - needs more than it says */\nsize_t f(void);\n"),
    ("objects_ask_the_seam", BAD, HEAD + "#include <time.h>\nlong f(void);\nlong f(void)\n{\n\treturn time(NULL);\n}\n"),
    ("objects_ask_the_seam", BAD, HEAD + "#include <unistd.h>\nlong f(char *p);\nlong f(char *p)\n{\n"
                                         "\treturn read(0, p, 1);\n}\n"),
    ("objects_ask_the_seam", BAD, HEAD + "#include <pthread.h>\nint f(pthread_mutex_t *m);\nint f(pthread_mutex_t *m)\n{\n"
                                         "\treturn pthread_mutex_lock(m);\n}\n"),
    ("objects_keep_nothing", BAD, HEAD + "int kept;\n"),
    ("objects_keep_nothing", BAD, HEAD + "int f(void);\nint f(void)\n{\n\tstatic int calls = 1;\n\treturn calls++;\n}\n"),
    ("objects_keep_nothing", BAD, HEAD + "_Thread_local int kept = 1;\n"),
    ("objects_give_what_is_wanted", BAD, HEAD + "int f(void);\nint f(void)\n{\n\treturn 1;\n}\n"),
]

# What the rules must bear: strings and comments with bad words, seam or not.
FINE = [
    ("banned_calls", BAD, HEAD + 'const char *s = "strcpy(a)"; /* exit(1) */\nint a_strcpy(int x);\n'),
    ("layering", BAD, HEAD + '/* #include "broker/net/up.h" */\n'),
    ("function_length", BAD, HEAD + "static void f(void)\n{\n" + "\treturn;\n" * (tidy.FUNCTION_LINES - 3) + "}\n"),
]


class World:
    """A tree of files with its build, made anew for each sample."""

    def __init__(self, at, compiler):
        self.top, self.build, self.compiler = os.path.join(at, "top"), os.path.join(at, "build"), compiler

    def put(self, path, text):
        path = os.path.join(self.top, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def remove(self, path):
        os.remove(os.path.join(self.top, path))
        made = os.path.join(self.build, os.path.splitext(path)[0] + ".o")
        if os.path.exists(made):
            os.remove(made)

    def compile(self, path):
        made = os.path.join(self.build, os.path.splitext(path)[0] + ".o")
        os.makedirs(os.path.dirname(made), exist_ok=True)
        command = [*self.compiler, "-I", self.top, "-c", os.path.join(self.top, path), "-o", made]
        subprocess.run(command, check=True)

    def findings(self, rule):
        """The paths that this rule complains of."""
        tree = tidy.Tree(self.top, self.build, shlex.join(self.compiler))
        return [path for path, _, _ in getattr(tidy, rule)(tree)]


def compiler():
    """What $compile calls, without its flags: they may instrument."""
    words = shlex.split(os.environ.get("compile", "cc"))
    return words[:next((i for i, word in enumerate(words) if word.startswith("-")), len(words))]


def is_found(world, rule, path, text):
    world.put(path, text)
    if rule.startswith("objects_"):
        world.compile(path)
    found = world.findings(rule)
    world.remove(path)
    return path in found or os.path.dirname(path) in found


def main():
    wrong = []
    with tempfile.TemporaryDirectory() as at:
        world = World(at, compiler())
        for path, text in GOOD.items():
            world.put(path, text)
        for path in ("broker/base/a.c", "broker/base/sys.c", "broker/net/down.c"):
            world.compile(path)
        for rule in tidy.RULES:
            wrong += [f"{rule.__name__} complains of the good {path}" for path in world.findings(rule.__name__)]
        wrong += [f"{rule} lets pass:\n{text}" for rule, path, text in SAMPLES if not is_found(world, rule, path, text)]
        wrong += [f"{rule} complains of:\n{text}" for rule, path, text in FINE if is_found(world, rule, path, text)]
    untried = {rule.__name__ for rule in tidy.RULES} - {rule for rule, _, _ in SAMPLES}
    wrong += [f"{rule} has no bad sample" for rule in sorted(untried)]
    print("\n".join(wrong) or f"{len(SAMPLES)} bad samples, each found")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
