/* listeners.c - see listeners.h. */
#include "broker/config/listeners.h"

#include "broker/base/must.h"
#include "broker/base/slice.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

static const char *const protocol_names[LISTENER_PROTOCOLS] = { "PLAINTEXT", "SSL", "SASL_PLAINTEXT",
	"SASL_SSL" };

const char *listener_protocol_name(enum listener_protocol p)
{
	must(p < LISTENER_PROTOCOLS);
	return protocol_names[p];
}

/* -1 when there is none such. */
static int parse_protocol(const char *name)
{
	for (int p = 0; p < LISTENER_PROTOCOLS; p++)
		if (strcasecmp(protocol_names[p], name) == 0)
			return p;
	return -1;
}

const struct listener *listeners_find(const struct listeners *ls, const char *name)
{
	for (uint32_t i = 0; i < ls->n; i++)
		if (strcasecmp(ls->v[i].name, name) == 0)
			return &ls->v[i];
	return NULL;
}

const char *listener_text(struct arena *a, const struct listener *l)
{
	const char *host = l->host ? l->host : "";
	if (strchr(host, ':'))
		return arena_printf(a, "%s://[%s]:%u", l->name, host, l->port);
	return arena_printf(a, "%s://%s:%u", l->name, host, l->port);
}

/* ---- pieces of text ---- */

/* The next piece of "a , b": trimmed; empty ones are skipped, as Kafka does. NULL at the end. */
static const char *next_item(struct arena *a, const char **rest)
{
	const char *p = *rest;
	p += strspn(p, ", \t\r\n\f\v");
	size_t n = strcspn(p, ",");
	*rest = p + n;
	while (n > 0 && isspace((unsigned char)p[n - 1]))
		n--;
	return n ? arena_strdup(a, slice_of(p, n)) : NULL;
}

static const char *upper(struct arena *a, struct slice s)
{
	char *copy = arena_strdup(a, s);
	for (char *p = copy; p && *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return copy;
}

static struct slice without_blanks(const char *p, size_t n)
{
	while (n > 0 && isspace((unsigned char)*p))
		p++, n--;
	while (n > 0 && isspace((unsigned char)p[n - 1]))
		n--;
	return slice_of(p, n);
}

/* ---- listener.security.protocol.map ---- */

int listener_map_find(const struct listener_map *map, const char *name)
{
	for (uint32_t i = 0; i < map->n; i++)
		if (strcasecmp(map->v[i].name, name) == 0)
			return (int)map->v[i].protocol;
	return -1;
}

/* "NAME:PROTOCOL"; the last colon parts them. */
static int parse_mapping(struct arena *a, const char *item, struct listener_map *out,
	struct problems *problems)
{
	const char *colon = strrchr(item, ':');
	if (!colon || colon == item) {
		problem_error(problems, "'%s' is not of the form NAME:PROTOCOL", item);
		return -1;
	}
	int protocol = parse_protocol(colon + 1 + strspn(colon + 1, " \t"));
	if (protocol < 0) {
		problem_error(problems,
			"Invalid security protocol `%s`; allowed: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
			colon + 1);
		return -1;
	}
	const char *name = upper(a, without_blanks(item, (size_t)(colon - item)));
	for (uint32_t i = 0; i < out->n; i++)
		if (strcmp(out->v[i].name, name) == 0) { /* the last one counts */
			out->v[i].protocol = (enum listener_protocol)protocol;
			return 0;
		}
	if (out->n == LISTENERS_MAX) {
		problem_error(problems, "more than %d names", LISTENERS_MAX);
		return -1;
	}
	out->v[out->n].name = name;
	out->v[out->n++].protocol = (enum listener_protocol)protocol;
	return 0;
}

int listener_map_parse(struct arena *a, const char *text, struct listener_map *out, struct problems *problems)
{
	int result = 0;
	out->n = 0;
	for (const char *item; (item = next_item(a, &text)) != NULL;)
		if (parse_mapping(a, item, out, problems) != 0)
			result = -1;
	return result;
}

/* ---- listeners ---- */

static bool is_host_byte(int c)
{
	return isalnum(c) || c == '-' || c == '%' || c == '.' || c == '_' || c == ':';
}

/* ":9092" behind the host, up to the end. */
static int parse_port(const char *p, uint16_t *port)
{
	char *end;
	if (*p++ != ':' || !isdigit((unsigned char)*p))
		return -1;
	long value = strtol(p, &end, 10);
	if (*end || value > UINT16_MAX)
		return -1;
	*port = (uint16_t)value;
	return 0;
}

/* "NAME://[host]:port"; the brackets, and the host, may be missing. */
static int parse_endpoint(struct arena *a, const char *item, struct listener *out)
{
	const char *mark = strstr(item, "://");
	const char *colon = strrchr(item, ':');
	if (!mark || mark == item || colon <= mark || mark - item > LISTENER_NAME_BYTES)
		return -1;
	struct slice host = slice_of(mark + 3, (size_t)max_of(colon - mark - 3, 0));
	if (host.n > 0 && host.p[0] == '[')
		host.p++, host.n--;
	if (host.n > 0 && host.p[host.n - 1] == ']')
		host.n--;
	for (uint32_t i = 0; i < host.n; i++)
		if (!is_host_byte(host.p[i]))
			return -1;
	if (parse_port(colon, &out->port) != 0)
		return -1;
	out->name = upper(a, slice_of(item, (size_t)(mark - item)));
	out->host = host.n ? arena_strdup(a, host) : NULL;
	return 0;
}

static bool is_ipv6(const char *host)
{
	return host && strchr(host, ':') != NULL;
}

static bool is_ipv4(const char *host)
{
	return host && *host && host[strspn(host, "0123456789.")] == '\0';
}

/* Two listeners may share a port only as IPv4 and IPv6 addresses. Port 0 is any free one. */
static bool ports_clash(const struct listener *x, const struct listener *y)
{
	if (x->port == 0 || x->port != y->port)
		return false;
	return !((is_ipv4(x->host) && is_ipv6(y->host)) || (is_ipv6(x->host) && is_ipv4(y->host)));
}

static int check_against(const struct listeners *before, const struct listener *l, bool distinct_ports,
	struct problems *problems)
{
	for (uint32_t i = 0; i < before->n; i++) {
		const struct listener *other = &before->v[i];
		if (strcmp(other->name, l->name) == 0) {
			problem_error(problems,
				"Each listener must have a different name, and %s stands twice", l->name);
			return -1;
		}
		if (distinct_ports && ports_clash(other, l)) {
			problem_error(problems,
				"Each listener must have a different port unless one has an IPv4 address and "
				"the other an IPv6 address; %s and %s share port %u",
				other->name, l->name, l->port);
			return -1;
		}
	}
	return 0;
}

static int add_listener(struct arena *a, const char *item, const struct listener_map *map,
	bool distinct_ports, struct listeners *out, struct problems *problems)
{
	struct listener l = { 0 };
	if (parse_endpoint(a, item, &l) != 0) {
		problem_error(problems,
			"Unable to parse %s to a broker endpoint; write NAME://host:port, with an IPv6 "
			"address in brackets",
			item);
		return -1;
	}
	int protocol = listener_map_find(map, l.name);
	if (protocol < 0) {
		problem_error(problems,
			"No security protocol defined for listener %s; add %s:PLAINTEXT or another protocol "
			"to listener.security.protocol.map",
			l.name, l.name);
		return -1;
	}
	l.protocol = (enum listener_protocol)protocol;
	if (check_against(out, &l, distinct_ports, problems) != 0)
		return -1;
	if (out->n == LISTENERS_MAX) {
		problem_error(problems, "more than %d listeners", LISTENERS_MAX);
		return -1;
	}
	out->v[out->n++] = l;
	return 0;
}

int listeners_parse(struct arena *a, const char *text, const struct listener_map *map, bool distinct_ports,
	struct listeners *out, struct problems *problems)
{
	int result = 0;
	out->n = 0;
	for (const char *item; (item = next_item(a, &text)) != NULL;)
		if (add_listener(a, item, map, distinct_ports, out, problems) != 0)
			result = -1;
	return result;
}
