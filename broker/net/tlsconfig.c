/* tlsconfig.c - struct tls_config as a value: copied, compared, freed. */
#include "broker/net/tlsctx.h"

#include "broker/base/must.h"

#include <stdlib.h>
#include <string.h>

#define TEXTS(c)                                                                                       \
	{                                                                                              \
		&(c)->keystore_type, &(c)->keystore_location, &(c)->keystore_password,                 \
		&(c)->keystore_key, &(c)->keystore_chain, &(c)->key_password, &(c)->truststore_type,   \
		&(c)->truststore_location, &(c)->truststore_password, &(c)->truststore_certs,          \
		&(c)->enabled_protocols, &(c)->cipher_suites                                           \
	}

struct tls_config *tls_config_copy(const struct tls_config *config)
{
	struct tls_config *copy = mem_dup(config, sizeof *config);
	const char **texts[] = TEXTS(copy);
	for (size_t i = 0; i < countof(texts); i++)
		*texts[i] = *texts[i] ? mem_strdup(*texts[i]) : NULL;
	return copy;
}

void tls_config_free(struct tls_config *config)
{
	if (!config)
		return;
	const char **texts[] = TEXTS(config);
	for (size_t i = 0; i < countof(texts); i++)
		free((char *)*texts[i]);
	free(config);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool tls_config_same(const struct tls_config *a, const struct tls_config *b)
{
	const char *const *one[] = TEXTS(a);
	const char *const *other[] = TEXTS(b);
	for (size_t i = 0; i < countof(one); i++)
		if (!same_text(*one[i], *other[i]))
			return false;
	return a->client_auth == b->client_auth && a->check_host == b->check_host &&
	       a->allow_dn_changes == b->allow_dn_changes &&
	       a->allow_san_changes == b->allow_san_changes && a->of_brokers == b->of_brokers;
}
