/* kafka_wait.c - see kafka_wait.h */
#include "tools/kafka_wait.h"

#include "broker/reactor/sys.h"
#include "tools/out.h"

enum { NAME_BYTES = 256, MILLISECOND_NS = 1000000, STATISTICS_POLLS = 10 };

void kafka_wait(struct kafka *c, int64_t ns)
{
	int64_t now = sys_mono_ns(), until = ns > INT64_MAX - now ? INT64_MAX : now + ns;
	while (now < until && !kafka_interrupted(c)) {
		int64_t ms = (until - now + MILLISECOND_NS - 1) / MILLISECOND_NS;
		kafka_poll(c, ms < KAFKA_POLL_MS ? (int)ms : KAFKA_POLL_MS);
		now = sys_mono_ns();
	}
}

static void print_numbers(const char *name, json_t *value)
{
	const char *key;
	json_t *inner;
	char full[NAME_BYTES];
	if (json_is_object(value)) {
		json_object_foreach(value, key, inner) {
			snprintf(full, sizeof full, "%s%s%s", name, *name ? "." : "", key);
			print_numbers(full, inner);
		}
	} else if (json_is_integer(value)) {
		say("%-64s : %lld\n", name, (long long)json_integer_value(value));
	} else if (json_is_real(value)) {
		say("%-64s : %.3f\n", name, json_real_value(value));
	}
}

json_t *kafka_statistics_json(struct kafka *c)
{
	for (int i = 0; i < STATISTICS_POLLS && !kafka_statistics(c); i++)
		kafka_poll(c, KAFKA_POLL_MS);
	const char *text = kafka_statistics(c);
	json_t *all = text ? json_loads(text, 0, NULL) : NULL;
	return all ? all : json_null();
}

void kafka_print_statistics(struct kafka *c)
{
	json_t *all = kafka_statistics_json(c);
	say("\n%-64s   Value\n", "Metric Name");
	print_numbers("", all);
	json_decref(all);
}
