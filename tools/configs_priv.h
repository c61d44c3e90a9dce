/* configs_priv.h - what the parts of samsa-configs share. */
#ifndef SAMSA_TOOLS_CONFIGS_PRIV_H
#define SAMSA_TOOLS_CONFIGS_PRIV_H

#include "tools/admin.h"

enum configs_option {
	ZOOKEEPER,
	BOOTSTRAP,
	BOOTSTRAP_CONTROLLER,
	COMMAND_CONFIG,
	ALTER,
	DESCRIBE,
	ALL,
	ENTITY_TYPE,
	ENTITY_NAME,
	ENTITY_DEFAULT,
	ADD_CONFIG,
	ADD_CONFIG_FILE,
	DELETE_CONFIG,
	FORCE,
	TOPIC,
	CLIENT,
	USER,
	BROKER,
	BROKER_LOGGER,
	IP,
	CLIENT_DEFAULTS,
	USER_DEFAULTS,
	BROKER_DEFAULTS,
	IP_DEFAULTS,
	ZK_TLS_CONFIG_FILE,
	JSON,
};

enum { ENTITIES_MAX = 32 };

/* What the command is about: types and names in the order in which they are given; "" is the default. */
struct entities {
	const char *types[ENTITIES_MAX], *names[ENTITIES_MAX];
	unsigned n_types, n_names;
};

struct pair {
	const char *name, *value;
};

/* What is to be set and what deleted. */
struct changes {
	struct pair *add;
	unsigned n_add;
	const char **remove;
	unsigned n_remove;
};

/* Quotas of users, clients and addresses, and SCRAM credentials of users; configs_quota.c. */
int quota_describe(struct tool *t, struct admin *a, const struct entities *e);
int quota_alter(struct tool *t, struct admin *a, const struct entities *e, const struct changes *c);
/* Whether a name of a setting is one of these. */
bool is_client_quota(const char *name);
bool is_scram(const char *name);
/* What a credential is to be made of: "iterations=8192,password=secret" or "password=secret". */
struct scram_words {
	long iterations;
	const char *password; /* a part of the pair's value */
};
/* Whether "iterations=-1" means the default: it does for a broker, and not in ZooKeeper. */
enum scram_default { SCRAM_DEFAULT, SCRAM_NO_DEFAULT };
/* 0, or -1 and it is refused. */
int scram_read(struct tool *t, const struct pair *p, enum scram_default d, struct scram_words *out);
/* What --add-config, --add-config-file and --delete-config say: 0, or -1 and the failure is set. */
int configs_read_changes(struct tool *t, struct changes *c);
/* The command with --zookeeper; configs_zookeeper.c. 0, or -1 and the failure is set. */
int configs_in_zookeeper(struct tool *t, const struct entities *e);
/* What is wrong about what was asked, not about how it went: Kafka's command says only that. -1. */
int refuse(struct tool *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
