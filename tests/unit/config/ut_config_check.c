/* ut_config_check.c - settings that contradict each other, each with a piece of what is said about it. */
#include "broker/config/config.h"
#include "tests/unit/ut.h"

#include <string.h>

static const struct {
	const char *text, *said; /* said NULL: fine */
} rows[] = {
	{ "broker.id=1\nnode.id=2",
		"f:3: node.id=2: You must set `node.id` to the same value as `broker.id`." },
	{ "broker.id=1001",
		"broker.id must be greater than or equal to -1 and not greater than reserved.broker.max.id" },
	{ "broker.id=1001\nreserved.broker.max.id=2000", NULL },
	{ "broker.id=5000\nbroker.id.generation.enable=false", NULL },
	{ "broker.id.generation.enable=false", "broker.id must be greater than or equal to 0" },
	{ "zookeeper.connect=", "Missing required configuration `zookeeper.connect`" },
	{ "log.retention.ms=0", "log.retention.ms must be unlimited (-1) or" },
	{ "log.retention.minutes=0", "log.retention.ms must be unlimited (-1) or" },
	{ "log.roll.ms=0", "log.roll.ms must be greater than or equal to 1" },
	{ "log.roll.jitter.ms=-1", "log.roll.jitter.ms must be greater than or equal to 0" },
	{ "log.dirs= , ", "f:2: log.dirs=,: At least one log directory must be defined" },
	{ "log.dirs=/a,/b,/a", "/a stands twice" },
	{ "log.cleaner.dedupe.buffer.size=2097152\nlog.cleaner.threads=2",
		"at least 1MB per cleaner thread" },
	{ "log.cleaner.threads=0", NULL },
	{ "log.cleaner.min.compaction.lag.ms=9\nlog.cleaner.max.compaction.lag.ms=8", "must not be above" },
	{ "replica.fetch.wait.max.ms=30001\nreplica.lag.time.max.ms=60000",
		"replica.socket.timeout.ms should always" },
	{ "replica.fetch.wait.max.ms=600\nreplica.lag.time.max.ms=500",
		"less than or equal to replica.lag.time.max.ms" },
	{ "queued.max.request.bytes=100", "queued.max.request.bytes must be larger or equal" },
	{ "queued.max.request.bytes=0", NULL },
	{ "connections.max.idle.ms=100",
		"connection.failed.authentication.delay.ms=100 should always be less" },
	{ "connections.max.idle.ms=-1", NULL },
	{ "max.connections.per.ip=0", "max.connections.per.ip can be set to zero only if" },
	{ "max.connections.per.ip=0\nmax.connections.per.ip.overrides=127.0.0.1:5", NULL },
	{ "max.connections.per.ip.overrides=a", "'a' is not of the form host:count" },
	{ "max.connections.per.ip.overrides=a:-1", "'a:-1' is not of the form host:count" },
	{ "metrics.recording.level=LOUD", "allowed: INFO, DEBUG, TRACE" },
	{ "offsets.topic.compression.codec=5", "Unknown compression type id" },
	{ "group.coordinator.rebalance.protocols=classic,consumer", "only supported in KRaft cluster" },
	{ "group.coordinator.rebalance.protocols=share",
		"Disabling the 'CLASSIC' protocol is not supported." },
	/* versions */
	{ "inter.broker.protocol.version=4.0", "not a released version; the latest is 3.9-IV0" },
	{ "inter.broker.protocol.version=2.8", NULL },
	{ "inter.broker.protocol.version=0.10.2",
		"can only be used when inter.broker.protocol.version is set to version "
		"0.11.0 or higher" },
	{ "inter.broker.protocol.version=2.8\nlog.message.format.version=0.10.2",
		"Samsa writes the format of 0.11.0" },
	{ "inter.broker.protocol.version=3", "Version 3 is not a valid version" },
	/* listeners */
	{ "listeners=", "There must be at least one broker advertised listener." },
	{ "listeners=A://:1", "f:2: listeners=A://:1: No security protocol defined for listener A" },
	{ "listener.security.protocol.map=PLAINTEXT:TLS", "Invalid security protocol `TLS`" },
	{ "listeners=SASL_PLAINTEXT://:1\nsecurity.inter.broker.protocol=SASL_PLAINTEXT",
		"SASL is not served yet" },
	{ "advertised.listeners=SSL://h:1",
		"Found SSL. The valid options based on the current configuration are "
		"PLAINTEXT" },
	{ "advertised.listeners=PLAINTEXT://0.0.0.0:1", "cannot use the nonroutable meta-address 0.0.0.0" },
	{ "listeners=PLAINTEXT://0.0.0.0:1", "cannot use the nonroutable meta-address 0.0.0.0" },
	{ "listeners=PLAINTEXT://0.0.0.0:1\nadvertised.listeners=PLAINTEXT://h:1", NULL },
	{ "listeners=SSL://:1",
		"inter.broker.listener.name must be a listener name defined in advertised.listeners" },
	{ "listeners=SSL://:1\nsecurity.inter.broker.protocol=SSL", NULL },
	{ "inter.broker.listener.name=X",
		"Listener with name X defined in inter.broker.listener.name not found" },
	{ "inter.broker.listener.name=plaintext", NULL },
	{ "inter.broker.listener.name=PLAINTEXT\nsecurity.inter.broker.protocol=PLAINTEXT", "Only one of" },
	{ "control.plane.listener.name=PLAINTEXT",
		"should have a different value from the inter broker listener" },
	{ "control.plane.listener.name=X", "control.plane.listener.name must be a listener name" },
	{ "listeners=PLAINTEXT://:1,SSL://:2\ncontrol.plane.listener.name=SSL", NULL },
	{ "early.start.listeners=PLAINTEXT, Q", "early.start.listeners contains listener Q" },
	/* only the default */
	{ "process.roles=broker",
		"process.roles=broker: only an empty value is possible: Samsa is a ZooKeeper-mode broker" },
	{ "controller.listener.names=C", "only null is possible" },
	{ "zookeeper.metadata.migration.enable=true", "only false is possible: the migration to KRaft" },
	{ "zookeeper.metadata.migration.enable= FALSE", NULL },
	{ "zookeeper.ssl.client.enable=true", "cannot be encrypted yet" },
	{ "zookeeper.set.acl=true", "cannot log in to ZooKeeper yet" },
	{ "remote.log.storage.system.enable=true", "tiered storage does not exist here yet" },
	{ "create.topic.policy.class.name=a.B", "Java classes cannot run here" },
	/* classes */
	{ "authorizer.class.name=kafka.security.authorizer.AclAuthorizer",
		"access control lists are not enforced yet" },
	{ "authorizer.class.name=a.B",
		"Java classes cannot run in Samsa; the ones that it replaces here: none" },
	{ "authorizer.class.name=", NULL },
	{ "principal.builder.class=a.B",
		"org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder" },
	{ "ssl.engine.factory.class=org.apache.kafka.common.security.ssl.DefaultSslEngineFactory", NULL },
	{ "replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector", NULL },
	{ "metric.reporters=com.linkedin.kafka.cruisecontrol.metricsreporter.CruiseControlMetricsReporter",
		NULL },
};

static struct config *load(const char *text, struct problems *problems)
{
	char *whole = mem_printf("zookeeper.connect=zk:2181\n%s\n", text);
	struct config_source source = { "f", slice_str(whole), NULL };
	problems_init(problems);
	struct config *c = config_load(&source, NULL, 0, problems);
	free(whole);
	return c;
}

static void contradictions_are_told(void)
{
	for (size_t i = 0; i < countof(rows); i++) {
		struct problems problems;
		bool said = false;
		struct config *c = load(rows[i].text, &problems);
		for (const struct problem *p = problems.first; p && rows[i].said; p = p->next)
			said |= p->level == PROBLEM_ERROR && strstr(p->text, rows[i].said) != NULL;
		bool right = rows[i].said ? said && !c : c != NULL;
		if (!right)
			fprintf(stderr, "%s\n\texpected [%s], first is [%s]\n", rows[i].text,
				rows[i].said ? rows[i].said : "nothing",
				problems.first ? problems.first->text : "");
		CU_ASSERT_TRUE(right);
		config_free(c);
		problems_free(&problems);
	}
}

static void old_formats_are_told_and_ignored(void)
{
	struct problems problems;
	struct config *c = load("log.message.format.version=0.10.2", &problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(problems.warnings, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(problems.first->text, "is ignored"));
	CU_ASSERT_EQUAL(c->message_format, IBP_3_0_IV1);
	config_free(c);
	problems_free(&problems);
	c = load("inter.broker.protocol.version=2.8\nlog.message.format.version=2.1", &problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->message_format, IBP_2_1_IV2);
	CU_ASSERT_EQUAL(c->ibp, IBP_2_8_IV1);
	config_free(c);
	problems_free(&problems);
}

static const struct ut_case cases[] = { UT(contradictions_are_told), UT(old_formats_are_told_and_ignored) };

int main(void)
{
	return ut_run("config checks", cases, countof(cases));
}
