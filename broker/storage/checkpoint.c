/* checkpoint.c - see checkpoint.h */
#include "broker/storage/checkpoint.h"

#include "broker/base/must.h"
#include "broker/storage/file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	HEADER_ROOM = 32,   /* version and count, put before the entries when these are counted */
	FIRST_ROOM = 1024,
	NUMBER_DIGITS_MAX = 19,
};

/* ---- read ---- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

int checkpoint_number(struct slice field, int64_t *out)
{
	bool minus = field.n > 0 && field.p[0] == '-';
	uint32_t i = minus;
	if (field.n == i || field.n - i > NUMBER_DIGITS_MAX)
		return -EBADMSG;
	uint64_t v = 0;
	for (; i < field.n; i++) {
		if (field.p[i] < '0' || field.p[i] > '9')
			return -EBADMSG;
		v = v * 10 + (uint64_t)(field.p[i] - '0');
	}
	if (v > INT64_MAX)
		return -EBADMSG;
	*out = minus ? -(int64_t)v : (int64_t)v;
	return 0;
}

/* Takes a line off the front of `text`. */
static bool next_line(struct slice *text, struct slice *line)
{
	if (text->n == 0)
		return false;
	const uint8_t *end = memchr(text->p, '\n', text->n);
	uint32_t n = end ? (uint32_t)(end - text->p) : text->n;
	*line = slice_of(text->p, n);
	*text = slice_of(text->p + n + (end != NULL), text->n - n - (end != NULL));
	return true;
}

/* How many fields the line has; those that fit are in `fields`. */
static unsigned split(struct slice line, struct slice fields[CHECKPOINT_FIELDS_MAX])
{
	unsigned n = 0;
	for (uint32_t i = 0; i < line.n;) {
		uint32_t from = i;
		while (i < line.n && !is_blank(line.p[i]))
			i++;
		if (i > from && n++ < CHECKPOINT_FIELDS_MAX)
			fields[n - 1] = slice_of(line.p + from, i - from);
		while (i < line.n && is_blank(line.p[i]))
			i++;
	}
	return n;
}

static int header_number(struct slice *text, int64_t *out)
{
	struct slice line, fields[CHECKPOINT_FIELDS_MAX];
	if (!next_line(text, &line) || split(line, fields) != 1)
		return -EBADMSG;
	return checkpoint_number(fields[0], out);
}

static int read_entries(struct slice text, unsigned fields,
	int (*entry)(void *arg, const struct slice fields[CHECKPOINT_FIELDS_MAX]), void *arg)
{
	if (text.n == 0)
		return 0;
	int64_t version, count, seen = 0;
	if (header_number(&text, &version) || version != 0 || header_number(&text, &count))
		return -EBADMSG;
	for (struct slice line; next_line(&text, &line); seen++) {
		struct slice found[CHECKPOINT_FIELDS_MAX];
		if (split(line, found) != fields)
			return -EBADMSG;
		int error = entry(arg, found);
		if (error)
			return error;
	}
	return seen == count ? 0 : -EBADMSG;
}

int checkpoint_read(const char *path, unsigned fields,
	int (*entry)(void *arg, const struct slice fields[CHECKPOINT_FIELDS_MAX]), void *arg)
{
	must(fields > 0 && fields <= CHECKPOINT_FIELDS_MAX);
	char *bytes;
	size_t n;
	int error = file_read(path, CHECKPOINT_BYTES_MAX, &bytes, &n);
	if (error)
		return error;
	error = read_entries(slice_of(bytes, n), fields, entry, arg);
	free(bytes);
	return error;
}

static int offset_entry(void *arg, const struct slice fields[CHECKPOINT_FIELDS_MAX])
{
	struct checkpoint_offsets *here = arg;
	int64_t partition, offset;
	if (checkpoint_number(fields[1], &partition) || checkpoint_number(fields[2], &offset))
		return -EBADMSG;
	if (partition < 0 || partition > INT32_MAX)
		return -EBADMSG;
	return here->entry(here, fields[0], (int32_t)partition, offset);
}

int checkpoint_read_offsets(const char *path, struct checkpoint_offsets *here)
{
	return checkpoint_read(path, 3, offset_entry, here);
}

/* ---- write ---- */

void checkpoint_begin(struct checkpoint *c)
{
	*c = (struct checkpoint){ .text = mem_alloc(FIRST_ROOM), .n = HEADER_ROOM, .room = FIRST_ROOM };
}

void checkpoint_add(struct checkpoint *c, const char *format, ...)
{
	must(c->text != NULL);
	for (;;) {
		va_list args;
		va_start(args, format);
		int n = vsnprintf(c->text + c->n, c->room - c->n, format, args);
		va_end(args);
		must(n > 0);
		if (c->n + (size_t)n + 1 < c->room) {
			c->n += (size_t)n;
			c->text[c->n++] = '\n';
			c->entries++;
			return;
		}
		c->room = (c->room + (size_t)n) * 2;
		c->text = mem_realloc(c->text, c->room);
	}
}

void checkpoint_add_offset(struct checkpoint *c, struct slice topic, int32_t partition, int64_t offset)
{
	checkpoint_add(c, "%.*s %d %lld", SLICE_ARGS(topic), partition, (long long)offset);
}

char *checkpoint_text(struct checkpoint *c, size_t *n)
{
	must(c->text != NULL);
	char header[HEADER_ROOM];
	int length = snprintf(header, sizeof header, "0\n%u\n", c->entries);
	must(length > 0 && length < HEADER_ROOM);
	size_t body = c->n - HEADER_ROOM;
	memcpy(c->text, header, (size_t)length);
	memmove(c->text + length, c->text + HEADER_ROOM, body);
	*n = (size_t)length + body;
	char *text = c->text;
	*c = (struct checkpoint){ 0 };
	return text;
}

int checkpoint_write(struct checkpoint *c, const char *path)
{
	size_t n;
	char *text = checkpoint_text(c, &n);
	int error = file_replace(path, text, n);
	free(text);
	return error;
}
