/* principal_rules.c - see principal_rules.h */
#include "broker/config/principal_rules.h"

#include "broker/base/must.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <errno.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRINCIPAL_RULES_MAGIC 0x9817c1a5u

enum {
	/* of the regular expression engine for one name: a peer chose the name */
	MATCH_STEPS_MAX = 1000 * 1000,
};

struct rule {
	pcre2_code *pattern; /* NULL: DEFAULT */
	char *replacement;
	char letters;        /* 'L', 'U' or 0 */
};

struct principal_rules {
	unsigned magic;
	struct rule v[PRINCIPAL_RULES_MAX];
	int n;
};

/* ---- parsing ---- */

/* A part of a rule up to the next '/' that no backslash stands before. NULL when there is none. */
static char *take_part(const char **at)
{
	const char *p = *at;
	while (*p && *p != '/')
		p += p[0] == '\\' && p[1] ? 2 : 1;
	if (*p != '/')
		return NULL;
	char *part = mem_printf("%.*s", (int)(p - *at), *at);
	*at = p + 1;
	return part;
}

static bool compile(struct rule *r, const char *pattern, char why[PRINCIPAL_WHY_BYTES])
{
	int error;
	PCRE2_SIZE at;
	PCRE2_UCHAR said[128];
	r->pattern = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &error, &at, NULL);
	if (r->pattern)
		return true;
	pcre2_get_error_message(error, said, sizeof said);
	snprintf(why, PRINCIPAL_WHY_BYTES, "the pattern `%.100s` cannot be read: %s", pattern, (char *)said);
	return false;
}

/* After "RULE:"; leaves *at behind the rule. */
static bool parse_rule(const char **at, struct rule *r, char why[PRINCIPAL_WHY_BYTES])
{
	const char *begin = *at;
	char *pattern = take_part(at);
	r->replacement = pattern ? take_part(at) : NULL;
	if (!r->replacement) {
		snprintf(why, PRINCIPAL_WHY_BYTES, "Invalid rule: `RULE:%.100s`; allowed: "
			 "RULE:pattern/replacement/[LU] or DEFAULT, with commas between", begin);
		free(pattern);
		return false;
	}
	if (**at == 'L' || **at == 'U')
		r->letters = *(*at)++;
	bool fine = compile(r, pattern, why);
	free(pattern);
	return fine;
}

static const char *skip_space(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

/* One rule and the comma behind it. */
static bool parse_next(const char **at, struct principal_rules *rules, char why[PRINCIPAL_WHY_BYTES])
{
	static const char word[] = "RULE:", otherwise[] = "DEFAULT";
	const char *begin = *at;
	if (rules->n == PRINCIPAL_RULES_MAX) {
		snprintf(why, PRINCIPAL_WHY_BYTES, "more than %d rules", PRINCIPAL_RULES_MAX);
		return false;
	}
	struct rule *r = &rules->v[rules->n++];
	if (strncmp(*at, word, sizeof word - 1) == 0) {
		*at += sizeof word - 1;
		if (!parse_rule(at, r, why))
			return false;
	} else if (strncmp(*at, otherwise, sizeof otherwise - 1) == 0) {
		*at += sizeof otherwise - 1;
	}
	*at = skip_space(*at);
	if (*at != begin && (**at == ',' || **at == 0)) {
		*at = skip_space(*at + (**at == ','));
		return true;
	}
	snprintf(why, PRINCIPAL_WHY_BYTES, "Invalid rule: `%.100s`; allowed: "
		 "RULE:pattern/replacement/[LU] or DEFAULT, with commas between", begin);
	return false;
}

struct principal_rules *principal_rules_parse(const char *text, char why[PRINCIPAL_WHY_BYTES])
{
	struct principal_rules *rules;
	ALLOC_OBJ(rules, PRINCIPAL_RULES_MAGIC);
	const char *at = skip_space(text);
	do {
		if (!parse_next(&at, rules, why)) {
			principal_rules_free(&rules);
			return NULL;
		}
	} while (*at);
	return rules;
}

void principal_rules_free(struct principal_rules **rules)
{
	struct principal_rules *r = *rules;
	*rules = NULL;
	if (!r)
		return;
	for (int i = 0; i < r->n; i++) {
		pcre2_code_free(r->v[i].pattern);
		free(r->v[i].replacement);
	}
	FREE_OBJ(r);
}

/* ---- applying ---- */

struct making {
	char *out;
	size_t n;
	bool too_long;
};

static void put(struct making *m, const char *bytes, size_t n)
{
	if (m->n + n >= PRINCIPAL_NAME_BYTES) {
		m->too_long = true;
		return;
	}
	memcpy(m->out + m->n, bytes, n);
	m->n += n;
}

/* $12 is group 12 if there is one, else group 1 and a 2, as Java reads it; a group that is not there at all
 * stands for itself. */
static const char *put_group(struct making *m, const char *at, const char *dn, const PCRE2_SIZE *ends,
	unsigned groups)
{
	unsigned group = 0;
	const char *p = at + 1;
	while (isdigit((unsigned char)*p) && group * 10 + (unsigned)(*p - '0') <= groups)
		group = group * 10 + (unsigned)(*p++ - '0');
	if (p == at + 1)
		put(m, at, 1);
	else if (ends[2 * group] != PCRE2_UNSET)
		put(m, dn + ends[2 * group], ends[2 * group + 1] - ends[2 * group]);
	return p;
}

static void put_replacement(struct making *m, const char *replacement, const char *dn,
	const PCRE2_SIZE *ends, unsigned groups)
{
	const char *p = replacement;
	while (*p) {
		if (*p == '$') {
			p = put_group(m, p, dn, ends, groups);
			continue;
		}
		p += *p == '\\' && p[1];
		put(m, p++, 1);
	}
}

static bool match(const struct rule *r, const char *dn, size_t from, uint32_t options, pcre2_match_data *data)
{
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	must(context != NULL);
	pcre2_set_match_limit(context, MATCH_STEPS_MAX);
	int rc = pcre2_match(r->pattern, (PCRE2_SPTR)dn, strlen(dn), from, options, data, context);
	pcre2_match_context_free(context);
	return rc >= 0;
}

/* Replaces each match in the name, as Java's replaceAll. */
static void replace_all(const struct rule *r, const char *dn, pcre2_match_data *data, struct making *m)
{
	size_t at = 0, length = strlen(dn);
	uint32_t groups = 0;
	pcre2_pattern_info(r->pattern, PCRE2_INFO_CAPTURECOUNT, &groups);
	while (at <= length && match(r, dn, at, 0, data)) {
		const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);
		bool empty = ends[1] == ends[0];
		put(m, dn + at, ends[0] - at);
		put_replacement(m, r->replacement, dn, ends, groups);
		at = ends[1];
		if (empty && at < length)
			put(m, dn + at, 1);
		at += empty;
	}
	if (at < length)
		put(m, dn + at, length - at);
}

static void change_letters(char *text, char letters)
{
	for (; *text; text++)
		if (letters)
			*text = (char)(letters == 'L' ? tolower((unsigned char)*text)
						      : toupper((unsigned char)*text));
}

int principal_rules_apply(const struct principal_rules *rules, const char *dn,
	char out[PRINCIPAL_NAME_BYTES])
{
	CHECK_OBJ_NOTNULL(rules, PRINCIPAL_RULES_MAGIC);
	struct making m = { .out = out };
	for (int i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->v[i];
		pcre2_match_data *data = r->pattern
			? pcre2_match_data_create_from_pattern(r->pattern, NULL) : NULL;
		bool fits = !r->pattern || match(r, dn, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, data);
		if (fits && r->pattern)
			replace_all(r, dn, data, &m);
		else if (fits)
			put(&m, dn, strlen(dn));
		pcre2_match_data_free(data);
		if (!fits)
			continue;
		out[m.n] = 0;
		change_letters(out, r->letters);
		return m.too_long ? -ENAMETOOLONG : 0;
	}
	return -ENOENT;
}
