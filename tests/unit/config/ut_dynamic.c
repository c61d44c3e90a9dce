/* ut_dynamic.c - settings over the file: who wins, what may be set where, what may follow what, who is
 * told. */
#include "broker/config/dynamic.h"
#include "tests/unit/config/golden.h"
#include "tests/unit/ut_config.h"

#define FILE_TEXT                                                                                      \
	"zookeeper.connect=zk:2181\nbroker.id=1\nlog.retention.hours=1\nnum.io.threads=8\n"            \
	"listeners=IN://h:9092,OUT://h:9093\nlistener.security.protocol.map=IN:PLAINTEXT,OUT:SSL\n"     \
	"inter.broker.listener.name=IN\nssl.keystore.location=/base\n"                                 \
	"listener.name.out.ssl.keystore.location=/out\nmax.connections=100\n"

/* "a=1", "b=2", NULL as a layer; in the arena. */
static struct config_layer layer_of(struct arena *a, const char *const *texts)
{
	size_t n = 0;
	while (texts[n])
		n++;
	struct config_setting *v = arena_array(a, n, sizeof *v);
	for (size_t i = 0; i < n; i++) {
		const char *equals = strchr(texts[i], '=');
		v[i].name = arena_strdup(a, slice_of(texts[i], (size_t)(equals - texts[i])));
		v[i].value = equals + 1;
	}
	return (struct config_layer){ v, n };
}

#define SETTINGS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NOTHING ((const char *const[]){ NULL })

static struct fixture {
	struct config *file;
	struct dynamic *d;
	struct arena arena;
	unsigned applied, followed;
	int proved, refused;
	struct dynamic_rooms rooms;
} f;

static int rooms_prove(void *arg, const struct config *fresh, unsigned appliers, char why[DYNAMIC_WHY_BYTES])
{
	must(arg == &f && fresh != dynamic_now(f.d));
	(void)appliers;
	f.proved++;
	snprintf(why, DYNAMIC_WHY_BYTES, "no");
	return f.refused ? -1 : 0;
}

static void rooms_follow(void *arg, const struct config *now, unsigned appliers)
{
	must(arg == &f && now == dynamic_now(f.d));
	f.followed |= appliers;
}

static int rooms_change(void *arg, const struct config *fresh, unsigned appliers, char why[DYNAMIC_WHY_BYTES])
{
	must(arg == &f && fresh != dynamic_now(f.d));
	f.applied |= appliers;
	snprintf(why, DYNAMIC_WHY_BYTES, "%s", f.refused ? "no" : "");
	return f.refused ? -1 : 0;
}

static void begin_with(const char *file, bool running)
{
	f = (struct fixture){ .file = ut_config(file, NULL, 0) };
	f.d = dynamic_new(f.file);
	arena_init(&f.arena, 1 << 20);
	f.rooms = (struct dynamic_rooms){ &f, rooms_prove, rooms_change, rooms_follow };
	if (running)
		dynamic_set_rooms(f.d, &f.rooms);
}

static void begin(bool running)
{
	begin_with(FILE_TEXT, running);
}

static void end(void)
{
	dynamic_free(f.d);
	config_free(f.file);
	arena_free(&f.arena);
}

static bool put(enum dynamic_entity entity, const char *const *texts)
{
	struct config_layer layer = layer_of(&f.arena, texts);
	return dynamic_put(f.d, entity, &layer);
}

static void refused(enum dynamic_entity entity, const char *const *texts, const char *sentence)
{
	struct config_layer layer = layer_of(&f.arena, texts);
	char why[DYNAMIC_WHY_BYTES] = "";
	CU_ASSERT_EQUAL(dynamic_check(f.d, entity, &layer, why), -1);
	same_text(texts[0], why, sentence);
}

static void accepted(enum dynamic_entity entity, const char *const *texts)
{
	struct config_layer layer = layer_of(&f.arena, texts);
	char why[DYNAMIC_WHY_BYTES] = "";
	CU_ASSERT_EQUAL(dynamic_check(f.d, entity, &layer, why), 0);
	if (*why)
		fprintf(stderr, "%s: %s\n", texts[0], why);
}

/* ---- the snapshot ---- */

static void broker_over_cluster_over_file_over_default(void)
{
	begin(false);
	CU_ASSERT_EQUAL(dynamic_now(f.d)->log_retention_ms, 3600000);
	CU_ASSERT_TRUE(put(DYNAMIC_CLUSTER, SETTINGS("num.io.threads=2", "log.retention.ms=77")));
	CU_ASSERT_TRUE(put(DYNAMIC_BROKER, SETTINGS("num.io.threads=3")));
	CU_ASSERT_EQUAL(dynamic_now(f.d)->num_io_threads, 3);
	CU_ASSERT_EQUAL(dynamic_now(f.d)->log_retention_ms, 77);
	CU_ASSERT_EQUAL(dynamic_now(f.d)->log_retention_hours, 168); /* its synonym stands above it */
	CU_ASSERT_TRUE(put(DYNAMIC_BROKER, NOTHING));
	CU_ASSERT_EQUAL(dynamic_now(f.d)->num_io_threads, 2);
	CU_ASSERT_TRUE(put(DYNAMIC_CLUSTER, NOTHING));
	CU_ASSERT_EQUAL(dynamic_now(f.d)->num_io_threads, 8);
	CU_ASSERT_EQUAL(dynamic_now(f.d)->log_retention_ms, 3600000);
	CU_ASSERT_EQUAL(f.file->num_io_threads, 8);
	CU_ASSERT_FALSE(put(DYNAMIC_CLUSTER, NOTHING));
	end();
}

static const struct config *view_of(const char *listener)
{
	return config_for_listener(dynamic_now(f.d), listeners_find(&dynamic_now(f.d)->listening, listener));
}

static void a_listeners_own_key_wins(void)
{
	begin(false);
	CU_ASSERT_STRING_EQUAL(view_of("OUT")->ssl_keystore_location, "/out");
	put(DYNAMIC_BROKER, SETTINGS("listener.name.out.ssl.keystore.location=/new", "max.connections=50"));
	CU_ASSERT_STRING_EQUAL(view_of("OUT")->ssl_keystore_location, "/new");
	CU_ASSERT_STRING_EQUAL(view_of("IN")->ssl_keystore_location, "/base");
	put(DYNAMIC_CLUSTER, SETTINGS("listener.name.out.max.connections=7"));
	CU_ASSERT_EQUAL(view_of("OUT")->max_connections, 7);
	CU_ASSERT_EQUAL(view_of("IN")->max_connections, 50);
	end();
}

static void what_cannot_be_used_is_left_out(void)
{
	begin(false);
	CU_ASSERT_TRUE(put(DYNAMIC_CLUSTER, SETTINGS("num.io.threads=x", "log.retention.ms=5", "broker.id=9",
			"listeners=IN://h:1", "ssl.keystore.location=/x", "made.up=1")));
	CU_ASSERT_EQUAL(dynamic_now(f.d)->num_io_threads, 8);
	CU_ASSERT_EQUAL(dynamic_now(f.d)->log_retention_ms, 5);
	CU_ASSERT_EQUAL(dynamic_now(f.d)->broker_id, 1);
	CU_ASSERT_EQUAL(dynamic_now(f.d)->listening.n, 2);
	CU_ASSERT_STRING_EQUAL(dynamic_now(f.d)->ssl_keystore_location, "/base");
	CU_ASSERT_EQUAL(dynamic_state(f.d)->layers.cluster.n, 2); /* made.up stays, as in Kafka */
	end();
}

static void a_contradiction_changes_nothing(void)
{
	begin(false);
	CU_ASSERT_TRUE(put(DYNAMIC_CLUSTER, SETTINGS("num.io.threads=9")));
	CU_ASSERT_FALSE(put(DYNAMIC_BROKER, SETTINGS("listeners=OUT://h:9093", "num.io.threads=10")));
	CU_ASSERT_EQUAL(dynamic_now(f.d)->num_io_threads, 9);
	CU_ASSERT_EQUAL(dynamic_now(f.d)->listening.n, 2);
	CU_ASSERT_TRUE(put(DYNAMIC_BROKER, SETTINGS("num.io.threads=10")));
	CU_ASSERT_EQUAL(dynamic_now(f.d)->num_io_threads, 10);
	end();
}

static void old_snapshots_live_as_long_as_they_are_held(void)
{
	begin(false);
	put(DYNAMIC_BROKER, SETTINGS("num.io.threads=9"));
	const struct config *held = config_get(dynamic_now(f.d));
	put(DYNAMIC_BROKER, SETTINGS("num.io.threads=10"));
	CU_ASSERT_EQUAL(held->num_io_threads, 9);
	CU_ASSERT_STRING_EQUAL(held->listening.v[0].name, "IN");
	config_put(held);
	end();
}

static void too_large_changes_nothing(void)
{
	begin(false);
	char *huge = mem_alloc(CONFIG_FILE_BYTES + 2);
	memset(huge, ',', CONFIG_FILE_BYTES + 1);
	huge[CONFIG_FILE_BYTES + 1] = 0;
	struct config_setting one[] = { { "metric.reporters", huge }, { "num.io.threads", "9" } };
	struct config_layer layer = { one, 2 };
	dynamic_put(f.d, DYNAMIC_BROKER, &layer);
	CU_ASSERT_EQUAL(dynamic_now(f.d)->metric_reporters.n, 0);
	struct config_setting other[] = { { "listeners", huge }, { "num.io.threads", "9" } };
	layer.v = other;
	CU_ASSERT_FALSE(dynamic_put(f.d, DYNAMIC_BROKER, &layer));
	CU_ASSERT_EQUAL(dynamic_now(f.d)->listening.n, 2);
	free(huge);
	end();
}

/* ---- what may be set ---- */

static void refuses_in_kafkas_words(void)
{
	begin(true);
	refused(DYNAMIC_BROKER, SETTINGS("broker.id=2"),
		"Cannot update these configs dynamically: Set(broker.id)");
	refused(DYNAMIC_BROKER, SETTINGS("ssl.keystore.location=/x"),
		"These security configs can be dynamically updated only per-listener using the listener "
		"prefix: HashSet(ssl.keystore.location)");
	refused(DYNAMIC_CLUSTER, SETTINGS("listeners=IN://h:1"),
		"Cannot update these configs at default cluster level, broker id must be specified: "
		"Set(listeners)");
	refused(DYNAMIC_CLUSTER, SETTINGS("listener.name.out.ssl.client.auth=none"),
		"Cannot update these configs at default cluster level, broker id must be specified: "
		"Set(listener.name.out.ssl.client.auth)");
	refused(DYNAMIC_BROKER, SETTINGS("num.io.threads=x"),
		"Invalid value x for configuration num.io.threads: Not a number of type INT");
	refused(DYNAMIC_CLUSTER, SETTINGS("log.segment.bytes=1"),
		"Invalid value 1 for configuration log.segment.bytes: Value must be at least 14");
	refused(DYNAMIC_BROKER, SETTINGS("log.retention.ms=0"),
		"requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
	accepted(DYNAMIC_CLUSTER, SETTINGS("listener.name.out.max.connections=3"));
	accepted(DYNAMIC_CLUSTER, SETTINGS("leader.replication.throttled.rate=3"));
	accepted(DYNAMIC_BROKER, SETTINGS("made.up=3"));
	CU_ASSERT_EQUAL(f.applied, 0);
	end();
}

#define WRAPPED(cause)                                                                 \
	"Invalid value org.apache.kafka.common.config.ConfigException: " cause " for " \
	"configuration Invalid dynamic configuration"

static void refuses_what_cannot_follow(void)
{
	begin(true);
	refused(DYNAMIC_BROKER, SETTINGS("num.io.threads=17"),
		WRAPPED("Dynamic thread count update validation failed for num.io.threads=17, value should "
			"not be greater than double the current value 8"));
	refused(DYNAMIC_BROKER, SETTINGS("num.io.threads=3"),
		WRAPPED("Dynamic thread count update validation failed for num.io.threads=3, value should "
			"be at least half the current value 8"));
	refused(DYNAMIC_CLUSTER, SETTINGS("num.network.threads=7"),
		WRAPPED("Dynamic thread count update validation failed for num.network.threads=7, value "
			"should not be greater than double the current value 3"));
	refused(DYNAMIC_CLUSTER, SETTINGS("log.cleaner.threads=3"),
		WRAPPED("Log cleaner threads cannot be increased to more than double the current value "
			"1"));
	refused(DYNAMIC_CLUSTER, SETTINGS("log.local.retention.ms=3600001"),
		WRAPPED("Invalid value 3600001 for configuration log.local.retention.ms: Value must not be "
			"more than log.retention.ms property value: 3600000"));
	refused(DYNAMIC_BROKER, SETTINGS("listener.security.protocol.map=IN:SSL,OUT:SSL"),
		WRAPPED("Security protocol cannot be updated for existing listener ListenerName(IN)"));
	refused(DYNAMIC_CLUSTER, SETTINGS("listener.name.out.max.connections=0"),
		WRAPPED("Invalid max.connections 0"));
	accepted(DYNAMIC_BROKER, SETTINGS("num.io.threads=16"));
	accepted(DYNAMIC_BROKER, SETTINGS("num.io.threads=4"));
	f.refused = 1;
	refused(DYNAMIC_BROKER, SETTINGS("max.connections=9"), WRAPPED("no"));
	CU_ASSERT_EQUAL(f.applied, 0);
	end();
}

/* Where we say something else, and why. */
static const struct difference {
	const char *settings, *ours; /* "": we take it */
} differences[] = {
	/* a set of three and more comes in no order there; ours is that of the request */
	{ "broker.id=2 log.dirs=/x zookeeper.connect=a",
		"Cannot update these configs dynamically: Set(broker.id, log.dirs, zookeeper.connect)" },
	{ "ssl.keystore.location=/x ssl.keystore.type=PEM",
		"These security configs can be dynamically updated only per-listener using the listener "
		"prefix: HashSet(ssl.keystore.location, ssl.keystore.type)" },
	{ "listener.name.out.ssl.client.auth=none listeners=x",
		"Cannot update these configs at default cluster level, broker id must be specified: "
		"Set(listener.name.out.ssl.client.auth, listeners)" },
	/* "/ by zero" */
	{ "log.cleaner.threads=0", WRAPPED("Log cleaner threads should be at least 1") },
	/* the next start would fail */
	{ "log.cleaner.min.compaction.lag.ms=5 log.cleaner.max.compaction.lag.ms=4",
		"requirement failed: log.cleaner.min.compaction.lag.ms must not be above "
		"log.cleaner.max.compaction.lag.ms (4)" },
	/* Java classes: reporters have no meaning here */
	{ "metric.reporters=no.such.Class", "" },
	{ "principal.builder.class=no.such.Class",
		"requirement failed: Java classes cannot run in Samsa; the ones that it replaces here: "
		"org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder" },
	/* ours say which, or how to mend it */
	{ "listeners=PLAINTEXT://127.0.0.1:1,PLAINTEXT://127.0.0.1:2",
		"requirement failed: Each listener must have a different name, and PLAINTEXT stands twice" },
	{ "listeners=FOO://127.0.0.1:1",
		"requirement failed: No security protocol defined for listener FOO; add FOO:PLAINTEXT or "
		"another protocol to listener.security.protocol.map" },
	{ "listeners=garbage",
		"requirement failed: Unable to parse garbage to a broker endpoint; write NAME://host:port, "
		"with an IPv6 address in brackets" },
	{ "advertised.listeners=OTHER://127.0.0.1:1 "
	  "listener.security.protocol.map=OTHER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
		"requirement failed: advertised.listeners listener names must be equal to or a subset of "
		"the ones defined in listeners. Found OTHER. The valid options based on the current "
		"configuration are PLAINTEXT" },
	/* "begin 0, end -1, length 1" */
	{ "listener.security.protocol.map=X", "requirement failed: 'X' is not of the form NAME:PROTOCOL" },
	{ "max.connections.per.ip.overrides=x", "requirement failed: 'x' is not of the form host:count" },
};

static const char *expected_of(const char *settings, const char *kafkas)
{
	for (size_t i = 0; i < countof(differences); i++)
		if (strcmp(differences[i].settings, settings) == 0)
			return differences[i].ours;
	return kafkas;
}

static struct config_layer settings_of(char *text)
{
	const char *texts[8] = { NULL };
	char *rest = text;
	for (size_t n = 0; n < countof(texts) - 1 && rest; n++)
		texts[n] = strsep(&rest, " ");
	return layer_of(&f.arena, texts);
}

static void answers_as_kafka(void)
{
	size_t n;
	char *text = golden_read("tests/golden/config/dynamic.tsv", &n), *rest = text;
	char *column[GOLDEN_COLUMNS];
	int rows = 0;
	begin_with("zookeeper.connect=zk:2181\nbroker.id=1\nlisteners=PLAINTEXT://127.0.0.1:9092\n"
		   "num.network.threads=2\nnum.io.threads=2\nlog.cleaner.dedupe.buffer.size=4194304\n", true);
	while (golden_line(&rest, column)) {
		char why[DYNAMIC_WHY_BYTES] = "";
		if (column[0][0] == '#')
			continue;
		const char *settings = arena_strdup(&f.arena, slice_str(column[1]));
		struct config_layer layer = settings_of(column[1]);
		enum dynamic_entity entity = column[0][0] == '1' ? DYNAMIC_BROKER : DYNAMIC_CLUSTER;
		int rc = dynamic_check(f.d, entity, &layer, why);
		same_text(settings, rc == 0 ? "" : why, expected_of(settings, column[2]));
		rows++;
	}
	CU_ASSERT(rows > 50);
	end();
	free(text);
}

static void tells_passwords(void)
{
	CU_ASSERT_TRUE(dynamic_is_password("listener.name.out.ssl.keystore.password"));
	CU_ASSERT_TRUE(dynamic_is_password("sasl.jaas.config"));
	CU_ASSERT_TRUE(dynamic_is_password("listener.name.out.plain.sasl.jaas.config"));
	CU_ASSERT_FALSE(dynamic_is_password("listener.name.out.ssl.keystore.location"));
	CU_ASSERT_FALSE(dynamic_is_password("password.encoder.secret")); /* cannot be set at run time */
}

/* ---- who is told ---- */

static void tells_whom_it_concerns(void)
{
	begin(true);
	CU_ASSERT_TRUE(put(DYNAMIC_CLUSTER, SETTINGS("log.retention.ms=5")));
	CU_ASSERT_EQUAL(f.applied, APPLY_TOPICS);
	CU_ASSERT_EQUAL(f.followed, APPLY_TOPICS);
	f.applied = 0;
	CU_ASSERT_FALSE(put(DYNAMIC_CLUSTER, SETTINGS("log.retention.ms=5")));
	CU_ASSERT_EQUAL(f.applied, 0);
	put(DYNAMIC_BROKER, SETTINGS("listener.name.out.ssl.keystore.location=/new"));
	CU_ASSERT_EQUAL(f.applied, APPLY_NET);
	f.applied = 0;
	put(DYNAMIC_BROKER, SETTINGS("unclean.leader.election.enable=true", "num.io.threads=9"));
	CU_ASSERT_EQUAL(f.applied, APPLY_ELECTIONS | APPLY_TOPICS | APPLY_NET);
	f.refused = 1;
	f.followed = 0;
	CU_ASSERT_FALSE(put(DYNAMIC_BROKER, SETTINGS("max.connections=3")));
	CU_ASSERT_EQUAL(f.followed, 0);
	CU_ASSERT_EQUAL(dynamic_now(f.d)->max_connections, 100);
	f.refused = 0;
	CU_ASSERT_FALSE(put(DYNAMIC_BROKER, SETTINGS("num.io.threads=100"))); /* more than twice 9 */
	CU_ASSERT_EQUAL(dynamic_now(f.d)->num_io_threads, 9);
	end();
}

/* Every key that 3.9 calls dynamic takes effect, or its row says what it means here. */
static void every_dynamic_key_is_somebodys(void)
{
	size_t n;
	char *text = golden_read("tests/golden/contract/broker_configs.tsv", &n), *rest = text;
	char *column[GOLDEN_COLUMNS];
	int dynamic = 0;
	while (golden_line(&rest, column)) {
		const struct config_desc *d = config_find(column[0]);
		if (!d || column[0][0] == '#' || strcmp(column[3], "read-only") == 0)
			continue;
		dynamic++;
		unsigned appliers = dynamic_appliers((enum config_key)(d - config_descs));
		CU_ASSERT_NOT_EQUAL(d->scope, SCOPE_READ_ONLY);
		if (appliers == 0 && (d->status != STATUS_KNOWN || !d->meaning))
			same_text(d->name, "nobody is told", "somebody, or a meaning");
	}
	CU_ASSERT_EQUAL(dynamic, 92);
	for (int key = 0; key < CONFIG_KEYS; key++)
		if (config_descs[key].scope == SCOPE_READ_ONLY)
			CU_ASSERT_EQUAL(dynamic_appliers((enum config_key)key), 0);
	free(text);
}

static const struct ut_case cases[] = {
	UT(broker_over_cluster_over_file_over_default),
	UT(a_listeners_own_key_wins),
	UT(what_cannot_be_used_is_left_out),
	UT(a_contradiction_changes_nothing),
	UT(old_snapshots_live_as_long_as_they_are_held),
	UT(too_large_changes_nothing),
	UT(refuses_in_kafkas_words),
	UT(refuses_what_cannot_follow),
	UT(answers_as_kafka),
	UT(tells_passwords),
	UT(tells_whom_it_concerns),
	UT(every_dynamic_key_is_somebodys),
};

int main(void)
{
	return ut_run("dynamic", cases, countof(cases));
}
