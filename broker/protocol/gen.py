#!/usr/bin/env python3
"""Makes the protocol code of its schemas.  gen.py OUTDIR SCHEMA...

For each NAME.kmsg: NAME.kmsg.h and NAME.kmsg.c. For all together: kapi_table.h and kapi_table.c (what there
is), and protocol.md (the manual). The notation is told in README. A file whose text would not change is not
touched, so that nothing is compiled for nothing. Python 3.9, standard library only.
"""
import os
import re
import sys

NEVER = 32767          # the first flexible version of a message that never is
C_KEYWORDS = set("""auto bool break case char const continue default do double else enum extern float for
goto if inline int long register return short signed sizeof static struct switch typedef union unsigned void volatile
while""".split())


class Scalar:
    """A type of fixed size. `suffix` ends the names of its runtime functions."""
    def __init__(self, ctype, size, dump, suffix):
        self.ctype, self.size, self.dump, self.suffix = ctype, size, dump, suffix


SCALARS = {
    "bool": Scalar("bool", 1, "bool", "bool"),
    "i8": Scalar("int8_t", 1, "int", "i8"),
    "i16": Scalar("int16_t", 2, "int", "i16"),
    "u16": Scalar("uint16_t", 2, "int", "u16"),
    "i32": Scalar("int32_t", 4, "int", "i32"),
    "u32": Scalar("uint32_t", 4, "int", "u32"),
    "i64": Scalar("int64_t", 8, "int", "i64"),
    "f64": Scalar("double", 8, "f64", "f64"),
    "uuid": Scalar("struct uuid", 16, "uuid", "uuid"),
}
LENGTHS = {"string": 2, "bytes": 4, "records": 4}    # bytes of length in a version that is not flexible
ARRAYS = {"i32": "int32_t", "i64": "int64_t", "string": "struct slice"}


def die(where, text):
    sys.exit("%s: %s" % (where, text))


class Range:
    """Versions lo to hi, both included."""
    def __init__(self, lo, hi):
        self.lo, self.hi = lo, hi

    def within(self, other):
        return Range(max(self.lo, other.lo), min(self.hi, other.hi))

    def has(self, version):
        return self.lo <= version <= self.hi

    def condition(self, parent):
        """The C test that tells this range inside its parent's; None where every version is in."""
        low = "v >= %d" % self.lo if self.lo > parent.lo else None
        high = "v <= %d" % self.hi if self.hi < parent.hi else None
        if low and high and self.lo == self.hi:
            return "v == %d" % self.lo
        return " && ".join(c for c in (low, high) if c) or None

    def __str__(self):
        return "%d-%d" % (self.lo, self.hi)


def parse_range(text, parent, where):
    m = re.fullmatch(r"(\d+)(?:(\+)|-(\d+))", text)
    if not m:
        die(where, "%s is not a range of versions" % text)
    lo = int(m.group(1))
    r = Range(lo, parent.hi if m.group(2) else int(m.group(3))).within(parent)
    if r.lo > r.hi:
        die(where, "versions %s are outside %s" % (text, parent))
    return r


def camel(snake):
    first, *rest = snake.split("_")
    return first + "".join(w[:1].upper() + w[1:] for w in rest)


class Field:
    """One line of a schema."""
    def __init__(self, where, message, parent, words, comment):
        self.where, self.comment = where, comment
        self.name = words.pop(0)
        if self.name in C_KEYWORDS:
            die(where, "%s is a word of C" % self.name)
        if not words:
            die(where, "%s has no type" % self.name)
        m = re.fullmatch(r"(\[?)(\w+)(\]?)(\?)?(\d+\+|\d+-\d+)?", words.pop(0))
        if not m or bool(m.group(1)) != bool(m.group(3)) or (m.group(5) and not m.group(4)):
            die(where, "not a type")
        self.array, self.base = bool(m.group(1)), m.group(2)
        self.versions = parent
        if words and re.match(r"\d", words[0]):
            self.versions = parse_range(words.pop(0), parent, where)
        self.null = None
        if m.group(4):
            self.null = parse_range(m.group(5), self.versions, where) if m.group(5) else self.versions
        self.struct = None
        self.tag = self.default = self.max = None
        self.ignorable = self.plain = self.secret = False
        self.json = camel(self.name)
        self.attributes(words)
        if self.tag is not None and message.flexible > self.versions.lo:
            die(where, "a tagged field in a version that is not flexible")

    def attributes(self, words):
        while words:
            word = words.pop(0)
            if word in ("ignorable", "plain", "secret"):
                setattr(self, word, True)
            elif word in ("tag", "max") and words:
                setattr(self, word, int(words.pop(0)))
            elif word == "=" and words:
                self.default = words.pop(0)
            elif word == "as" and words:
                self.json = words.pop(0)
            else:
                die(self.where, "%s is not known" % word)

    # What C sees.
    def is_struct(self):
        return self.struct is not None

    def text(self):
        return self.base in LENGTHS

    def limit(self):
        return str(self.max) if self.max else "KMSG_ARRAY_MAX"

    def declaration(self):
        if self.array:
            ctype = "struct " + self.struct.cname if self.is_struct() else ARRAYS[self.base]
            return "%s *%s;\n\tint32_t n_%s;" % (ctype, self.name, self.name)
        if self.is_struct():
            return "struct %s %s%s;" % (self.struct.cname, "*" if self.null else "", self.name)
        if self.text():
            return "struct %s %s;" % ("krecords" if self.base == "records" else "slice", self.name)
        return "%s %s;" % (SCALARS[self.base].ctype, self.name)

    def initializer(self):
        """What a default that is not zero says in C, or None."""
        if self.array:
            return ".n_%s = -1" % self.name if self.default == "null" else None
        if self.is_struct():
            inner = None if self.null else self.struct.initializer()
            return ".%s = { %s }" % (self.name, inner) if inner else None
        value = self.default_value()
        return ".%s = %s" % (self.name, value) if value else None

    def default_value(self):
        """The default of a scalar or text, where it is not zero."""
        if self.text():
            if self.base == "records" or self.default == "null":
                return None
            return 'SLICE_LIT("")'
        if self.default is None:
            return None
        return "INT32_MIN" if self.default == "-2147483648" else self.default

    def is_default(self):
        """The test that the field of `m` has its default: whether to write a tagged field."""
        x = "m->" + self.name
        if self.array:
            return "m->n_%s %s" % (self.name, "< 0" if self.default == "null" else "== 0")
        if self.is_struct():
            if self.null and self.default == "null":
                return "%s == NULL" % x
            return ("%s && is_default_%s(%s)" if self.null else "is_default_%s(&%s)") % (
                (x, self.struct.cname, x) if self.null else (self.struct.cname, x))
        if self.text():
            return x + (".p == NULL" if self.default == "null" else ".n == 0")
        if self.base == "bool":
            return x if self.default == "true" else "!" + x
        if self.base == "uuid":
            return "uuid_is_zero(&%s)" % x
        return "%s == %s" % (x, self.default_value() or 0)

    def is_unset(self):
        """The test that nothing is lost in a version that lacks the field."""
        x = "m->" + self.name
        if self.array:
            return "m->n_%s <= 0" % self.name
        if self.is_struct() and self.null:
            return x + " == NULL"
        if self.base == "records":
            return "%s.bytes.n == 0 && !%s.links" % (x, x)
        if self.text():
            return x + ".n == 0"
        return self.is_default()

    def least(self, version, flexible):
        """The fewest bytes it takes in a frame."""
        if self.tag is not None or not self.versions.has(version):
            return 0
        if self.array or self.text():
            return 1 if flexible and not self.plain else 4 if self.array else LENGTHS[self.base]
        if self.is_struct():
            return 1 if self.null else self.struct.least(version, flexible)
        return SCALARS[self.base].size


class Struct:
    def __init__(self, name, cname, versions):
        self.name, self.cname, self.versions, self.fields = name, cname, versions, []
        self.takes_version = {}     # of its decode, encode and dump function

    def initializer(self):
        return ", ".join(i for i in (f.initializer() for f in self.fields) if i) or None

    def important(self):
        """Whether a zeroed one is not a default one. Text that is empty rather than null makes no difference
        to the writer, so that it alone is no reason."""
        for f in self.fields:
            if f.array:
                if f.default == "null":
                    return True
            elif f.is_struct():
                if not f.null and f.struct.important():
                    return True
            elif f.text():
                if f.null and f.base != "records" and f.default != "null":
                    return True
            elif f.default is not None:
                return True
        return False

    def least(self, version, flexible):
        return sum(f.least(version, flexible) for f in self.fields) + (1 if flexible else 0)

    def tagged(self):
        return sorted((f for f in self.fields if f.tag is not None), key=lambda f: f.tag)


class Message:
    """A request, a response, a header, or data."""
    def __init__(self, kind, name, json, versions, flexible, is_open):
        self.kind, self.name, self.json, self.versions = kind, name, json, versions
        self.flexible, self.open = flexible, is_open
        self.structs = {}
        self.root = Struct(name, name, versions)

    def order(self):
        """Structs, inner ones first, the root last."""
        done = []

        def visit(s):
            for f in s.fields:
                if f.is_struct() and f.struct not in done:
                    visit(f.struct)
            done.append(s)
        visit(self.root)
        return done


class Api:
    def __init__(self, key, name, json, versions, flexible):
        self.key, self.name, self.json, self.versions, self.flexible = key, name, json, versions, flexible
        self.request_header_0 = self.response_header_0 = None
        self.request = self.response = None


class Unit:
    """One schema file."""
    def __init__(self, path):
        self.path = path
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.lines = [line.rstrip("\n") for line in open(path, encoding="utf-8")]
        self.comment = []
        for line in self.lines:
            if not line.startswith("#"):
                break
            self.comment.append(line[1:].strip())
        self.api, self.messages = None, []
        Parser(self).run()


class Parser:
    def __init__(self, unit):
        self.unit, self.message, self.stack = unit, None, []

    def run(self):
        for number, line in enumerate(self.unit.lines, 1):
            where = "%s:%d" % (self.unit.path, number)
            text, _, comment = line.partition("#")
            words = text.split()
            if not words:
                continue
            indent = len(text) - len(text.lstrip(" "))
            if indent == 0:
                self.heading(where, words)
            elif indent % 2 or not self.message:
                die(where, "indent by two spaces, below a message")
            elif words[0] == "struct" and len(words) == 2:
                self.common(where, indent // 2, words[1])
            else:
                self.field(where, indent // 2, words, comment.strip())
        for m in self.unit.messages:
            self.resolve(m)

    def heading(self, where, words):
        if words[0] in ("request", "response") and len(words) == 1:
            api = self.unit.api or die(where, "no api line before")
            name, json = "%s_%s" % (api.name, words[0]), api.json + words[0].capitalize()
            self.begin(Message(words[0], name, json, api.versions, api.flexible, False))
            setattr(api, words[0], self.message)
            return
        kind = words.pop(0)
        if kind not in ("api", "header", "data"):
            die(where, "%s is not api, request, response, header or data" % kind)
        key = int(words.pop(0)) if kind == "api" else None
        name, whole = words.pop(0), Range(0, NEVER)
        versions = parse_range(words.pop(0), whole, where)
        json, flexible, is_open, bare = camel(name)[0].upper() + camel(name)[1:], NEVER, False, {}
        while words:
            word = words.pop(0)
            if word == "flex":
                flexible = parse_range(words.pop(0), whole, where).lo
            elif word == "as":
                json = words.pop(0)
            elif word == "open":
                is_open = True
            elif word in ("request_header", "response_header") and words.pop(0) == "0":
                bare[word] = parse_range(words.pop(0), whole, where)
            else:
                die(where, "%s is not known" % word)
        if kind == "api":
            api = self.unit.api = Api(key, name, json, versions, flexible)
            api.request_header_0 = bare.get("request_header")
            api.response_header_0 = bare.get("response_header")
        else:
            self.begin(Message(kind, name, json, versions, flexible, is_open))

    def begin(self, message):
        self.message, self.stack = message, [message.root]
        self.unit.messages.append(message)

    def new_struct(self, where, name, versions):
        if name in self.message.structs:
            die(where, "struct %s is there already" % name)
        s = Struct(name, "%s_%s" % (self.message.name, name), versions)
        self.message.structs[name] = s
        return s

    def common(self, where, depth, name):
        if depth != 1:
            die(where, "a common struct stands directly below its message")
        self.stack = [self.message.root, self.new_struct(where, name, self.message.versions)]

    def field(self, where, depth, words, comment):
        if depth > len(self.stack):
            last = self.stack[-1].fields[-1]
            if depth != len(self.stack) + 1 or last.base in SCALARS or last.text():
                die(where, "indented too far")
            self.stack.append(self.new_struct(where, last.base, last.versions))
        del self.stack[depth:]
        owner = self.stack[-1]
        owner.fields.append(Field(where, self.message, owner.versions, words, comment))

    def resolve(self, message):
        for s in [message.root] + list(message.structs.values()):
            for f in s.fields:
                if f.base in SCALARS or f.text():
                    if f.array and f.base not in ARRAYS:
                        die(f.where, "no arrays of %s" % f.base)
                elif f.base in message.structs:
                    f.struct = message.structs[f.base]
                else:
                    die(f.where, "%s is not a type" % f.base)


# ---- C ----

def guarded(condition, lines):
    """Lines below an `if`, where there is a condition."""
    if not condition:
        return lines
    if len(lines) == 1:
        return ["if (%s)" % condition, "\t" + lines[0]]
    return ["if (%s) {" % condition] + ["\t" + x for x in lines] + ["}"]


class Emitter:
    """The functions of one message. `d`, `e` and `k` are cursor, writer and dump; `v` is the version."""
    def __init__(self, message):
        self.m, self.out = message, []

    def flexible_somewhere(self):
        return self.m.flexible <= self.m.versions.hi

    def emit(self):
        for s in self.m.order():
            if self.compared(s):
                self.default_test(s)
            self.function(s, "decode", "struct kdec *d", "struct %s *m", self.decode_body(s))
            self.function(s, "encode", "struct kenc *e", "const struct %s *m", self.encode_body(s))
            self.function(s, "dump", "struct kdump *k", "const struct %s *m", self.dump_body(s))
        return self.out

    def compared(self, s):
        """Whether some field of this type is looked at for its default: a tagged one, to know whether to
        write it; one that versions lack, to assert that nothing is lost."""
        for o in self.m.order():
            for f in o.fields:
                if f.struct is not s or f.array:
                    continue
                if f.tag is not None and not (f.null and f.default == "null"):
                    return True
                if not f.null and not f.ignorable and f.versions.condition(o.versions):
                    return True
        return False

    def default_test(self, s):
        self.out += ["static bool is_default_%s(const struct %s *m)" % (s.cname, s.cname), "{",
                     "\treturn " + " && ".join(f.is_default() for f in s.fields) + ";", "}", ""]

    def function(self, s, verb, cursor, target, body):
        if s is self.m.root:
            self.public(s, verb, cursor, target, body)
            return
        takes = s.takes_version[verb] = any(re.search(r"\bv\b", line) for line in body)
        version = ", int v" if takes else ""
        self.out += ["static void %s_%s(%s%s, %s)" % (verb, s.cname, cursor, version, target % s.cname), "{"]
        self.out += ["\t" + line if line else line for line in body] + ["}", ""]

    def public(self, s, verb, cursor, target, body):
        m = self.m
        flexible = m.flexible if self.flexible_somewhere() else "INT16_MAX"
        limits = "%d, %d, %s" % (m.versions.lo, m.versions.hi, flexible)
        before, after, result = [], [], "void"
        if verb == "decode":
            result = "int"
            before = ["memset(m, 0, sizeof *m);", "if (!kdec_begin(d, v, %s))" % limits, "\treturn d->error;"]
            after = ["return kdec_end(d, %s);" % ("true" if m.open else "false")]
        elif verb == "encode":
            before = ["kenc_begin(e, v, %s);" % limits]
        else:
            before = ["must(v >= %d && v <= %d);" % (m.versions.lo, m.versions.hi)]
        self.out += ["%s %s_%s(%s, int v, %s)" % (result, s.cname, verb, cursor, target % s.cname), "{"]
        self.out += ["\t" + line for line in before + body + after] + ["}", ""]

    def call(self, verb, cursor, s, target):
        return "%s_%s(%s%s, %s);" % (verb, s.cname, cursor, ", v" if s.takes_version[verb] else "", target)

    def nullable(self, f, prefix, name):
        """The runtime function for a field that may be null in all versions, in some, or in none."""
        plain, null = "%s_%s" % (prefix, name), "%s_nullable_%s" % (prefix, name)
        if f.plain:
            return "%s_plain_nullable_%s" % (prefix, name)
        if not f.null:
            return plain
        condition = f.null.condition(f.versions)
        return "(%s ? %s : %s)" % (condition, null, plain) if condition else null

    def loop(self, verb, cursor, f):
        return ["for (int32_t i = 0; i < m->n_%s; i++)" % f.name,
                "\t" + self.call(verb, cursor, f.struct, "&m->%s[i]" % f.name)]

    # decode
    def decode_body(self, s):
        out = []
        for f in s.fields:
            out += self.decode_default(s, f) if f.tag is not None else self.decode_field(s, f)
        if s.tagged():
            out += self.decode_tags(s)
        elif self.flexible_somewhere():
            out.append("kdec_skip_tags(d);")
        return out

    def decode_default(self, s, f):
        """Memory comes zeroed; what is another default is set before the tags are read."""
        if f.is_struct() and not f.array:
            if f.null:
                return self.decode_new(f) if f.tag is not None and f.default != "null" else []
            return ["%s_defaults(&m->%s);" % (f.struct.cname, f.name)] if f.struct.important() else []
        if f.array:
            return ["m->n_%s = -1;" % f.name] if f.default == "null" else []
        value = None if f.is_struct() else f.default_value()
        return ["m->%s = %s;" % (f.name, value)] if value else []

    def decode_new(self, f):
        """A struct that may be null and is not when its tag is absent."""
        x = "m->" + f.name
        out = ["%s = kdec_struct(d, sizeof *%s);" % (x, x)]
        return out + guarded(x, ["%s_defaults(%s);" % (f.struct.cname, x)]) if f.struct.important() else out

    def decode_field(self, s, f):
        condition = f.versions.condition(s.versions)
        lines, default = self.decode_value(f), self.decode_default(s, f)
        if not condition or not default:
            return guarded(condition, lines)
        if len(lines) == 1 and len(default) == 1 and lines[0].startswith("m->%s = " % f.name):
            read, value = lines[0].split(" = ", 1)[1].rstrip(";"), default[0].split(" = ", 1)
            if value[0] == "m->" + f.name:
                return ["m->%s = %s ? %s : %s;" % (f.name, condition, read, value[1].rstrip(";"))]
        return default + guarded(condition, lines)

    def decode_value(self, f):
        x = "m->" + f.name
        if f.array and f.is_struct():
            return ["%s = %s(d, &m->n_%s, sizeof *%s," % (x, self.nullable(f, "kdec", "array"), f.name, x),
                    "\t%s, %s);" % (self.least(f.struct), f.limit())] + self.loop("decode", "d", f)
        if f.array:
            read = self.nullable(f, "kdec", f.base + "s")
            return ["%s = %s(d, &m->n_%s, %s);" % (x, read, f.name, f.limit())]
        if f.is_struct():
            if not f.null:
                return [self.call("decode", "d", f.struct, "&" + x)]
            return ["%s = kdec_%s_struct(d, sizeof *%s);" % (x, "nullable" if f.tag is None else "tagged", x),
                    "if (%s)" % x,
                    "\t" + self.call("decode", "d", f.struct, x)]
        if f.text():
            return ["%s = %s(d);" % (x, self.nullable(f, "kdec", f.base))]
        return ["%s = kdec_%s(d);" % (x, SCALARS[f.base].suffix)]

    def least(self, s):
        """The least wire size of a struct: a number, or a choice by version where it differs."""
        m, v = self.m.versions, s.versions
        sizes = [(i, s.least(i, i >= self.m.flexible)) for i in range(v.lo, min(v.hi, m.hi) + 1)]
        text, at = str(sizes[0][1]), sizes[0][1]
        for version, size in sizes:
            if size != at:
                text, at = "v >= %d ? %d : %s" % (version, size, text), size
        return text

    def decode_tags(self, s):
        out = ["struct ktag t = kdec_tags(d);", "while (kdec_tag(d, &t)) {", "\tswitch (t.tag) {"]
        for f in s.tagged():
            out.append("\tcase %d:" % f.tag)
            flexible = Range(max(s.versions.lo, self.m.flexible), s.versions.hi)
            condition = f.versions.condition(flexible)
            lines = self.decode_value(f)
            if condition:
                lines = guarded(condition, lines)
                lines[-1:] = ["} else {"] if lines[-1] == "}" else [lines[-1], "else"]
                lines += ["\tkdec_fail(d, KDEC_TAG);"] + (["}"] if "{" in lines[-1] else [])
            out += ["\t\t" + line for line in lines + ["break;"]]
        return out + ["\tdefault:", "\t\tkdec_skip_tag(d, &t);", "\t}", "}"]

    # encode
    def encode_body(self, s):
        out = []
        for f in s.fields:
            if f.tag is None:
                out += self.encode_field(s, f)
        if s.tagged():
            out += self.encode_tags(s)
        elif self.flexible_somewhere():
            out.append("kenc_tags(e, 0);")
        return out

    def encode_field(self, s, f):
        condition = f.versions.condition(s.versions)
        lines = guarded(condition, self.encode_value(f))
        if not condition or f.ignorable:
            return lines
        if lines[-1] == "}":
            return lines[:-1] + ["} else {", "\tmust(%s);" % f.is_unset(), "}"]
        return lines + ["else", "\tmust(%s);" % f.is_unset()]

    def encode_value(self, f):
        x = "m->" + f.name
        if f.array and f.is_struct():
            count = "%s(e, m->n_%s);" % (self.nullable(f, "kenc", "array"), f.name)
            return [count] + self.loop("encode", "e", f)
        if f.array:
            return ["%s(e, %s, m->n_%s);" % (self.nullable(f, "kenc", f.base + "s"), x, f.name)]
        if f.is_struct():
            if not f.null:
                return [self.call("encode", "e", f.struct, "&" + x)]
            kind = "nullable" if f.tag is None else "tagged"
            return ["if (kenc_%s_struct(e, %s))" % (kind, x), "\t" + self.call("encode", "e", f.struct, x)]
        if f.text():
            return ["%s(e, %s);" % (self.nullable(f, "kenc", f.base), x)]
        is_error = f.base == "i16" and f.name.endswith("error_code")
        return ["kenc_%s(e, %s);" % ("error" if is_error else SCALARS[f.base].suffix, x)]

    def encode_tags(self, s):
        out, names = [], []
        for f in s.tagged():
            condition = f.versions.condition(s.versions)
            test, names = "!(%s)" % f.is_default(), names + ["with_" + f.name]
            if condition and not f.ignorable:
                out.append("must(%s || (%s));" % (f.is_unset(), condition))
            out.append("bool with_%s = %s;" % (f.name, "%s && %s" % (condition, test) if condition else test))
        out.append("kenc_tags(e, %s);" % " + ".join("%s" % n for n in names))
        for f, name in zip(s.tagged(), names):
            out += ["if (%s) {" % name, "\tsize_t begin = kenc_tag_begin(e, %d);" % f.tag]
            out += ["\t" + line for line in self.encode_value(f)] + ["\tkenc_tag_end(e, begin);", "}"]
        return out

    # dump
    def dump_body(self, s):
        out = ["kdump_begin(k, NULL);"] if s is self.m.root else []
        for f in s.fields:
            condition = f.versions.condition(s.versions)
            lines = self.dump_value(f)
            if f.tag is not None:
                condition = "%s!(%s)" % (condition + " && " if condition else "", f.is_default())
            out += guarded(condition, lines)
        return out + (["kdump_end(k);"] if s is self.m.root else [])

    def dump_value(self, f):
        x, name = "m->" + f.name, '"%s"' % f.json
        if f.array and f.is_struct():
            return ["kdump_array(k, %s, m->n_%s);" % (name, f.name),
                    "for (int32_t i = 0; i < m->n_%s; i++) {" % f.name, "\tkdump_begin(k, NULL);",
                    "\t" + self.call("dump", "k", f.struct, "&%s[i]" % x), "\tkdump_end(k);", "}",
                    "kdump_array_end(k, m->n_%s);" % f.name]
        if f.array:
            return ["kdump_%ss(k, %s, %s, m->n_%s);" % (f.base, name, x, f.name)]
        if f.is_struct():
            lines = ["kdump_begin(k, %s);" % name,
                     self.call("dump", "k", f.struct, x if f.null else "&" + x), "kdump_end(k);"]
            if not f.null:
                return lines
            return ["if (%s) {" % x] + ["\t" + line for line in lines] + ["} else {",
                    "\tkdump_null(k, %s);" % name, "}"]
        if f.base == "records":
            return ["kdump_records(k, %s, %s);" % (name, x)]
        if f.text():
            line = "%s(k, %s, %s);" % (self.nullable(f, "kdump", f.base).replace("plain_", ""), name, x)
            return guarded("kdump_secret(k, %s)" % name, [line]) if f.secret else [line]
        return ["kdump_%s(k, %s, %s);" % (SCALARS[f.base].dump, name, x)]


MADE = "/* Made by gen.py from schema/%s.kmsg. */"


def header_text(unit):
    guard = "SAMSA_KMSG_%s_H" % unit.name.upper()
    out = [MADE % unit.name, "#ifndef " + guard, "#define " + guard, ""]
    out += ['#include "broker/protocol/kmsg.h"', ""]
    for m in unit.messages:
        for s in m.order():
            out += ["struct %s {" % s.cname]
            for f in s.fields:
                out.append("\t" + f.declaration() + (" /* %s */" % f.comment if f.comment else ""))
            out += ["};", ""]
        out += ["/* %s, versions %s. */" % (m.json, m.versions),
                "int %s_decode(struct kdec *d, int v, struct %s *m);" % (m.name, m.name),
                "void %s_encode(struct kenc *e, int v, const struct %s *m);" % (m.name, m.name),
                "void %s_dump(struct kdump *k, int v, const struct %s *m);" % (m.name, m.name)]
        for s in m.order():
            if s is m.root or s.important():
                out += ["void %s_defaults(struct %s *m);" % (s.cname, s.cname)]
        out.append("")
    return c_text(out + ["#endif"])


def source_text(unit):
    out = [MADE % unit.name, '#include "%s.kmsg.h"' % unit.name, ""]
    for m in unit.messages:
        for s in m.order():
            if s is m.root or s.important():
                out += ["void %s_defaults(struct %s *m)" % (s.cname, s.cname), "{",
                        "\t*m = (struct %s){ %s };" % (s.cname, s.initializer() or "0"), "}", ""]
        out += Emitter(m).emit()
    return c_text(out)


def table_header(units):
    out = ["/* Made by gen.py: the key of each API. */"]
    out += ["#ifndef SAMSA_KAPI_TABLE_H", "#define SAMSA_KAPI_TABLE_H", "", "enum kapi_key {"]
    out += ["\tKAPI_%s = %d," % (a.name.upper(), a.key) for a in apis_of(units)]
    return c_text(out + ["};", "", "#endif"])


def apis_of(units):
    return sorted((u.api for u in units if u.api), key=lambda a: a.key)


ANY = r"""/* The functions of a message, for those who do not care which it is. */
#define ANY(name) \
	static int name##_decode_any(struct kdec *d, int v, void *m) { return name##_decode(d, v, m); } \
	static void name##_encode_any(struct kenc *e, int v, const void *m) { name##_encode(e, v, m); } \
	static void name##_dump_any(struct kdump *k, int v, const void *m) { name##_dump(k, v, m); } \
	static void name##_defaults_any(void *m) { name##_defaults(m); }
#define ROW(label, what, name, lo, hi) \
	{ label, what, lo, hi, sizeof(struct name), \
	  name##_decode_any, name##_encode_any, name##_dump_any, name##_defaults_any }
"""


def table_source(units):
    messages = [m for u in units for m in u.messages]
    index = {m.name: i for i, m in enumerate(messages)}
    out = ["/* Made by gen.py: every message and every API. */", '#include "broker/protocol/kapi.h"', ""]
    out += ['#include "%s.kmsg.h"' % u.name for u in units] + [""]
    out += ANY.split("\n") + ["ANY(%s)" % m.name for m in messages] + ["", "const struct kmsg kmsgs[] = {"]
    for m in messages:
        row = (m.json, m.kind.upper(), m.name, m.versions.lo, m.versions.hi)
        out.append('\tROW("%s", KMSG_%s, %s, %d, %d),' % row)
    out += ["};", "const size_t kmsgs_count = countof(kmsgs);", "", "const struct kapi kapis[] = {"]
    for a in apis_of(units):
        bare = [r.hi if r else -1 for r in (a.request_header_0, a.response_header_0)]
        out.append('\t{ %d, "%s", %d, %d, %s, %d, %d, &kmsgs[%d], &kmsgs[%d] },' % (
            a.key, a.json, a.versions.lo, a.versions.hi, "INT16_MAX" if a.flexible == NEVER else a.flexible,
            bare[0], bare[1], index[a.request.name], index[a.response.name]))
    return c_text(out + ["};", "const size_t kapis_count = countof(kapis);"])


# ---- the manual ----

def manual_text(units):
    out = ["# The protocol that Samsa speaks", "",
           "Made from the schemas in broker/protocol/schema; the README there explains the notation.", "",
           "| key | API | versions | flexible from |", "|---|---|---|---|"]
    for a in apis_of(units):
        out.append("| %d | [%s](#%s) | %s | %s |" % (a.key, a.json, a.json.lower(), a.versions,
                                                   "never" if a.flexible == NEVER else a.flexible))
    apis = sorted((u for u in units if u.api), key=lambda u: u.api.key)
    for u in apis + [u for u in units if not u.api]:
        out += ["", "## " + (u.api.json if u.api else u.name.replace("_", " ").capitalize()), ""]
        body = u.lines[len(u.comment):] if u.api else u.lines
        out += ([" ".join(u.comment), ""] if u.api else []) + ["```"] + body + ["```"]
    return "\n".join(out + [""])


WIDTH = 110


def width(line):
    return len(line.expandtabs(8))


def wrapped(line):
    """A line of C in as many lines as it needs: broken behind a comma or before an operator, or else behind a
    bracket. What is in quotes is left whole."""
    out, more = [], re.match(r"\t*", line).group() + "\t"
    while width(line) > WIDTH:
        for breaks in (r", | (?=&& |\|\| |: |\+ )", r"\((?=\w)|\{ "):
            at = [m.end() for m in re.finditer(breaks, line) if width(line[:m.end()]) <= WIDTH
                  and line[:m.start()].strip() and line.count('"', 0, m.start()) % 2 == 0]
            if at:
                break
        else:
            break
        out.append(line[:at[-1]].rstrip())
        line = more + line[at[-1]:].lstrip()
    return out + [line]


def c_text(lines):
    return "\n".join(part for line in lines for part in wrapped(line)).rstrip("\n") + "\n"


def write(path, text):
    try:
        with open(path, encoding="utf-8") as f:
            if f.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def main(argv):
    if len(argv) < 3:
        sys.exit(__doc__)
    out, units = argv[1], [Unit(path) for path in sorted(argv[2:])]
    os.makedirs(out, exist_ok=True)
    for u in units:
        write(os.path.join(out, u.name + ".kmsg.h"), header_text(u))
        write(os.path.join(out, u.name + ".kmsg.c"), source_text(u))
    write(os.path.join(out, "kapi_table.h"), table_header(units))
    write(os.path.join(out, "kapi_table.c"), table_source(units))
    write(os.path.join(out, "protocol.md"), manual_text(units))


if __name__ == "__main__":
    main(sys.argv)
