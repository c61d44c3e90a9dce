/* check_priv.h - what config.c, config_check.c and config_class.c share. */
#ifndef SAMSA_CONFIG_CHECK_PRIV_H
#define SAMSA_CONFIG_CHECK_PRIV_H

#include "broker/config/config.h"

enum { WHERE_BYTES = 512 };

/* "etc/server.properties:12", "--override", or "default" for what nobody set. */
struct where {
	char s[WHERE_BYTES];
};
struct where where_set(const struct config *c, enum config_key key);

/* An error about the value of `key`: where it was set, key and value (passwords hidden), and why. */
void value_error(const struct config *c, enum config_key key, struct problems *problems, const char *format,
	...) __attribute__((format(printf, 4, 5)));

/* The checks that need more than one key, and what is worked out of several; `c` has all its fields. */
void config_check(struct config *c, struct problems *problems);
/* The Java classes that `c`, the broker's or a listener's configuration, names. */
void config_check_classes(const struct config *c, struct problems *problems);
/* password.encoder.*, where there is a secret. */
void config_check_passwords(const struct config *c, struct problems *problems);
/* ssl.principal.mapping.rules of either. */
void config_check_principals(const struct config *c, struct problems *problems);

#endif
