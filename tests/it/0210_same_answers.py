"""The same requests to Apache Kafka and to the broker under test, good ones and bad, in many versions: the answers are
equal field by field, but for ids, times and words; what else may differ is listed in ALLOWED, each with its reason."""
import same
import script_clients

# (step, path in the answer, reason): all regular expressions; one that is never needed fails the test.
ALLOWED = [
    (r"^api_versions", r"\.api_keys\[\d+\]: 'missing'", "an API is told when it is served"),
    (r"", r"error_message: 'words', Apache Kafka 'no words'", "we say why where 3.9 keeps silent"),
    (r"^find_coordinator v[1-3] kind 0", r"^\.error_message: 'no words'", "3.9 says NONE, in words, of no error"),
    (r"^create_topics .*assigned to nobody", r"", "3.9 takes a partition without replicas, which nobody can lead"),
    (r"^metadata .*created", r"\[au\.?to-\d+\]", "we wait for a new topic's leaders, 3.9 makes the client ask again"),
    (r"^metadata v12 null name", r"", "3.9 trips over a topic without name and id"),
    (r"^delete_topics v6 neither", r"error_code: 100, Apache Kafka 29", "3.9 finds nobody who may delete what has no name"),
    (r"^describe_configs v0", r"is_default: True, Apache Kafka False", "3.9 forgets to fill it in"),
    (r"^describe_configs .*logger", r"\[root\]\.value", "Apache Kafka's tests run without log4j's properties"),
    (r"^describe_configs .*broker", r"configs\[(metrics\.port|num\.cores|slow\.request\.log\.ms)\]: .*Apache Kafka 'missing'", "keys of our own"),
]


def test(env):
    same.run(env, script_clients.CONFIG, script_clients.run, ALLOWED)
