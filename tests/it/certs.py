"""Certificates for one run of the tests: a CA, a broker, and clients, each as PEM and PKCS12; made with openssl."""
import os
import subprocess

PASSWORD = "samsa-test"


def openssl(*words):
    subprocess.run(("openssl",) + words, check=True, capture_output=True)


class Certs:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.ca = self.path("ca.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                "-subj", "/CN=samsa test CA", "-keyout", self.path("ca.key"), "-out", self.ca)

    def path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, subject, names="DNS:localhost,IP:127.0.0.1"):
        """Makes NAME.key, NAME.crt, NAME.pem (key and chain, as Kafka's PEM store wants it) and NAME.p12."""
        key, request, crt = self.path(name + ".key"), self.path(name + ".csr"), self.path(name + ".crt")
        extensions = self.path(name + ".ext")
        with open(extensions, "w") as f:
            f.write(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-subj", subject, "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.path("ca.key"), "-CAcreateserial",
                "-days", "30", "-extfile", extensions, "-out", crt)
        with open(self.path(name + ".pem"), "w") as store:
            for part in (key, crt, self.ca):
                store.write(open(part).read())
        openssl("pkcs12", "-export", "-inkey", key, "-in", crt, "-certfile", self.ca, "-name", name,
                "-passout", "pass:" + PASSWORD, "-out", self.path(name + ".p12"))
        return self

    def broker_config(self, name="broker", auth="required", store="PEM"):
        """What server.properties says to serve TLS with this certificate."""
        config = {"ssl.truststore.type": "PEM", "ssl.truststore.location": self.ca, "ssl.client.auth": auth,
                  "ssl.keystore.type": store}
        if store == "PEM":
            config["ssl.keystore.location"] = self.path(name + ".pem")
        else:
            config["ssl.keystore.location"] = self.path(name + ".p12")
            config["ssl.keystore.password"] = config["ssl.key.password"] = PASSWORD
        return config

    def kcat(self, name=None):
        """kcat's words to speak TLS, with a client certificate when one is named."""
        words = ["-X", "security.protocol=ssl", "-X", "ssl.ca.location=" + self.ca]
        if name:
            words += ["-X", "ssl.certificate.location=" + self.path(name + ".crt"),
                      "-X", "ssl.key.location=" + self.path(name + ".key")]
        return words

    def java(self, name=None):
        """The same for a Java client's properties."""
        config = {"security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.truststore.location": self.ca}
        if name:
            config |= {"ssl.keystore.type": "PEM", "ssl.keystore.location": self.path(name + ".pem")}
        return config
