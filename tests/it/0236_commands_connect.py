"""How the commands reach brokers: TLS with PEM and PKCS12, what is refused there, brokers that are not there, time that
runs out, a list of which some do not answer."""
import socket

from certs import PASSWORD
from harness import Cluster, write_properties
from twin import Twins


def test(env):
    certs = env.certs()
    with Cluster(env) as cluster:
        broker = cluster.broker().tls(certs).start()
        twins = Twins(env, broker)
        short = {"default.api.timeout.ms": 3000, "request.timeout.ms": 2000}
        tls = f"--bootstrap-server localhost:{broker.tls_port} --command-config "
        write_properties(env.path("pem"), certs.java("alice"))
        write_properties(env.path("p12"), certs.java() | {
            "ssl.keystore.type": "PKCS12", "ssl.keystore.location": certs.path("alice.p12"),
            "ssl.keystore.password": PASSWORD, "ssl.key.password": PASSWORD})
        write_properties(env.path("nobody"), certs.java() | short)
        write_properties(env.path("no-trust"), {"security.protocol": "SSL"} | short)
        write_properties(env.path("contradiction"), {"default.api.timeout.ms": 3000})
        twins.same("topics", tls + env.path("pem") + " --create --topic t-@", tls + env.path("p12") + " --create --topic u-@",
                   tls + env.path("pem") + " --list")
        twins.same("topics", tls + env.path("no-trust") + " --list")
        for name in ("nobody", "contradiction"):
            twins.same("topics", tls + env.path(name) + " --list", mask="(?<=command : ).*", complaint=False)
        nobody_there(env, twins)
        wrong_settings(env, twins)
        twins.check(12)


def nobody_there(env, twins):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))            # and nobody listens
        gone = f"127.0.0.1:{taken.getsockname()[1]}"
        write_properties(env.path("quick"), {"default.api.timeout.ms": 1500, "request.timeout.ms": 700})
        quick = f"--command-config {env.path('quick')}"
        twins.same("topics", f"--bootstrap-server {gone} {quick} --list", f"--bootstrap-server {gone} {quick} --create --topic x")
        twins.same("consumer-groups", f"--bootstrap-server {gone} --timeout 1000 --list", mask="(?<=due to ).*")
        twins.same("topics", f"--bootstrap-server {gone},{twins.broker.bootstrap} --list",
                   f"--bootstrap-server PLAINTEXT://{twins.broker.bootstrap} --list")


def wrong_settings(env, twins):
    for name, value in (("request.timeout.ms", "soon"), ("security.protocol", "SHOUTING"), ("retry.backoff.ms", "-5")):
        write_properties(env.path("wrong"), {name: value})
        twins.same("topics", f"BOOTSTRAP --list --command-config {env.path('wrong')}", complaint=False)
    write_properties(env.path("sasl"), {"security.protocol": "SASL_SSL"})
    status, out, err = twins.run_ours("topics", ["--bootstrap-server", twins.broker.bootstrap, "--list", "--command-config",
                                                 env.path("sasl")])
    assert status == 1 and not out and "cannot log in by SASL" in err, (status, out, err)
