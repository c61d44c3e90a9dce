/* principal_rules.h - ssl.principal.mapping.rules: a certificate's distinguished name becomes a name of one's
 * own.
 *
 *	RULE:<pattern>/<replacement>/[LU] , ... , DEFAULT
 *
 * Rules are tried in order. The first whose pattern fits the whole name says what it becomes: every match in
 * it is replaced ($1 is the first group), and L or U makes it lower or upper case. DEFAULT leaves the name as
 * it is. A name that no rule fits is refused. Patterns are Java's; Perl's (PCRE2), which we have, read what
 * is written in such rules alike. Source: Kafka 3.9 SslPrincipalMapper, KIP-371.
 *
 * Immutable once parsed: any core may use the same rules at the same time.
 */
#ifndef SAMSA_CONFIG_PRINCIPAL_RULES_H
#define SAMSA_CONFIG_PRINCIPAL_RULES_H

#include <stddef.h>

enum {
	PRINCIPAL_RULES_MAX = 64,
	PRINCIPAL_NAME_BYTES = 1024, /* the longest name that a rule makes or takes */
	PRINCIPAL_WHY_BYTES = 320,
};

struct principal_rules;

/* NULL, and what is wrong in `why`. */
struct principal_rules *principal_rules_parse(const char *text, char why[PRINCIPAL_WHY_BYTES]);
void principal_rules_free(struct principal_rules **rules);

/* 0; -ENOENT when no rule fits; -ENAMETOOLONG. */
int principal_rules_apply(const struct principal_rules *rules, const char *dn,
	char out[PRINCIPAL_NAME_BYTES]);

#endif
