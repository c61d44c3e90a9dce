#!/usr/bin/env python3
"""tidy.py - the rules of HACKING that a program can check; part of `make check`.

  tests/tidy.py [TOP]

TOP is the source tree (default: $srcdir, or the one this file lies in); the current directory is the build tree, and
$compile the compiler's command line there. Without a build the rules about objects and headers say so and rest.
A rule is a function that yields findings (path, line, message). What it excepts is a short list beside it, with the
reason.
"""
import ast
import collections
import concurrent.futures
import fnmatch
import functools
import os
import re
import shlex
import subprocess
import sys

FUNCTION_LINES = 70
FILE_LINES = 1000
LINE_COLUMNS = 110
FOLDERS = ("broker", "zkutil", "tools", "tests", "doc", "etc", "m4", ".ci")
GENERATED = "broker/protocol/gen/"
NOT_OURS = (GENERATED, "tests/golden/")  # Kafka's bytes and words
TEXT = (".c", ".h", ".S", ".tbl", ".kmsg", ".py", ".sh", ".java", ".am", ".ac", ".m4", ".md", ".properties", ".in")

RULES = []


def rule(function):
    RULES.append(function)
    return function


class Source:
    """One file: its text, its lines, and for C the lines with comments and literals blanked."""

    def __init__(self, top, path):
        with open(os.path.join(top, path), encoding="utf-8") as f:
            self.text = f.read()
        self.path = path
        self.lines = self.text.split("\n")
        self.is_c = path.endswith((".c", ".h", ".tbl"))
        self.is_script = self.text.startswith("#!")
        self.code = without_literals(self.text).split("\n") if self.is_c else []

    def find(self, pattern, lines=None):
        """(line number, match) of each match in each line."""
        for number, line in enumerate(self.lines if lines is None else lines, 1):
            for match in re.finditer(pattern, line):
                yield number, match


def without_literals(text):
    """C text with comments and the insides of literals blanked, line for line; what is included stays."""
    parts = re.compile(r'(^[ \t]*#[ \t]*include[^\n]*)|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S | re.M)
    return parts.sub(lambda m: m[1] or re.sub(r"[^\n]", " ", m[0]), text)


class Rooms:
    """broker/ROOMS: for each room all that it may include, and the patterns of the seam."""

    def __init__(self, text):
        self.may = {}
        self.seam = []
        for line in text.split("\n"):
            name, colon, rest = line.partition("#")[0].partition(":")
            if colon and name == "seam":
                self.seam = rest.split()
            elif colon:
                lower = set(rest.split())
                self.may[name] = lower.union({name}, *(self.may[room] for room in lower))

    def in_seam(self, path):
        return any(fnmatch.fnmatch(path, pattern) for pattern in self.seam)


def room_of(path):
    part = path.split("/")
    if part[0] == "broker":
        return part[1] if len(part) > 2 else "main"
    return "sim" if path.startswith("tests/sim/") else part[0]


class Tree:
    def __init__(self, top, build, compile_line):
        self.top, self.build, self.compile_line = top, build, compile_line
        self.notes = set()
        self.sources = [Source(top, path) for path in self.text_files()]
        self.by_path = {source.path: source for source in self.sources}
        self.rooms = Rooms(self.by_path["broker/ROOMS"].text)

    def walk(self):
        """Every file of ours, relative to the top."""
        yield from (name for name in os.listdir(self.top) if os.path.isfile(os.path.join(self.top, name)))
        for folder in FOLDERS:
            for at, dirs, files in os.walk(os.path.join(self.top, folder)):
                dirs[:] = sorted(d for d in dirs if d not in ("__pycache__", ".deps"))
                for name in sorted(files):
                    yield os.path.relpath(os.path.join(at, name), self.top)

    def text_files(self):
        plain = ("README", "HACKING", "ROOMS", "dev", "packages")
        made = ("aclocal.m4", "config.h", "config.h.in", "Makefile.in")
        for path in self.walk():
            if path in made or path.startswith(NOT_OURS):
                continue
            name = os.path.basename(path)
            if name.endswith(TEXT) or name in plain or self.starts_as_script(path):
                yield path

    def starts_as_script(self, path):
        if "/" not in path:  # configure and what it leaves at the top of a build in place
            return False
        with open(os.path.join(self.top, path), "rb") as f:
            return f.read(2) == b"#!"

    @functools.cached_property
    def symbols(self):
        return looked_at(self)

    def is_of_rooms(self, source):
        """Whether it becomes part of the broker or its tools."""
        return source.path.startswith(("broker/", "zkutil/", "tools/"))


# ---- Layers ----

@rule
def layering(tree):
    """A room includes only what broker/ROOMS allows, by the full path; private headers stay at home."""
    for source in tree.sources:
        if not source.is_c:
            continue
        room = room_of(source.path)
        if room not in tree.rooms.may:
            yield source.path, 1, f"broker/ROOMS has no room '{room}'"
            continue
        for number, match in source.find(r'^\s*#\s*include\s+"([^"]+)"', source.code):
            for bad in bad_include(tree, room, match.group(1)):
                yield source.path, number, bad


def bad_include(tree, room, name):
    if name == "config.h":  # the build's
        return
    if "/" not in name and not name.endswith((".kmsg.h", "kapi_table.h")):
        yield f'"{name}": include by the full path from the top'
        return
    lower = room_of(name) if "/" in name else "protocol"
    if lower not in tree.rooms.may[room]:
        yield f"{room} must not include {name}: broker/ROOMS gives it {' '.join(sorted(tree.rooms.may[room]))}"
    if name.endswith("_priv.h") and lower != room and room != "tests":
        yield f"{name} is private to {lower}"


@rule
def rooms_are_described(tree):
    """A room that has code has a README and a room.am."""
    folders = collections.defaultdict(set)
    for path in tree.by_path:
        folders[os.path.dirname(path)].add(os.path.basename(path))
    for folder, names in sorted(folders.items()):
        is_room = folder in ("zkutil", "tools", "tests/sim") or re.fullmatch(r"broker/[a-z]+", folder)
        if is_room and any(name.endswith((".c", ".h")) for name in names):
            for needed in {"README", "room.am"} - names:
                yield folder, 0, f"the room has no {needed}"


# ---- What objects ask for and keep ----

# Of the C library: what looks only at memory that it is given, and the heap.
PURE = set("""
    memchr memcmp memcpy memmem memmove mempcpy memrchr memset bcmp
    stpcpy strcasecmp strcat strchr strchrnul strcmp strcpy strcspn strlen strncasecmp strncmp strncpy strnlen strpbrk
    strrchr strspn strstr strtok_r strerror strerror_r strerrordesc_np
    strtod strtof strtol strtoll strtoul strtoull sscanf snprintf vsnprintf
    __ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc toupper tolower
    gmtime_r timegm strftime inet_ntop inet_pton __errno_location
    malloc calloc realloc free aligned_alloc
    fabs floor ceil log exp pow round lround llround isnan ldexp frexp
    __stack_chk_fail __tls_get_addr _GLOBAL_OFFSET_TABLE_
    inflate inflateEnd inflateInit2_ inflateReset deflate deflateEnd deflateInit2_ deflateReset compressBound
    crc32_gzip_refl crc32_iscsi
    """.split())
# Libraries that work on memory, by the prefix of their names; and those of their functions that reach out.
PURE_PREFIXES = ("ZSTD_", "LZ4F_", "snappy_", "json_", "SSL_", "TLS_", "X509_", "EVP_", "ERR_", "BIO_", "PEM_read_bio",
                 "PKCS12_", "d2i_", "i2d_", "ASN1_", "OBJ_", "GENERAL_NAME", "OPENSSL_", "PKCS5_", "pcre2_", "CRYPTO_", "HMAC")
REACHES_OUT = re.compile(r"json_.*(file|dumpf|loadf|dumpfd|loadfd|seed)|.*_(file|fp|fd|dir|path|paths|locations|socket)"
                         r"|BIO_(new_file|new_fp|new_connect|new_accept|s_file|s_socket)")
# Objects outside the seam that may ask for more, and why.
ASK_MORE = {
    "broker/base/order.o": ("bsearch qsort", "they take no null where there is nothing; order.h does"),
    "broker/base/must.o": ("abort fprintf fflush stderr", "the report of a bug, when nothing else can be trusted"),
    "broker/config/options.o": ("argp_error argp_parse argp_state_help exit fprintf fwrite puts stdout",
                                "the command line: its help and version go to stdout before anything runs"),
    "broker/net/tlsctx.o": ("SSL_CTX_set_default_verify_paths", "the system's own certificates, when a client names none"),
}
INSTRUMENTED = re.compile(r"__(asan|tsan|ubsan|sanitizer|gcov|llvm)_")
WRITABLE = re.compile(r"\.(bss|data(?!\.rel\.ro)|tbss|tdata)|\*COM\*")

Symbol = collections.namedtuple("Symbol", "object section name size is_global")


def objects_of(tree):
    """What the sources of the rooms are compiled to."""
    sources = [s.path for s in tree.sources if s.path.endswith((".c", ".S")) and tree.is_of_rooms(s)]
    return [os.path.splitext(path)[0] + ".o" for path in sources]


def built_objects(tree):
    """Those that lie in the build tree, and those of what is made from the schemas."""
    objects = objects_of(tree)
    made = os.path.join(tree.build, GENERATED)
    if os.path.isdir(made):
        objects += [GENERATED + name for name in sorted(os.listdir(made)) if name.endswith(".o")]
    return [path for path in objects if os.path.exists(os.path.join(tree.build, path))]


def symbols_of(tree, objects):
    """Every symbol that these objects define or ask for, as objdump lists them."""
    listing = subprocess.run(["objdump", "-t", *objects], cwd=tree.build, capture_output=True, text=True, check=True)
    path = None
    for line in listing.stdout.split("\n"):
        if match := re.match(r"(\S+):\s+file format", line):
            path = match[1]
        elif match := re.match(r"[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$", line):
            if match[1][5] not in "df":  # the name of neither a section nor a file
                yield Symbol(path, match[2], match[4], int(match[3], 16), match[1][0] == "g")


def looked_at(tree):
    """The symbols to judge; none where there is nothing to look at."""
    objects = built_objects(tree)
    symbols = list(symbols_of(tree, objects)) if objects else []
    if not objects:
        tree.notes.add("no objects here: what they ask for and keep was not looked at")
    elif any(INSTRUMENTED.match(symbol.name) for symbol in symbols):
        tree.notes.add("these objects are instrumented: what they ask for and keep was not looked at")
        return []
    return symbols


def plain_name(symbol):
    """A function's own name under those that headers give it: __memcpy_chk, __isoc99_sscanf."""
    return re.sub(r"^__isoc\d+_", "", re.sub(r"^__(\w+)_chk$", r"\1", symbol))


def is_pure(name):
    if name in PURE:
        return True
    return name.startswith(PURE_PREFIXES) and not REACHES_OUT.fullmatch(name)


@rule
def objects_ask_the_seam(tree):
    """Outside the seam no object asks for input, output, time, randomness or threads but through the seam."""
    symbols = tree.symbols
    ours = {s.name for s in symbols if s.section != "*UND*"}
    for symbol in symbols:
        source = symbol.object[:-2] + ".c"
        name = plain_name(symbol.name)
        if symbol.section != "*UND*" or symbol.name in ours or tree.rooms.in_seam(source) or is_pure(name):
            continue
        if name not in ASK_MORE.get(symbol.object, ("",))[0].split():
            yield source, 0, f"asks for {name}, which is neither ours nor known to look only at its arguments"


@rule
def objects_keep_nothing(tree):
    """Outside the seam no object has writable data of its own."""
    for symbol in tree.symbols:
        source = symbol.object[:-2] + ".c"
        if not WRITABLE.match(symbol.section) or tree.rooms.in_seam(source) or symbol.size == 0:
            continue
        yield source, 0, f"keeps the writable datum {symbol.name} ({symbol.section})"


# Functions that are made to a pattern, of which schemas and tests (by macros) take what they need.
PATTERNS = re.compile(r"k(dec|enc)_\w+|znode_\w+_(en|de)code|main")


@rule
def objects_give_what_is_wanted(tree):
    """A function that only its own file uses is static, and one that nobody uses is not there."""
    if not tree.symbols or not all(os.path.exists(os.path.join(tree.build, path)) for path in objects_of(tree)):
        tree.notes.add("not all objects are here: who uses what was not looked at")
        return
    wanted = {s.name for s in tree.symbols if s.section == "*UND*"}
    for source in tree.sources:
        if source.is_c and not tree.is_of_rooms(source):
            wanted.update(re.findall(r"\w+", source.text))
    for symbol in tree.symbols:
        if symbol.is_global and symbol.section.startswith(".text") and symbol.name not in wanted and \
                not symbol.object.startswith(GENERATED) and not PATTERNS.fullmatch(symbol.name):
            yield symbol.object[:-2] + ".c", 0, f"no other file uses {symbol.name}()"


# ---- Sizes ----

def c_functions(source):
    """(first line, last line) of each function: its opening brace stands alone in the first column."""
    lines = source.code
    for at, line in enumerate(lines):
        if line.rstrip() != "{":
            continue
        first = at
        while first > 0 and lines[first - 1].strip() and not re.match(r"[#}]|.*;\s*$", lines[first - 1]):
            first -= 1
        last = next((i for i in range(at, len(lines)) if lines[i].startswith("}")), len(lines) - 1)
        yield first + 1, last + 1


def python_functions(source):
    for node in ast.walk(ast.parse(source.text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno


def shell_functions(source):
    for number, _ in source.find(r"^\w+\(\) \{[^}]*$"):
        yield number, next((i for i, line in enumerate(source.lines[number:], number + 1) if line.startswith("}")), number)


@rule
def function_length(tree):
    for source in tree.sources:
        if source.is_c:
            functions = c_functions(source)
        elif source.path.endswith(".py") or source.text.startswith("#!/usr/bin/env python3"):
            functions = python_functions(source)
        elif source.path.endswith(".sh") or source.is_script:
            functions = shell_functions(source)
        else:
            continue
        for first, last in functions:
            if last - first + 1 > FUNCTION_LINES:
                yield source.path, first, f"a function of {last - first + 1} lines, at most {FUNCTION_LINES} are allowed"


@rule
def file_length(tree):
    for source in tree.sources:
        if len(source.lines) - 1 > FILE_LINES:
            yield source.path, FILE_LINES, f"{len(source.lines) - 1} lines, at most {FILE_LINES} are allowed"


@rule
def line_length(tree):
    """Of code; prose and lists of files flow as they are."""
    for source in tree.sources:
        if not source.is_c:
            continue
        for number, line in enumerate(source.lines, 1):
            if len(line.expandtabs(8)) > LINE_COLUMNS:
                yield source.path, number, f"{len(line.expandtabs(8))} columns, at most {LINE_COLUMNS} are allowed"


@rule
def white_space(tree):
    for source in tree.sources:
        for number, _ in source.find(r"[ \t\r]+$"):
            yield source.path, number, "white space at the end of the line"
        if not source.text.endswith("\n") or source.text.endswith("\n\n"):
            yield source.path, len(source.lines), "the file must end with one newline"


# ---- Words ----

BANNED = {
    r"\b(gets|strtok|alloca|setjmp|longjmp|tmpnam|mktemp)\s*\(": "{} is banned",
    r"\btypedef\s+(struct|union)\b": "no typedef of a {}",
    r"\bassert\s*\(": "must() instead: it stays on",
}
BANNED_IN_ROOMS = {
    r"\b(strcpy|strcat|sprintf|vsprintf)\s*\(": "{} knows no end: snprintf or memcpy",
    r"\b(atoi|atol|atof)\s*\(": "{} knows no errors: strtol or the like, checked",
    r"\b(system|popen)\s*\(": "no shell",
    r"\bv?fprintf\s*\(\s*stderr\b": "log.h instead",
    r"\bexit\s*\(": "only main and the seam end the process",
}
BANNED_BUT = {
    ("broker/base/must.c", "fprintf(stderr"): "the report of a bug",
    ("broker/config/options.c", "exit("): "--help and --version end here",
}


LOGGERS = "broker/base/loggers.tbl"


@rule
def loggers_are_listed(tree):
    """A logger that a line of the log names is one that kafka-configs can set."""
    listed = set(re.findall(r'^L\("([^"]+)"\)', tree.by_path[LOGGERS].text, re.M)) if LOGGERS in tree.by_path else set()
    named = re.compile(r'(?:#define \w*LOGGER |\blog_(?:write\([^,]+,|(?:debug|info|warn|error|fatal)\()\s*)"([^"]+)"')
    for source in tree.sources:
        if not listed or not source.is_c or not tree.is_of_rooms(source):
            continue
        for match in named.finditer(source.text):
            if match[1] not in listed:
                line = source.text.count("\n", 0, match.start()) + 1
                yield source.path, line, f"the logger {match[1]} is not in {LOGGERS}"


@rule
def banned_calls(tree):
    for source in tree.sources:
        if not source.is_c:
            continue
        banned = dict(BANNED)
        if tree.is_of_rooms(source) and source.path != "broker/main.c":
            banned.update(BANNED_IN_ROOMS)
        for pattern, why in banned.items():
            for number, match in source.find(pattern, source.code):
                if (source.path, match.group().strip()) not in BANNED_BUT:
                    yield source.path, number, why.format(match.group(match.lastindex or 0).strip(" ("))


@rule
def unfinished(tree):
    """What is here works whole: no notes to oneself."""
    for source in tree.sources:
        for number, match in source.find(r"\b(TO[D]O|FIX[M]E|X[X]X)\b"):
            yield source.path, number, f"{match.group()}: finish it, or write an issue"


@rule
def this_machine(tree):
    """No paths of one machine, and of the network only hosts that everybody reaches."""
    hosts = {"127.0.0.1", "localhost", "maven.apache.org", "www.apache.org", "kafka.apache.org", "github.com"}
    for source in tree.sources:
        for number, match in source.find(r"(?<![\w.])/(work|root)/"):
            yield source.path, number, f"{match.group()}: a path of one machine"
        for number, match in source.find(r"\b(?:https?|ftp)://([\w.-]+)"):
            if match.group(1) not in hosts:
                yield source.path, number, f"{match.group(1)} is not one of the hosts that tests/tidy.py knows"


@rule
def magic_is_unique(tree):
    seen = {}
    for source in tree.sources:
        if not source.is_c:
            continue
        for number, match in source.find(r"\b(\w+_MAGIC)\s*=?\s*(0x[0-9a-fA-F]+)", source.code):
            value = int(match.group(2), 16)
            if value in seen:
                yield source.path, number, f"{match.group(1)} is the number of {seen[value]}"
            seen[value] = f"{match.group(1)} in {source.path}"


# ---- Files ----

@rule
def heading(tree):
    """A file begins with its name and what it is for; a script with what it is for."""
    for source in tree.sources:
        first = source.lines[0]
        if source.is_c or source.path.endswith(".S"):
            if not re.match(rf"/\* {re.escape(os.path.basename(source.path))} - \S", first):
                yield source.path, 1, f"must begin with /* {os.path.basename(source.path)} - its purpose"
        elif source.is_script or source.path.endswith((".py", ".sh", ".am", ".kmsg", ".java")):
            if not re.match(r'# \S|"""\S|// \S', source.lines[1] if source.is_script else first):
                yield source.path, 1, "must begin with a comment that says what it is for"


@rule
def dead_files(tree):
    """Every file is named in a list of the build, by itself or with its folder."""
    words = set()
    for source in tree.sources:
        if source.path.endswith(".am"):
            words.update(source.text.split())
    suffixes = (".c", ".h", ".S", ".tbl", ".kmsg", ".py", ".sh", ".java", ".md", ".properties", ".tsv", ".zst", ".in", "README")
    for path in tree.walk():
        if path.startswith(GENERATED) or "/" not in path or path.startswith(".ci/"):
            continue
        if not path.endswith(suffixes) and not (path in tree.by_path and tree.by_path[path].is_script):
            continue
        folders = [path.rsplit("/", n)[0] for n in range(path.count("/") + 1)]
        if not words.intersection(folders):
            yield path, 1, "no room.am names it: add it, or remove the file"


def compiles_alone(tree, header):
    command = [*shlex.split(tree.compile_line), "-I", tree.top, "-fsyntax-only", "-include", header, "-x", "c", "/dev/null"]
    result = subprocess.run(command, cwd=tree.build, capture_output=True, text=True)
    return header, result.returncode, result.stderr


@rule
def headers_alone(tree):
    """Each header compiles as the first and only one."""
    headers = [s.path for s in tree.sources if s.path.endswith(".h") and tree.is_of_rooms(s)]
    if not tree.compile_line:
        tree.notes.add("$compile is not set: whether headers compile alone was not looked at")
        return
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for header, status, words in pool.map(lambda h: compiles_alone(tree, h), headers):
            if status != 0 or words:
                yield header, 1, "does not compile alone: " + next(iter(words.split("\n")), "")


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    top = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("srcdir") or here)
    tree = Tree(top, os.getcwd(), os.environ.get("compile", ""))
    findings = [(path, line, words) for check in RULES for path, line, words in check(tree)]
    for path, line, words in findings:
        print(f"{path}:{line}: {words}" if line else f"{path}: {words}")
    for note in sorted(tree.notes):
        print(note)
    print(f"{len(tree.sources)} files, {len(RULES)} rules, {len(findings)} findings")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
