/* fuzz_config.c - any bytes as a properties file, and its lines as the settings of a topic, and as what is
 * set at run time.
 *
 * Nothing may crash, leak or take memory without bound; what loads is described, and what is described
 * fits. */
#include "tests/fuzz/fuzz.h"

#include "broker/base/must.h"
#include "broker/config/describe.h"
#include "broker/config/dynamic.h"

static void describe(const struct dynamic *d, const struct config_layer *layer)
{
	const struct config_state *state = dynamic_state(d);
	struct describe_result result;
	struct arena a;
	arena_init(&a, CONFIG_ARENA_BYTES);
	must(describe_broker(&a, state, NULL, &result) == 0);
	must(result.n > 200);
	must(describe_topic(&a, state, layer->v, layer->n, NULL, &result) == 0);
	must(result.n >= TOPIC_KEYS);
	arena_free(&a);
}

static void set_at_run_time(const struct config *c, const struct config_layer *layer)
{
	struct dynamic *d = dynamic_new(c);
	char why[DYNAMIC_WHY_BYTES] = "";
	must(dynamic_check(d, DYNAMIC_BROKER, layer, why) == 0 || *why);
	dynamic_put(d, DYNAMIC_CLUSTER, layer);
	dynamic_put(d, DYNAMIC_BROKER, layer);
	describe(d, layer);
	dynamic_free(d);
}

/* The lines of the file as what a client or a znode says. */
static void use(const struct config *c)
{
	const struct properties *p = &c->properties;
	struct config_setting *v = mem_zalloc((p->n + 1) * sizeof *v);
	struct arena a;
	arena_init(&a, CONFIG_ARENA_BYTES);
	for (uint32_t i = 0; i < p->n; i++)
		v[i] = (struct config_setting){ p->v[i].name, p->v[i].value };
	const char *wrong = topic_config_check(&a, c, v, p->n, v, p->n);
	must(!wrong || *wrong);
	topic_config_free(topic_config_new(c, "t", v, p->n));
	set_at_run_time(c, &(struct config_layer){ v, p->n });
	arena_free(&a);
	free(v);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	static const char *const overrides[] = { "zookeeper.connect=localhost:2181" };
	struct config_source source = { "f", slice_of(input, n), NULL };
	struct problems problems;
	problems_init(&problems);
	struct config *c = config_load(&source, overrides, 1, &problems);
	must((c == NULL) == (problems.errors > 0));
	if (c)
		use(c);
	config_free(c);
	problems_free(&problems);
	return 0;
}
