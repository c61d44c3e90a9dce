/* line_reader.c - see line_reader.h */
#define _GNU_SOURCE /* memmem */
#include "tools/line_reader.h"

#include "broker/base/must.h"
#include "tools/kafka_words.h"

#include <inttypes.h>

static struct slice text_or(const struct properties *p, const char *name, const char *fallback)
{
	const char *value = words_get(p, name);
	return slice_str(value ? value : fallback);
}

static int same(struct tool *t, struct slice a, struct slice b, const char *names)
{
	return slice_eq(a, b) ? tool_fail(t, "KafkaException", "%s may not be equal", names) : 0;
}

int line_reader_init(struct tool *t, struct line_reader *r, const char *topic, const struct properties *p)
{
	*r = (struct line_reader){ .topic = topic, .parse_key = words_truth(p, "parse.key", false),
		.parse_headers = words_truth(p, "parse.headers", false),
		.ignore_error = words_truth(p, "ignore.error", false),
		.key_separator = text_or(p, "key.separator", "\t"),
		.headers_delimiter = text_or(p, "headers.delimiter", "\t"),
		.headers_separator = text_or(p, "headers.separator", ","),
		.headers_key_separator = text_or(p, "headers.key.separator", ":"),
		.null_marker = text_or(p, "null.marker", NULL) };
	const struct { struct slice a, b; const char *names; } differ[] = {
		{ r->headers_delimiter, r->headers_separator, "headers.delimiter and headers.separator" },
		{ r->headers_delimiter, r->headers_key_separator,
		"headers.delimiter and headers.key.separator" }, { r->headers_separator,
		r->headers_key_separator, "headers.separator and headers.key.separator" }, { r->null_marker,
		r->key_separator, "null.marker and key.separator" }, { r->null_marker, r->headers_separator,
		"null.marker and headers.separator" }, { r->null_marker, r->headers_delimiter,
		"null.marker and headers.delimiter" }, { r->null_marker, r->headers_key_separator,
		"null.marker and headers.key.separator" },
	};
	for (size_t i = 0; i < countof(differ); i++) {
		if (same(t, differ[i].a, differ[i].b, differ[i].names) < 0)
			return -1;
	}
	return 0;
}

/* Where `what` begins in `s`; -1 nowhere. */
static int64_t find(struct slice s, struct slice what)
{
	const uint8_t *at = memmem(s.p, s.n, what.p, what.n);
	return at ? at - s.p : -1;
}

/* Takes what stands before a separator from the front of `rest`. Null when it is not wanted, or missing and
 * that does not matter. */
static int take(struct tool *t, const struct line_reader *r, bool wanted, struct slice line,
	struct slice *rest, struct slice separator, const char *name, struct slice *out)
{
	int64_t at = wanted ? find(*rest, separator) : -1;
	*out = SLICE_NULL;
	if (wanted && at < 0 && !r->ignore_error)
		return tool_fail(t, "KafkaException", "No %s found on line number %" PRIu64 ": '%.*s'", name,
			r->line_number, SLICE_ARGS(line));
	if (at >= 0) {
		*out = slice_of(rest->p, (size_t)at);
		*rest = slice_of(rest->p + at + separator.n, rest->n - (size_t)at - separator.n);
	}
	return 0;
}

static struct slice unless_null(const struct line_reader *r, struct slice s)
{
	return r->null_marker.p && slice_eq(s, r->null_marker) ? SLICE_NULL : s;
}

static int add_header(struct tool *t, struct line_reader *r, struct slice pair, struct kafka_record *out)
{
	int64_t at = find(pair, r->headers_key_separator);
	if (at < 0 && !r->ignore_error)
		return tool_fail(t, "KafkaException", "No header key separator found in pair '%.*s' on line "
			"number %" PRIu64, SLICE_ARGS(pair), r->line_number);
	struct slice key = slice_of(pair.p, at < 0 ? pair.n : (size_t)at), value = SLICE_NULL;
	if (at >= 0) {
		if (r->null_marker.p && slice_eq(key, r->null_marker))
			return tool_fail(t, "KafkaException", "Header keys should not be equal to the null "
				"marker '%.*s' as they can't be null", SLICE_ARGS(key));
		value = unless_null(r, slice_of(pair.p + at + r->headers_key_separator.n,
			pair.n - (size_t)at - r->headers_key_separator.n));
	}
	if (out->n_headers == KAFKA_HEADERS_MAX)
		return tool_fail(t, "KafkaException", "More than %d headers on line number %" PRIu64,
			KAFKA_HEADERS_MAX, r->line_number);
	/* Behind the key stands a separator, or the zero behind the line: the key can end where it is. */
	((char *)(uintptr_t)key.p)[key.n] = 0;
	r->headers[out->n_headers++] = (struct kafka_header){ (const char *)key.p, value };
	return 0;
}

/* Empty ones at the end are none, as for Java's split(). */
static int split_headers(struct tool *t, struct line_reader *r, struct slice all, struct kafka_record *out)
{
	while (r->headers_separator.n && all.n >= r->headers_separator.n &&
		memcmp(all.p + all.n - r->headers_separator.n, r->headers_separator.p,
		r->headers_separator.n) == 0) all.n -= r->headers_separator.n;
	for (;;) {
		int64_t at = r->headers_separator.n ? find(all, r->headers_separator) : -1;
		if (add_header(t, r, slice_of(all.p, at < 0 ? all.n : (size_t)at), out) < 0)
			return -1;
		if (at < 0)
			return 0;
		all = slice_of(all.p + at + r->headers_separator.n,
			all.n - (size_t)at - r->headers_separator.n);
	}
}

int line_reader_record(struct tool *t, struct line_reader *r, struct slice line, struct kafka_record *out)
{
	struct slice rest = line, headers, key;
	must(line.p != NULL);
	r->line_number++;
	*out = (struct kafka_record){ .place = { r->topic, -1, 0 }, .headers = r->headers };
	if (take(t, r, r->parse_headers, line, &rest, r->headers_delimiter, "headers delimiter",
		&headers) < 0 || take(t, r, r->parse_key, line, &rest, r->key_separator, "key separator",
		&key) < 0)
		return -1;
	out->key = unless_null(r, key);
	out->value = unless_null(r, rest);
	if (slice_is_null(headers) || slice_is_null(unless_null(r, headers)))
		return 0;
	return split_headers(t, r, headers, out);
}
