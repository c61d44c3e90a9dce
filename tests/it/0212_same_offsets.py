"""Offsets of groups, and groups as admins see them: the same requests, good and bad, in every version, to Apache Kafka and
to the broker under test have equal answers."""
import same
import script_offsets


def test(env):
    same.run(env, script_offsets.CONFIG, script_offsets.run, [])
