/* fuzz_znode.c - any bytes as the contents of each znode.
 *
 * Nothing may crash, leak or take memory without bound. What can be read can be written, and what was written
 * reads and writes the same again.
 */
#include "tests/fuzz/fuzz.h"

#include "broker/base/must.h"
#include "zkutil/connect.h"
#include "zkutil/znode.h"

enum { FUZZ_ARENA_BYTES = 16 << 20 };

#define ROUND(name, type, decode, encode)                                  \
	static struct slice name(struct arena *a, struct slice json)       \
	{                                                                  \
		struct znode_why why;                                      \
		type v;                                                    \
		(void)a; /* some need none */                              \
		return (decode) ? SLICE_NULL : (encode);                   \
	}

#define STRUCT_ROUND(what, type)                                           \
	ROUND(round_##what, struct type, znode_##what##_decode(a, json, &v, &why), \
	      znode_##what##_encode(a, &v))

STRUCT_ROUND(broker, znode_broker)
STRUCT_ROUND(topic, znode_topic)
STRUCT_ROUND(state, znode_state)
STRUCT_ROUND(controller, znode_controller)
STRUCT_ROUND(config, znode_config)
STRUCT_ROUND(features, znode_features)
STRUCT_ROUND(partitions, znode_partitions)
STRUCT_ROUND(reassign, znode_partitions)
ROUND(round_cluster_id, const char *, znode_cluster_id_decode(a, json, &v, &why),
      znode_cluster_id_encode(a, v))
ROUND(round_change, const char *, znode_config_change_decode(a, json, &v, &why),
      znode_config_change_encode(a, v))
ROUND(round_epoch, int32_t, znode_controller_epoch_decode(json, &v, &why),
      znode_controller_epoch_encode(a, v))
ROUND(round_log_dir, int32_t, znode_log_dir_event_decode(json, &v, &why), znode_log_dir_event_encode(a, v))
ROUND(round_producer_ids, struct znode_producer_ids, znode_producer_ids_decode(json, &v, &why),
	znode_producer_ids_encode(a, &v))
ROUND(round_migration, struct znode_migration, znode_migration_decode(json, &v, &why), SLICE_NULL)

static struct slice (*const rounds[])(struct arena *a, struct slice json) = { round_broker, round_topic,
	round_state, round_controller, round_config, round_features, round_partitions, round_reassign,
	round_cluster_id, round_change, round_epoch, round_log_dir, round_producer_ids, round_migration };

/* Text that a person or a client chose. */
static void use_as_text(struct arena *a, struct slice input)
{
	struct zk_connect connect;
	char why[ZK_WHY_BYTES];
	const char *text = arena_strdup(a, input);
	if (!text)
		return;
	zk_connect_parse(&connect, text, why);
	znode_desanitize(a, text);
	const char *safe = znode_sanitize(a, input);
	must(!safe || slice_eq(znode_desanitize(a, safe), input) || arena_overflowed(a));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	static const uint8_t none[1];
	struct slice json = slice_of(input ? input : none, n);
	for (size_t i = 0; i < countof(rounds); i++) {
		struct arena a;
		arena_init(&a, FUZZ_ARENA_BYTES);
		struct slice once = rounds[i](&a, json);
		if (!slice_is_null(once)) {
			struct slice again = rounds[i](&a, once);
			must(slice_eq(once, again) || arena_overflowed(&a));
		}
		arena_free(&a);
	}
	struct arena a;
	arena_init(&a, FUZZ_ARENA_BYTES);
	use_as_text(&a, json);
	arena_free(&a);
	return 0;
}
