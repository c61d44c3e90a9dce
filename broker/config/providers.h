/* providers.h - values that stand elsewhere: ${file:/path:key}, ${dir:/path:file}, ${env:NAME}.
 *
 * config.providers names them, config.providers.<name>.class says which of Kafka's three each is, and
 * config.providers.<name>.param.allowed.paths or .allowlist.pattern what it may look at. Facts:
 * org.apache.kafka.common.config.ConfigTransformer, its providers and AllowedPaths of 3.9: what a provider
 * does not have, may not look at, or is no provider's at all stays as it is written. Better than there: only
 * server.properties names providers. In 3.9 whoever may alter a broker's settings can name them too, and so
 * read what files the broker can read.
 */
#ifndef SAMSA_CONFIG_PROVIDERS_H
#define SAMSA_CONFIG_PROVIDERS_H

#include "broker/base/arena.h"
#include "broker/config/problems.h"
#include "broker/config/properties.h"

#include <stdbool.h>

enum {
	PROVIDERS_MAX = 16,
	PROVIDER_FILE_BYTES = 1 << 20,
	PROVIDER_VARIABLES_MAX = 100, /* in one value: each may read a file */
	PROVIDER_PATH_BYTES = 4096,
};

/* What only the seam can look at. */
struct provider_reader {
	/* A regular file, whole, with a zero behind it, on the heap; -ENOENT, -EISDIR, -EFBIG, ... */
	int (*read)(const char *path, size_t max, char **bytes, size_t *n);
	bool (*exists)(const char *path);
	/* NULL when it is not set. */
	const char *(*env)(const char *name);
};

struct providers;

/* Those that `p` names, in the arena; NULL when it names none, and when something is wrong with them, which
 * is an error in `problems`. `reader` is borrowed; NULL: nothing can be looked at, and providers are as if
 * they had nothing. */
struct providers *providers_make(struct arena *a, const struct properties *p,
	const struct provider_reader *reader, struct problems *problems);
/* Whether `name` is one of the settings that speak of providers. */
bool providers_is_setting(const char *name);
/* The value with its variables replaced, in the arena; `value` itself when it has none. NULL when a provider
 * fails: then `problems` has an error that begins with `what`. Variables that stay are warnings. May block
 * for a disk. `providers` may be NULL. */
const char *providers_resolve(const struct providers *providers, struct arena *a, const char *what,
	const char *value, struct problems *problems);

#endif
