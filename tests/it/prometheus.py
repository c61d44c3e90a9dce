"""/metrics as Prometheus reads it: a page of samples by name and labels."""
import http.client
import re

SAMPLE = re.compile(r'([a-z_:][a-z0-9_:]*)(?:\{((?:[a-zA-Z_]+="(?:[^"\\\n]|\\.)*",?)+)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_]+)="((?:[^"\\\n]|\\.)*)"')
TOPICS = "kafka_server_brokertopicmetrics_{}_total"


def ask(port, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def parse(text):
    """Samples by name and labels, as strictly as Prometheus reads them: each name is described, once and before its
    samples, which stand together and differ in their labels."""
    samples, described, last = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            last = line.split()[2]
            assert last not in described, f"{last} is described twice"
        elif line.startswith("# TYPE "):
            assert line.split()[2] == last
            described[last] = line.split()[3]
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            assert name in (last, *((last + "_sum", last + "_count") if described[last] == "summary" else ())), line
            key = (name, *sorted(LABEL.findall(labels or "")))
            assert key not in samples, f"twice: {line}"
            samples[key] = float(value)
    assert text.endswith("\n") and samples
    return samples, described


class Page:
    def __init__(self, port):
        status, text = ask(port, "/metrics")
        assert status == 200
        self.samples, self.described = parse(text)

    def __call__(self, name, **labels):
        return self.samples[(name, *sorted(labels.items()))]

    def topic(self, what, topic="counted"):
        """Of one topic, which is the only one: all of them come to as much."""
        name = TOPICS.format(what)
        assert self(name) == self(name, topic=topic)
        return self(name)

    def sum(self, name):
        return sum(value for key, value in self.samples.items() if key[0] == name)
