/* kafka_names.c - see kafka_names.h
 *
 * Facts: org.apache.kafka.clients.producer.ProducerConfig and ConsumerConfig of 3.9; CONFIGURATION.md of
 * librdkafka.
 */
#include "tools/kafka_names.h"

#include "broker/base/must.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

enum { MAX_BLOCK_MS = 60000, TRANSACTION_MS = 60000, DELIVERY_MS = 120000, NAME_BYTES = 512 };

/* Where librdkafka's default is another than Java's. */
static const struct { enum kafka_kind kind; const char *name, *value; } defaults[] = {
	{ KAFKA_PRODUCER, "acks", "all" },
	{ KAFKA_PRODUCER, "partitioner", "murmur2_random" },
	{ KAFKA_PRODUCER, "delivery.timeout.ms", "120000" },
	{ KAFKA_PRODUCER, "linger.ms", "0" },
	{ KAFKA_PRODUCER, "batch.size", "16384" },
	{ KAFKA_PRODUCER, "queue.buffering.max.kbytes", "32768" },
	{ KAFKA_PRODUCER, "queue.buffering.max.messages", "2000000" },
	{ KAFKA_PRODUCER, "max.in.flight.requests.per.connection", "5" },
	{ KAFKA_PRODUCER, "retries", "2147483647" },
	{ KAFKA_CONSUMER, "isolation.level", "read_uncommitted" },
	{ KAFKA_CONSUMER, "check.crcs", "true" },
	{ KAFKA_CONSUMER, "allow.auto.create.topics", "true" },
	{ KAFKA_CONSUMER, "partition.assignment.strategy", "range" },
};

enum how {
	AS_IS,
	DROPPED,      /* of Java alone: what it sets does not exist here */
	KILOBYTES,
	BUFFER,       /* -1 is the kernel's own choice, which is 0 there */
	AT_LEAST_1,
	RESET,
	ASSIGNORS,
	JAAS,
	MAX_BLOCK,
	ACKS,
	GROUP_PROTOCOL,
	TRUSTSTORE, TRUSTSTORE_PASSWORD, KEYSTORE, ENDPOINT,
};

static const struct rule {
	const char *java, *here;
	enum how how;
} rules[] = {
	{ "buffer.memory", "queue.buffering.max.kbytes", KILOBYTES },
	{ "max.request.size", "message.max.bytes", AS_IS },
	{ "send.buffer.bytes", "socket.send.buffer.bytes", BUFFER },
	{ "receive.buffer.bytes", "socket.receive.buffer.bytes", BUFFER },
	{ "fetch.max.wait.ms", "fetch.wait.max.ms", AS_IS },
	{ "batch.size", "batch.size", AT_LEAST_1 },
	{ "auto.offset.reset", "auto.offset.reset", RESET },
	{ "partition.assignment.strategy", "partition.assignment.strategy", ASSIGNORS },
	{ "sasl.jaas.config", NULL, JAAS },
	{ "max.block.ms", NULL, MAX_BLOCK },
	{ "acks", "acks", ACKS },
	{ "group.protocol", NULL, GROUP_PROTOCOL },
	{ "ssl.truststore.location", "ssl.ca.location", TRUSTSTORE },
	{ "ssl.truststore.password", NULL, TRUSTSTORE_PASSWORD },
	{ "ssl.truststore.certificates", "ssl.ca.pem", AS_IS },
	{ "ssl.keystore.location", "ssl.keystore.location", KEYSTORE },
	{ "ssl.keystore.certificate.chain", "ssl.certificate.pem", AS_IS },
	{ "ssl.keystore.key", "ssl.key.pem", AS_IS },
	{ "ssl.endpoint.identification.algorithm", "ssl.endpoint.identification.algorithm", ENDPOINT },
	{ "ssl.truststore.type", NULL, DROPPED },
	{ "ssl.keystore.type", NULL, DROPPED },
	{ "ssl.protocol", NULL, DROPPED },
	{ "ssl.enabled.protocols", NULL, DROPPED },
	{ "key.serializer", NULL, DROPPED },
	{ "value.serializer", NULL, DROPPED },
	{ "key.deserializer", NULL, DROPPED },
	{ "value.deserializer", NULL, DROPPED },
	{ "max.poll.records", NULL, DROPPED },
	{ "default.api.timeout.ms", NULL, DROPPED },
	{ "retry.backoff.max.ms", NULL, DROPPED },
	{ "client.dns.lookup", NULL, DROPPED },
	{ "exclude.internal.topics", NULL, DROPPED },
	{ "enable.metrics.push", NULL, DROPPED },
	{ "metadata.max.idle.ms", NULL, DROPPED },
	{ "partitioner.class", NULL, DROPPED },
	{ "interceptor.classes", NULL, DROPPED },
	{ "metric.reporters", NULL, DROPPED },
	{ "auto.include.jmx.reporter", NULL, DROPPED },
};

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);
	return n >= m && strcasecmp(s + n - m, end) == 0;
}

static int add(struct tool *t, struct kafka_names *out, const char *name, const char *value)
{
	properties_add(&out->set, &t->arena, name, value, "", 0);
	return 0;
}

/* ---- values that are written otherwise ---- */

static const char *scaled(struct tool *t, const char *value)
{
	long long n = strtoll(value, NULL, 10);
	return n > 0 ? tool_printf(t, "%lld", max_of(n / 1024, 1LL)) : value;
}

/* Java names classes: "[org.apache.kafka.clients.consumer.RangeAssignor, ...]". An eager one and a
 * cooperative one cannot be offered at once here: the first decides. */
static int assignors(struct tool *t, struct kafka_names *out, const struct property *p)
{
	static const struct { const char *class, *name; bool cooperative; } known[] = {
		{ "RangeAssignor", "range", false }, { "RoundRobinAssignor", "roundrobin", false },
		{ "StickyAssignor", "range", false }, { "CooperativeStickyAssignor", "cooperative-sticky",
		true }, { "range", "range", false }, { "roundrobin", "roundrobin", false },
		{ "cooperative-sticky", "cooperative-sticky", true },
	};
	char *copy = tool_text(t, slice_str(p->value)), *rest = NULL;
	const char *names = NULL;
	bool cooperative = false;
	for (char *word = strtok_r(copy, ", []", &rest); word; word = strtok_r(NULL, ", []", &rest)) {
		const char *dot = strrchr(word, '.');
		size_t i = 0;
		while (i < countof(known) && strcmp(known[i].class, dot ? dot + 1 : word) != 0)
			i++;
		if (i == countof(known))
			return tool_fail(t, "KafkaException", "%s ClassNotFoundException exception occurred",
				word);
		if (names && (known[i].cooperative != cooperative || strstr(names, known[i].name)))
			continue;
		cooperative = known[i].cooperative;
		names = names ? tool_printf(t, "%s,%s", names, known[i].name) : known[i].name;
	}
	return names ? add(t, out, p->name, names) : 0;
}

/* The value of `key="..."` or `key=...;` in a login module's line; NULL without it. */
static char *jaas_option(struct tool *t, const char *text, const char *key)
{
	size_t n = strlen(key);
	for (const char *at = strstr(text, key); at; at = strstr(at + n, key)) {
		if ((at != text && !strchr(" \t\n", at[-1])) || at[n] != '=')
			continue;
		const char *value = at + n + 1, quote = *value == '"' || *value == '\'' ? *value : 0;
		value += quote != 0;
		size_t length = quote ? strcspn(value, (char[]){ quote, 0 }) : strcspn(value, " ;\t\n");
		return tool_text(t, slice_of(value, length));
	}
	return NULL;
}

static int jaas(struct tool *t, struct kafka_names *out, const struct property *p)
{
	const char *user = jaas_option(t, p->value, "username"), *password = jaas_option(t, p->value,
		"password");
	if (!strstr(p->value, "PlainLoginModule") && !strstr(p->value, "ScramLoginModule"))
		return tool_fail(t, "ConfigException", "sasl.jaas.config: PlainLoginModule and "
			"ScramLoginModule are what the commands of Samsa can log in by");
	if (!user || !password)
		return tool_fail(t, "ConfigException", "sasl.jaas.config: username and password are needed");
	add(t, out, "sasl.username", user);
	return add(t, out, "sasl.password", password);
}

/* By its file's name, unless the settings say what it is. */
static bool is_pem(const struct properties *settings, const char *type, const char *path)
{
	const struct property *p = properties_find(settings, type);
	return p ? strcasecmp(p->value, "PEM") == 0 : ends_in(path, ".pem") || ends_in(path, ".crt");
}

static int truststore(struct tool *t, struct kafka_names *out, const struct properties *settings,
	const struct property *p)
{
	if (is_pem(settings, "ssl.truststore.type", p->value))
		return add(t, out, "ssl.ca.location", p->value);
	if (ends_in(p->value, ".jks"))
		return tool_fail(t, "KafkaException", "%s: a JKS file cannot be read here; PEM and PKCS12 "
			"can", p->value);
	out->truststore = p->value;
	return 0;
}

/* A PEM file has key and certificate in one. */
static int keystore(struct tool *t, struct kafka_names *out, const struct properties *settings,
	const struct property *p)
{
	if (!is_pem(settings, "ssl.keystore.type", p->value))
		return add(t, out, "ssl.keystore.location", p->value);
	add(t, out, "ssl.certificate.location", p->value);
	return add(t, out, "ssl.key.location", p->value);
}

static int refuse(struct tool *t, const struct property *p, const char *why)
{
	return tool_fail(t, "ConfigException", "Invalid value %s for configuration %s: %s", p->value, p->name,
		why);
}

static int max_block(struct tool *t, struct kafka_names *out, const struct property *p)
{
	char *end;
	errno = 0;
	out->max_block_ms = strtoll(p->value, &end, 10);
	if (end == p->value || *end || errno)
		return refuse(t, p, "Not a number of type LONG");
	return out->max_block_ms < 0 ? refuse(t, p, "Value must be at least 0") : 0;
}

/* librdkafka takes any number of brokers, which Kafka's have not known for long. */
static int acks(struct tool *t, struct kafka_names *out, const struct property *p)
{
	static const char *const known[] = { "all", "-1", "0", "1" };
	for (size_t i = 0; i < countof(known); i++)
		if (strcmp(known[i], p->value) == 0)
			return add(t, out, "acks", p->value);
	return refuse(t, p, "String must be one of: all, -1, 0, 1");
}

/* ---- one setting ---- */

static int apply(struct tool *t, struct kafka_names *out, const struct properties *settings,
	const struct rule *rule, const struct property *p)
{
	switch (rule->how) {
	case DROPPED:
		return 0;
	case KILOBYTES:
		return add(t, out, rule->here, scaled(t, p->value));
	case BUFFER:
		return add(t, out, rule->here, strcmp(p->value, "-1") == 0 ? "0" : p->value);
	case AT_LEAST_1:
		return add(t, out, rule->here, strcmp(p->value, "0") == 0 ? "1" : p->value);
	case RESET:
		return add(t, out, rule->here, strcmp(p->value, "none") == 0 ? "error" : p->value);
	case ASSIGNORS:
		return assignors(t, out, p);
	case JAAS:
		return jaas(t, out, p);
	case MAX_BLOCK:
		return max_block(t, out, p);
	case ACKS:
		return acks(t, out, p);
	case GROUP_PROTOCOL:
		return strcasecmp(p->value, "classic") == 0 ? 0 : tool_fail(t, "ConfigException",
			"group.protocol=%s: a cluster with ZooKeeper has only the classic one", p->value);
	case TRUSTSTORE:
		return truststore(t, out, settings, p);
	case TRUSTSTORE_PASSWORD:
		out->truststore_password = p->value;
		return 0;
	case KEYSTORE:
		return keystore(t, out, settings, p);
	case ENDPOINT:
		return add(t, out, rule->here, *p->value ? p->value : "none");
	case AS_IS:
		break;
	}
	return add(t, out, rule->here, p->value);
}

/* As Java: idempotence is the default, and is given up in silence where acks were set lower. */
static void idempotence(struct tool *t, struct kafka_names *out, const struct properties *settings)
{
	const struct property *wanted = properties_find(settings, "acks");
	const struct property *set = properties_find(settings, "enable.idempotence");
	const struct property *retries = properties_find(settings, "retries");
	bool all = !wanted || strcmp(wanted->value, "all") == 0 || strcmp(wanted->value, "-1") == 0;
	bool none = retries && strcmp(retries->value, "0") == 0;
	if (!set)
		add(t, out, "enable.idempotence", all && !none ? "true" : "false");
}

static long milliseconds(const struct properties *settings, const char *name, long fallback)
{
	const struct property *p = properties_find(settings, name);
	return p ? strtol(p->value, NULL, 10) : fallback;
}

/* librdkafka does not try a record for longer than its transaction may last, where Java does so in vain. */
static int transactions(struct tool *t, struct kafka_names *out, const struct properties *settings)
{
	long transaction_ms = milliseconds(settings, "transaction.timeout.ms", TRANSACTION_MS);
	if (!properties_find(settings, "transactional.id") ||
		milliseconds(settings, "delivery.timeout.ms", DELIVERY_MS) <= transaction_ms)
		return 0;
	return add(t, out, "delivery.timeout.ms", tool_printf(t, "%ld", transaction_ms));
}

int kafka_names(struct tool *t, enum kafka_kind kind, const struct properties *settings,
	struct kafka_names *out)
{
	*out = (struct kafka_names){ .max_block_ms = MAX_BLOCK_MS };
	for (size_t i = 0; i < countof(defaults); i++) {
		if (defaults[i].kind == kind)
			add(t, out, defaults[i].name, defaults[i].value);
	}
	for (uint32_t i = 0; i < settings->n; i++) {
		const struct property *p = &settings->v[i];
		size_t r = 0;
		while (r < countof(rules) && strcmp(rules[r].java, p->name) != 0)
			r++;
		int rc = r < countof(rules) ? apply(t, out, settings, &rules[r], p) : add(t, out, p->name,
			p->value);
		if (rc < 0)
			return rc;
	}
	if (kind != KAFKA_PRODUCER)
		return 0;
	idempotence(t, out, settings);
	return transactions(t, out, settings);
}
