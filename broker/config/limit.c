/* limit.c - see limit.h. */
#include "broker/config/limit.h"

#include "broker/base/must.h"
#include "broker/config/ibp.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

enum { NUMBER_BYTES = 64 };

const char *config_type_name(enum config_type type)
{
	static const char *const names[] = {
		[CONFIG_UNKNOWN] = "UNKNOWN",
		[CONFIG_BOOLEAN] = "BOOLEAN",
		[CONFIG_STRING] = "STRING",
		[CONFIG_INT] = "INT",
		[CONFIG_SHORT] = "SHORT",
		[CONFIG_LONG] = "LONG",
		[CONFIG_DOUBLE] = "DOUBLE",
		[CONFIG_LIST] = "LIST",
		[CONFIG_CLASS] = "CLASS",
		[CONFIG_PASSWORD] = "PASSWORD",
	};
	must(type < countof(names));
	return names[type];
}

/* ---- parsing ---- */

/* Java's String.trim: everything up to the space, at both ends. */
static struct slice trim(const char *text)
{
	size_t n = strlen(text);
	while (n > 0 && (unsigned char)*text <= ' ')
		text++, n--;
	while (n > 0 && (unsigned char)text[n - 1] <= ' ')
		n--;
	return slice_of(text, n);
}

/* \s of a Java pattern. */
static bool is_space(int c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool parse_integer(struct slice s, int64_t low, int64_t high, int64_t *out)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	int64_t value = 0;
	uint32_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
	if (i == s.n)
		return false;
	for (; i < s.n; i++) {
		int digit = s.p[i] - '0';
		if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value))
			return false;
		if (__builtin_add_overflow(value, negative ? -digit : digit, &value))
			return false;
	}
	*out = value;
	return value >= low && value <= high;
}

/* Double.parseDouble: as C has it, plus a type suffix, less C's other names for infinity. */
static bool parse_double(struct slice s, double *out)
{
	char text[NUMBER_BYTES];
	if (s.n == 0 || s.n >= sizeof text)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	const char *bare = text + (text[0] == '-' || text[0] == '+');
	if (strcmp(bare, "NaN") == 0 || strcmp(bare, "Infinity") == 0) {
		*out = bare[0] == 'N' ? (double)NAN : text[0] == '-' ? -HUGE_VAL : HUGE_VAL;
		return true;
	}
	bool is_hex = bare[0] == '0' && (bare[1] == 'x' || bare[1] == 'X');
	if (!(isdigit((unsigned char)bare[0]) || bare[0] == '.') || (is_hex && !strpbrk(bare, "pP")))
		return false;
	char *end;
	*out = strtod(text, &end);
	if (*end && strchr("dDfF", *end))
		end++;
	return *end == '\0';
}

static int parse_list(struct arena *a, struct slice s, struct config_list *out)
{
	uint32_t room = s.n > 0 ? 1 : 0;
	for (uint32_t i = 0; i < s.n; i++)
		room += s.p[i] == ',';
	const char **v = arena_array(a, room, sizeof *v);
	uint32_t n = 0, from = 0;
	for (uint32_t i = 0; v && n < room; i++) {
		if (i < s.n && s.p[i] != ',')
			continue;
		uint32_t end = i, begin = from;
		while (begin < end && is_space(s.p[begin]))
			begin++;
		while (end > begin && is_space(s.p[end - 1]))
			end--;
		v[n++] = arena_strdup(a, slice_of(s.p + begin, end - begin));
		from = i + 1;
	}
	*out = (struct config_list){ v, n };
	return arena_overflowed(a) ? -ENOMEM : 0;
}

static bool equals_fold(struct slice s, const char *word)
{
	return s.n == strlen(word) && strncasecmp((const char *)s.p, word, s.n) == 0;
}

static int say(char *why, const char *name, const char *value, const char *what)
{
	snprintf(why, LIMIT_WHY_BYTES, "Invalid value %s for configuration %s: %s", value, name, what);
	return -1;
}

static int parse_number(enum config_type type, struct slice s, struct config_value *out)
{
	bool fine = false;
	if (type == CONFIG_INT)
		fine = parse_integer(s, INT32_MIN, INT32_MAX, &out->i);
	else if (type == CONFIG_SHORT)
		fine = parse_integer(s, INT16_MIN, INT16_MAX, &out->i);
	else if (type == CONFIG_LONG)
		fine = parse_integer(s, INT64_MIN, INT64_MAX, &out->i);
	else if (type == CONFIG_DOUBLE)
		fine = parse_double(s, &out->d);
	return fine ? 0 : -1;
}

static int parse(struct arena *a, const char *name, enum config_type type, const char *text,
	struct config_value *out, char *why)
{
	struct slice s = trim(text);
	switch (type) {
	case CONFIG_BOOLEAN:
		out->b = equals_fold(s, "true");
		if (!out->b && !equals_fold(s, "false"))
			return say(why, name, text, "Expected value to be either true or false");
		return 0;
	case CONFIG_INT:
	case CONFIG_SHORT:
	case CONFIG_LONG:
	case CONFIG_DOUBLE:
		if (parse_number(type, s, out) == 0)
			return 0;
		snprintf(why, LIMIT_WHY_BYTES,
			"Invalid value %s for configuration %s: Not a number of type %s", text, name,
			config_type_name(type));
		return -1;
	case CONFIG_LIST:
		if (parse_list(a, s, &out->list) == 0)
			return 0;
		break;
	case CONFIG_STRING:
	case CONFIG_CLASS:
	case CONFIG_PASSWORD:
	case CONFIG_UNKNOWN:
	default:
		out->s = arena_strdup(a, s);
		if (out->s)
			return 0;
		break;
	}
	snprintf(why, LIMIT_WHY_BYTES, "The value of configuration %s is too large", name);
	return -1;
}

/* ---- checking ---- */

/* Whether `word` is one of "a, b, c". */
static bool is_named(const char *names, const char *word, bool fold)
{
	size_t n = strlen(word);
	for (const char *p = names; p; p = strstr(p, ", ") ? strstr(p, ", ") + 2 : NULL) {
		size_t length = strcspn(p, ",");
		if (length == n && (fold ? strncasecmp(p, word, n) : strncmp(p, word, n)) == 0)
			return true;
	}
	return false;
}

static int check_named(const char *name, const struct config_limit *limit, const char *word, char *why)
{
	bool fold = limit->kind == LIMIT_NAMES_FOLD;
	if (word && is_named(limit->names, word, fold))
		return 0;
	snprintf(why, LIMIT_WHY_BYTES, "Invalid value %s for configuration %s: String must be one of%s: %s",
		word ? word : "null", name, fold ? " (case insensitive)" : "", limit->names);
	return -1;
}

static void number_text(double d, char out[NUMBER_BYTES])
{
	snprintf(out, NUMBER_BYTES, d == floor(d) ? "%.0f" : "%g", d);
}

static int check_range(struct arena *a, const char *name, enum config_type type,
	const struct config_limit *limit, const struct config_value *v, char *why)
{
	if (v->null)
		return say(why, name, "null", "Value must be non-null");
	double d = type == CONFIG_DOUBLE ? v->d : (double)v->i;
	if (!(d < limit->min) && !(d > limit->max)) /* NaN is let through, as in Java */
		return 0;
	char bound[NUMBER_BYTES], what[NUMBER_BYTES + 32];
	number_text(d < limit->min ? limit->min : limit->max, bound);
	snprintf(what, sizeof what, "Value must be %s %s", d < limit->min ? "at least" : "no more than",
		bound);
	return say(why, name, config_value_text(a, type, v), what);
}

/* digits:digits, or nothing */
static bool is_replica(const char *s)
{
	if (!*s)
		return true;
	size_t partition = strspn(s, "0123456789");
	if (partition == 0 || s[partition] != ':')
		return false;
	const char *broker = s + partition + 1;
	size_t n = strspn(broker, "0123456789");
	return n > 0 && broker[n] == '\0';
}

static int check_replicas(const char *name, const struct config_list *list, char *why)
{
	uint32_t bad = 0, stars = 0, others = 0;
	for (uint32_t i = 0; i < list->n; i++) {
		bad += !is_replica(list->v[i]);
		stars += strcmp(list->v[i], "*") == 0;
		others += strcmp(list->v[i], "*") != 0 && *list->v[i];
	}
	if (!bad || (stars == 1 && !others))
		return 0;
	char text[LIMIT_WHY_BYTES / 2] = "";
	for (uint32_t i = 0, at = 0; i < list->n && at < sizeof text; i++)
		at += (uint32_t)snprintf(text + at, sizeof text - at, "%s%s", i ? ", " : "", list->v[i]);
	snprintf(why, LIMIT_WHY_BYTES,
		"Invalid value [%s] for configuration %s: %s must be the literal '*' or a list of replicas "
		"in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
		text, name, name);
	return -1;
}

static int check_ibp(const char *name, const char *text, char *why)
{
	if (ibp_parse(text) >= 0)
		return 0;
	snprintf(why, LIMIT_WHY_BYTES,
		"Invalid value %s for configuration %s: Version %s is not a valid version", text, name, text);
	return -1;
}

static int check_number(struct arena *a, const char *name, enum config_type type,
	const struct config_limit *limit, const struct config_value *v, char *why)
{
	if (limit->kind == LIMIT_GZIP_LEVEL && v->i != -1 && (v->i < 1 || v->i > 9))
		return say(why, name, config_value_text(a, type, v),
			"Value must be between 1 and 9 or equal to -1");
	if (limit->kind == LIMIT_POOL_SIZE && v->i != -1 && v->i < 1)
		return say(why, name, config_value_text(a, type, v), "Value can be -1 or greater than 0");
	return 0;
}

static int check(struct arena *a, const char *name, enum config_type type, const struct config_limit *limit,
	const struct config_value *v, char *why)
{
	switch (limit->kind) {
	case LIMIT_RANGE:
		return check_range(a, name, type, limit, v, why);
	case LIMIT_NAMES:
	case LIMIT_NAMES_FOLD:
		return check_named(name, limit, v->null ? NULL : v->s, why);
	case LIMIT_LIST_NAMES:
		for (uint32_t i = 0; i < v->list.n; i++)
			if (check_named(name, limit, v->list.v[i], why) != 0)
				return -1;
		return 0;
	case LIMIT_NOT_NULL:
		return v->null ? say(why, name, "null", "entry must be non null") : 0;
	case LIMIT_NOT_EMPTY:
		return !v->null && !*v->s ? say(why, name, "", "String must be non-empty") : 0;
	case LIMIT_GZIP_LEVEL:
	case LIMIT_POOL_SIZE:
		return check_number(a, name, type, limit, v, why);
	case LIMIT_IBP:
		return check_ibp(name, v->null ? "null" : v->s, why);
	case LIMIT_REPLICAS:
		return check_replicas(name, &v->list, why);
	case LIMIT_LIST_NOT_EMPTY:
	case LIMIT_NONE:
	default:
		return 0;
	}
}

int config_value_parse(struct arena *a, const char *name, enum config_type type,
	const struct config_limit *limit, const char *text, struct config_value *out, char *why)
{
	must(name && limit && why);
	*out = (struct config_value){ .null = text == NULL, .list = { NULL, 0 } };
	if (text && parse(a, name, type, text, out, why) != 0)
		return -1;
	return check(a, name, type, limit, out, why);
}

/* ---- printing ---- */

/* Double.toString: the fewest digits that read back the same, plain between 10^-3 and 10^7. */
static const char *double_text(struct arena *a, double d)
{
	if (isnan(d))
		return "NaN";
	if (isinf(d))
		return d < 0 ? "-Infinity" : "Infinity";
	char digits[NUMBER_BYTES];
	int precision = 0; /* digits behind the first */
	do {
		snprintf(digits, sizeof digits, "%.*e", precision, d);
	} while (strtod(digits, NULL) != d && ++precision < 17);
	int exponent = (int)strtol(strchr(digits, 'e') + 1, NULL, 10);
	if (d == 0 || (exponent >= -3 && exponent < 7))
		return arena_printf(a, "%.*f", max_of(precision - exponent, 1), d);
	return arena_printf(a, "%.*s%sE%d", (int)strcspn(digits, "e"), digits, precision == 0 ? ".0" : "",
		exponent);
}

static const char *list_text(struct arena *a, const struct config_list *list)
{
	size_t n = 1;
	for (uint32_t i = 0; i < list->n; i++)
		n += strlen(list->v[i]) + 1;
	char *text = arena_alloc(a, n), *p = text;
	for (uint32_t i = 0; text && i < list->n; i++)
		p += snprintf(p, n - (size_t)(p - text), "%s%s", i ? "," : "", list->v[i]);
	return text;
}

const char *config_value_text(struct arena *a, enum config_type type, const struct config_value *v)
{
	if (v->null)
		return NULL;
	switch (type) {
	case CONFIG_BOOLEAN:
		return v->b ? "true" : "false";
	case CONFIG_INT:
	case CONFIG_SHORT:
	case CONFIG_LONG:
		return arena_printf(a, "%lld", (long long)v->i);
	case CONFIG_DOUBLE:
		return double_text(a, v->d);
	case CONFIG_LIST:
		return list_text(a, &v->list);
	case CONFIG_STRING:
	case CONFIG_CLASS:
	case CONFIG_PASSWORD:
	case CONFIG_UNKNOWN:
	default:
		return v->s;
	}
}

static const char *range_text(struct arena *a, const struct config_limit *limit)
{
	char low[NUMBER_BYTES], high[NUMBER_BYTES];
	number_text(limit->min, low);
	if (isinf(limit->max))
		return arena_printf(a, "[%s,...]", low);
	number_text(limit->max, high);
	return arena_printf(a, "[%s,...,%s]", low, high);
}

static const char *ibp_limit_text(struct arena *a)
{
	char text[LIMIT_WHY_BYTES];
	size_t at = 0;
	for (int v = 0; v < IBP_COUNT; v++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", v ? ", " : "",
			ibp_name((enum ibp)v));
	must(at < sizeof text);
	return arena_printf(a, "[%s]", text);
}

const char *config_limit_text(struct arena *a, const struct config_limit *limit)
{
	switch (limit->kind) {
	case LIMIT_RANGE:
		return range_text(a, limit);
	case LIMIT_NAMES:
	case LIMIT_LIST_NAMES:
		return arena_printf(a, "[%s]", limit->names);
	case LIMIT_NAMES_FOLD:
		return arena_printf(a, "(case insensitive) [%s]", limit->names);
	case LIMIT_NOT_NULL:
		return "non-null string";
	case LIMIT_NOT_EMPTY:
		return "non-empty string";
	case LIMIT_LIST_NOT_EMPTY:
		return "non-empty list";
	case LIMIT_GZIP_LEVEL:
		return "[1,...,9] or -1";
	case LIMIT_POOL_SIZE:
		return "-1 or [1,...]";
	case LIMIT_IBP:
		return ibp_limit_text(a);
	case LIMIT_REPLICAS:
		return "[partitionId]:[brokerId],[partitionId]:[brokerId],...";
	case LIMIT_NONE:
	default:
		return "";
	}
}
