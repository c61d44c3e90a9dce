"""One of Kafka's commands and ours of the same name, side by side against the same broker."""
import os
import pty
import re
import subprocess
import termios

import java

# Lines of Java's log: of this command, or of a client that one before it has left behind in the same JVM.
LOG = re.compile(r"^\[[^\]\n]*\] (?:TRACE|DEBUG|INFO|WARN|ERROR) [^\n]*\n", re.M)
UUID = re.compile(r"\b[\w-]{22}\b(?=\s)")


class Twins:
    """Runs command lines in both and notes where status or standard output differ. In a line @ stands for a name
    that is peer or ours, of one length, so that each has its own topics and groups; BOOTSTRAP is the broker's address."""

    def __init__(self, env, broker, drop=None):
        """drop: a compiled pattern of what only Kafka's commands print."""
        self.broker, self.differences, self.count, self.drop = broker, [], 0, drop
        self.program = os.path.join(os.path.dirname(env.binary), "samsa")

    def ours(self, name, *words, status=0, stdin=None, timeout=60):
        """Runs ours alone and gives back what it wrote to standard output."""
        ended, out, err = self.run_ours(name, [str(w) for w in words], timeout)
        print(f"$ samsa {name} {' '.join(map(str, words))}\n{out}{err}", end="")
        assert ended == status, f"samsa {name} {' '.join(map(str, words))} ended with {ended}:\n{out}{err}"
        return out

    def run_ours(self, name, words, timeout=60):
        done = subprocess.run([self.program, name, *words], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=timeout)
        return done.returncode, done.stdout, done.stderr

    def same(self, name, *lines, **how):
        """Each line by both. shuffled: Java's order of lines is arbitrary. complaint: with nothing on standard output
        and a failure, the first line of standard error is the same too. mask: a pattern that may differ. blanks: how much
        white space there is does not count. told: the first line of standard error is compared whatever else was said."""
        for line in lines:
            self.count += 1
            self.same_line(name, line, **how)

    def same_line(self, name, line, shuffled=False, complaint=True, mask=None, blanks=False, told=False):
        if self.broker:
            line = line.replace("BOOTSTRAP", "--bootstrap-server " + self.broker.bootstrap)
        words = line.split()
        theirs = java.outcome(name, *[w.replace("@", "peer") for w in words])
        their_status, their_out = theirs[0], self.drop.sub("", theirs[2]) if self.drop else theirs[2]
        status, out, err = self.run_ours(name, [w.replace("@", "ours") for w in words])
        print(f"$ {name} {line}\n--- Kafka {their_status}\n{theirs[1]}--- ours {status}\n{out}{err}", end="")
        their_name, our_name = ("peer", "ours") if "@" in line else ("@", "@")
        wanted, got = (plain(text, who, shuffled, mask, blanks) for text, who in ((their_out, their_name), (out, our_name)))
        if complaint and status == 1 and not their_out and not out:
            wanted, got = first(LOG.sub("", theirs[1]).replace("peer", "@")), first(err.replace("ours", "@"))
        elif told and status == 1:
            wanted, got = wanted + complaint_of(theirs[1], their_out, "peer"), got + complaint_of(err, out, "ours")
        if (their_status, wanted) != (status, got):
            self.differences.append(f"{name} {line}\n  Kafka {their_status}: {wanted!r}\n  ours  {status}: {got!r}")

    def check(self, least):
        assert not self.differences, f"{len(self.differences)} of {self.count} differ:\n" + "\n".join(self.differences)
        assert self.count >= least, f"only {self.count} command lines"


ERASED = "\r\x1b[K"


def typed(words, keys):
    """Runs a program on a terminal where somebody types; what it says there, without the echo of the keys."""
    return on_terminal(words, False, keys.encode())


def on_terminal(words, piped, keys=None):
    """Runs a program; what it gave the terminal that both its outputs are, or standard error alone."""
    ours, its = pty.openpty()
    said = b""
    if keys:    # an echo stands before or behind the prompt, as time will have it
        mode = termios.tcgetattr(its)
        mode[3] &= ~termios.ECHO
        termios.tcsetattr(its, termios.TCSANOW, mode)
    with subprocess.Popen(words, stdin=subprocess.DEVNULL if keys is None else its,
                          stdout=subprocess.DEVNULL if piped else its, stderr=its) as process:
        os.close(its)
        if keys:
            os.write(ours, keys)
        try:
            while more := os.read(ours, 65536):
                said += more
        except OSError:
            pass    # how Linux tells that nobody writes any more
        process.wait(60)
    os.close(ours)
    text = said.decode().replace("\r\n", "\n")
    print(f"$ {' '.join(words)} (on a terminal{', piped' if piped else ''})\n{text!r}")
    return text


def check_progress(pattern, *words):
    """Lines with the pattern come and go on a terminal, and are not there when standard output is piped. What stays."""
    lines = [line.split(ERASED) for line in on_terminal(words, False).split("\n")]
    stays = "\n".join(line[-1] for line in lines)
    shown = [piece for line in lines for piece in line[:-1] if re.search(pattern, piece)]
    assert shown and stays.strip() and "\r" not in stays, (words, lines)
    assert not re.search(pattern, stays), stays
    piped = on_terminal(words, True)
    assert ERASED not in piped and not re.search(pattern, piped), piped
    return stays


def first(text):
    return text.split("\n", 1)[0]


def complaint_of(said, out, who):
    """The first line that is neither standard output nor Java's log; Kafka's command lines, secrets too, are cut."""
    printed = set(out.split("\n"))
    rest = [line for line in LOG.sub("", said).replace(who, "@").split("\n") if line and line not in printed]
    return re.sub(r"(Error while executing \w+ command).*", r"\1", rest[0]) if rest else ""


def plain(text, who, shuffled, mask, blanks):
    """What may differ made equal: the twin's own names, ids, and the order where it is arbitrary."""
    text = UUID.sub("UUID", text.replace(who, "@"))
    if mask:
        text = re.sub(mask, "MASKED", text)
    if blanks:
        return " ".join(sorted(text.split()))
    return "\n".join(sorted(text.split("\n"))) if shuffled else text
