/* message_format.c - see message_format.h
 *
 * Facts: DefaultMessageFormatter, LoggingMessageFormatter, ApiMessageFormatter and those on it, of 3.9.
 */
#include "tools/message_format.h"

#include "broker/base/bytes.h"
#include "broker/base/must.h"
#include "broker/base/utf8.h"
#include "broker/protocol/kmsg.h"
#include "tools/message_log.h"
#include "tools/out.h"
#include "tools/kafka_words.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- what to show ---- */

static const struct {
	const char *class;
	enum format_kind kind;
	const char *instead; /* of an old name */
} formatters[] = {
#define HERE "org.apache.kafka.tools.consumer."
	{ HERE "DefaultMessageFormatter", FORMAT_DEFAULT, NULL },
	{ HERE "LoggingMessageFormatter", FORMAT_LOGGING, NULL },
	{ HERE "NoOpMessageFormatter", FORMAT_NO_OP, NULL },
	{ HERE "OffsetsMessageFormatter", FORMAT_OFFSETS, NULL },
	{ HERE "GroupMetadataMessageFormatter", FORMAT_GROUPS, NULL },
	{ HERE "TransactionLogMessageFormatter", FORMAT_TXNS, NULL },
	{ "kafka.tools.DefaultMessageFormatter", FORMAT_DEFAULT, HERE "DefaultMessageFormatter" },
	{ "kafka.tools.LoggingMessageFormatter", FORMAT_LOGGING, HERE "LoggingMessageFormatter" },
	{ "kafka.tools.NoOpMessageFormatter", FORMAT_NO_OP, HERE "NoOpMessageFormatter" },
	{ "kafka.coordinator.transaction.TransactionLog$TransactionLogMessageFormatter", FORMAT_TXNS_OLD,
		HERE "TransactionLogMessageFormatter" },
	{ "kafka.coordinator.group.GroupMetadataManager$OffsetsMessageFormatter", FORMAT_OFFSETS_OLD,
		HERE "OffsetsMessageFormatter" },
	{ "kafka.coordinator.group.GroupMetadataManager$GroupMetadataMessageFormatter", FORMAT_GROUPS_OLD,
		HERE "GroupMetadataMessageFormatter" },
#undef HERE
};

static const struct { const char *class; enum format_type type; size_t bytes; } types[] = {
	{ "StringDeserializer", FORMAT_STRING, 0 }, { "IntegerDeserializer", FORMAT_INTEGER, 4 },
	{ "LongDeserializer", FORMAT_LONG, 8 }, { "ShortDeserializer", FORMAT_SHORT, 2 },
	{ "DoubleDeserializer", FORMAT_DOUBLE, 8 }, { "FloatDeserializer", FORMAT_FLOAT, 4 },
	{ "BooleanDeserializer", FORMAT_BOOLEAN, 1 }, { "UUIDDeserializer", FORMAT_UUID, 36 },
	{ "VoidDeserializer", FORMAT_VOID, 0 }, { "ByteArrayDeserializer", FORMAT_BYTES, 0 },
};

static enum format_type type_of(const struct properties *p, const char *name)
{
	static const char package[] = "org.apache.kafka.common.serialization.";
	const char *class = words_get(p, name);
	size_t n = sizeof package - 1;
	if (!class)
		return FORMAT_BYTES;
	for (size_t i = 0; i < countof(types); i++) {
		if (strncmp(class, package, n) == 0 && strcmp(class + n, types[i].class) == 0)
			return types[i].type;
	}
	words_log("ERROR", "Unable to instantiate a deserializer from %s", class);
	return FORMAT_BYTES;
}

static struct slice bytes_or(const struct properties *p, const char *name, const char *fallback)
{
	const char *value = words_get(p, name);
	return slice_str(value ? value : fallback);
}

int message_format_init(struct tool *t, struct message_format *f, const char *class,
	const struct properties *p)
{
	size_t i = 0;
	while (i < countof(formatters) && strcmp(formatters[i].class, class) != 0)
		i++;
	if (i == countof(formatters))
		return tool_fail(t, "ClassNotFoundException", "%s", class);
	if (formatters[i].instead)
		complain("WARNING: %s is deprecated and will be removed in the next major release. Please "
			"use %s instead\n", class, formatters[i].instead);
	*f = (struct message_format){ .kind = formatters[i].kind,
		.timestamp = words_truth(p, "print.timestamp", false), .key = words_truth(p,
			"print.key", false),
		.offset = words_truth(p, "print.offset", false), .partition = words_truth(p,
		"print.partition", false), .headers = words_truth(p, "print.headers", false),
		.value = words_truth(p, "print.value", true), .key_separator = bytes_or(p, "key.separator",
		"\t"), .line_separator = bytes_or(p, "line.separator", "\n"), .headers_separator = bytes_or(p,
		"headers.separator", ","), .null_literal = bytes_or(p, "null.literal", "null"),
		.key_type = type_of(p, "key.deserializer"), .value_type = type_of(p, "value.deserializer"),
		.headers_type = type_of(p, "headers.deserializer") };
	return 0;
}

/* ---- values ---- */

/* As Java prints a double or a float: the shortest digits that mean it, with a point. */
static void add_real(struct text *out, double x, bool is_float)
{
	char digits[40], *e;
	if (x != x || x > 1.7976931348623157e308 || x < -1.7976931348623157e308) {
		text_add(out, "%s", x != x ? "NaN" : x > 0 ? "Infinity" : "-Infinity");
		return;
	}
	for (int n = 1; n <= 17; n++) {
		snprintf(digits, sizeof digits, "%.*e", n - 1, x);
		if (is_float ? strtof(digits, NULL) == (float)x : strtod(digits, NULL) == x)
			break;
	}
	int exponent = (e = strchr(digits, 'e')) ? (int)strtol(e + 1, NULL, 10) : 0;
	int places = (int)(e - digits) - (digits[0] == '-') - 1;
	places = places > 0 ? places - 1 : 0; /* behind the point */
	if (x == 0 || (exponent >= -3 && exponent < 7))
		text_add(out, "%.*f", max_of(places - exponent, 1), x);
	else if (places == 0)
		text_add(out, "%.*s.0E%d", (int)(e - digits), digits, exponent);
	else
		text_add(out, "%.*sE%d", (int)(e - digits), digits, exponent);
}

static float float_of(uint32_t bits)
{
	float x;
	memcpy(&x, &bits, sizeof x);
	return x;
}

static double double_of(uint64_t bits)
{
	double x;
	memcpy(&x, &bits, sizeof x);
	return x;
}

static void add_number(struct text *out, enum format_type type, const uint8_t *p)
{
	switch (type) {
	case FORMAT_INTEGER:
		text_add(out, "%d", (int32_t)get_be32(p));
		return;
	case FORMAT_LONG:
		text_add(out, "%" PRId64, (int64_t)get_be64(p));
		return;
	case FORMAT_SHORT:
		text_add(out, "%d", (int16_t)get_be16(p));
		return;
	case FORMAT_DOUBLE:
		add_real(out, double_of(get_be64(p)), false);
		return;
	case FORMAT_FLOAT:
		add_real(out, (double)float_of(get_be32(p)), true);
		return;
	default:
		must(type == FORMAT_BOOLEAN);
		text_add(out, "%s", *p ? "true" : "false");
	}
}

/* Kafka reads the null literal too as what it stands for. */
static int add_value(struct tool *t, const struct message_format *f, struct text *out, enum format_type type,
	struct slice bytes)
{
	struct slice shown = bytes.p ? bytes : f->null_literal;
	size_t i = 0;
	while (types[i].type != type)
		i++;
	if (type == FORMAT_VOID)
		return tool_fail(t, "IllegalArgumentException", "Data should be null for a "
			"VoidDeserializer.");
	if (types[i].bytes && types[i].bytes != shown.n)
		return tool_fail(t, "SerializationException", "Size of data received by %s is not %zu",
			types[i].class, types[i].bytes);
	if (type == FORMAT_BYTES)
		text_bytes(out, shown);
	else if (type == FORMAT_STRING || type == FORMAT_UUID)
		text_utf8(out, shown);
	else
		add_number(out, type, shown.p);
	return 0;
}

/* ---- a record ---- */

static void separate(const struct message_format *f, struct text *out, bool more)
{
	text_bytes(out, more ? f->key_separator : f->line_separator);
}

static int add_headers(struct tool *t, const struct message_format *f, struct text *out,
	const struct kafka_record *r)
{
	if (r->n_headers == 0)
		text_add(out, "NO_HEADERS");
	for (unsigned i = 0; i < r->n_headers; i++) {
		text_add(out, "%s:", r->headers[i].key);
		if (add_value(t, f, out, f->headers_type, r->headers[i].value) < 0)
			return -1;
		if (i + 1 < r->n_headers)
			text_bytes(out, f->headers_separator);
	}
	return 0;
}

static void add_timestamp(struct text *out, const struct kafka_record *r, const char *none)
{
	if (r->timestamp_type == KAFKA_NO_TIMESTAMP)
		text_add(out, "%s", none);
	else
		text_add(out, "%s:%" PRId64, r->timestamp_type == KAFKA_CREATE_TIME ? "CreateTime" :
			"LogAppendTime", r->timestamp);
}

static int add_plain(struct tool *t, const struct message_format *f, struct text *out,
	const struct kafka_record *r)
{
	if (f->timestamp) {
		add_timestamp(out, r, "NO_TIMESTAMP");
		separate(f, out, f->offset || f->partition || f->headers || f->key || f->value);
	}
	if (f->partition) {
		text_add(out, "Partition:%d", r->place.partition);
		separate(f, out, f->offset || f->headers || f->key || f->value);
	}
	if (f->offset) {
		text_add(out, "Offset:%" PRId64, r->place.offset);
		separate(f, out, f->headers || f->key || f->value);
	}
	if (f->headers) {
		if (add_headers(t, f, out, r) < 0)
			return -1;
		separate(f, out, f->key || f->value);
	}
	if (f->key) {
		if (add_value(t, f, out, f->key_type, r->key) < 0)
			return -1;
		separate(f, out, f->value);
	}
	if (f->value) {
		if (add_value(t, f, out, f->value_type, r->value) < 0)
			return -1;
		text_bytes(out, f->line_separator);
	}
	return 0;
}

static void log_record(const struct kafka_record *r)
{
	struct text line = { 0 };
	add_timestamp(&line, r, "");
	text_add(&line, "%skey:", line.n ? ", " : "");
	if (r->key.p)
		text_utf8(&line, r->key);
	text_add(&line, r->key.p ? ", value:" : "null value:");
	if (r->value.p)
		text_utf8(&line, r->value);
	else
		text_add(&line, "null");
	words_log("INFO", "%s", line.s);
	text_free(&line);
}

/* Text as it is, other bytes in base64 under the other name: no reader mistakes one for the other. */
static void json_bytes(struct kdump *k, const char *name, const char *name_of_base64, struct slice x)
{
	uint32_t i = 0;
	unsigned width;
	while (i < x.n && (width = utf8_width(x.p + i, x.n - i)))
		i += width;
	if (i < x.n)
		kdump_bytes(k, name_of_base64, x);
	else
		kdump_nullable_string(k, name, x);
}

/* 0, or -1 and the failure is set: it is longer than a text of JSON may be here. */
static int add_json(struct tool *t, struct text *out, const struct kafka_record *r)
{
	static const char *const times[] = { [KAFKA_NO_TIMESTAMP] = NULL,
		[KAFKA_CREATE_TIME] = "CreateTime", [KAFKA_LOG_APPEND_TIME] = "LogAppendTime" };
	struct kdump k;
	kdump_init(&k, KDUMP_MAX_BYTES);
	kdump_begin(&k, NULL);
	kdump_string(&k, "topic", slice_str(r->place.topic));
	kdump_int(&k, "partition", r->place.partition);
	kdump_int(&k, "offset", r->place.offset);
	if (times[r->timestamp_type]) {
		kdump_int(&k, "timestamp", r->timestamp);
		kdump_string(&k, "timestamp_type", slice_str(times[r->timestamp_type]));
	} else {
		kdump_null(&k, "timestamp");
		kdump_null(&k, "timestamp_type");
	}
	json_bytes(&k, "key", "key_base64", r->key);
	json_bytes(&k, "value", "value_base64", r->value);
	kdump_array(&k, "headers", (int32_t)r->n_headers);
	for (unsigned i = 0; i < r->n_headers; i++) {
		kdump_begin(&k, NULL);
		json_bytes(&k, "key", "key_base64", slice_str(r->headers[i].key));
		json_bytes(&k, "value", "value_base64", r->headers[i].value);
		kdump_end(&k);
	}
	kdump_array_end(&k, (int32_t)r->n_headers);
	kdump_end(&k);
	bool cut = k.n == k.max;
	if (!cut)
		text_add(out, "%s\n", k.text);
	kdump_free(&k);
	return cut ? tool_fail(t, "SerializationException", "The record is too large for a line of JSON") : 0;
}

int message_format_add(struct tool *t, const struct message_format *f, struct text *out,
	const struct kafka_record *r)
{
	switch (f->kind) {
	case FORMAT_NO_OP:
		return 0;
	case FORMAT_DEFAULT:
		return add_plain(t, f, out, r);
	case FORMAT_LOGGING:
		if (add_plain(t, f, out, r) < 0)
			return -1;
		log_record(r);
		return 0;
	case FORMAT_JSON:
		return add_json(t, out, r);
	default:
		return message_log_add(t, f->kind, out, r);
	}
}
