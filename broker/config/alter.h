/* alter.h - settings as IncrementalAlterConfigs changes them: SET, DELETE, APPEND and SUBTRACT over what
 * an entity has already.
 *
 * Fact: kafka.server.ConfigAdminManager.prepareIncrementalConfigs of 3.9, with the habits of Java's
 * String.split: lists are taken apart at commas and nowhere else, white space stays, and empty elements
 * at the end are lost.
 */
#ifndef SAMSA_CONFIG_ALTER_H
#define SAMSA_CONFIG_ALTER_H

#include "broker/config/config.h"

/* AlterConfigOp.OpType */
enum alter_op { ALTER_SET, ALTER_DELETE, ALTER_APPEND, ALTER_SUBTRACT };

struct alter_step {
	const char *name;
	const char *value; /* NULL only with ALTER_DELETE */
	int op;            /* as it came: any number */
};

/* What APPEND and SUBTRACT have to know of a key. */
struct alter_key {
	enum config_type type;
	const char *default_text; /* NULL is null */
};

/* False for a key that is not known. */
typedef bool alter_key_find(const char *name, struct alter_key *out);
alter_key_find alter_key_of_topic, alter_key_of_broker;

enum alter_verdict {
	ALTER_FINE,
	ALTER_NO_SUCH_OP,   /* INVALID_REQUEST */
	ALTER_NOT_POSSIBLE, /* INVALID_CONFIG */
	ALTER_TOO_LARGE,    /* the arena is full */
};

/* `layer` is read, and then what has come of it, in the arena. On a verdict but FINE it is as it was, and
 * Kafka's words are in `why`. */
enum alter_verdict alter_settings(struct arena *a, alter_key_find *find, const struct alter_step *steps,
	size_t n_steps, struct config_layer *layer, const char **why);

#endif
