/* topic_id.c - partition.metadata: which topic of that name the directory belongs to.
 *
 *	version: 0
 *	topic_id: 4eRDAbyqSQOQ2YcFOzhNNA
 */
#include "broker/storage/log_priv.h"

#include "broker/base/must.h"

#include <errno.h>
#include <stdio.h>

#define TOPIC_ID_FILE "partition.metadata"

enum { TOPIC_ID_FILE_MAX = 4096, LINE_MAX_BYTES = 80 };

static struct slice trim(struct slice s)
{
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\r'))
		s.n--;
	while (s.n > 0 && s.p[0] == ' ')
		s = slice_of(s.p + 1, s.n - 1);
	return s;
}

/* "key: value" at the front of `text`, which it shortens. */
static bool take_line(struct slice *text, const char *key, struct slice *value)
{
	const uint8_t *end = memchr(text->p, '\n', text->n);
	struct slice line = slice_of(text->p, end ? (size_t)(end - text->p) : text->n);
	*text = slice_of(line.p + line.n + (end != NULL), text->n - line.n - (end != NULL));
	const uint8_t *colon = memchr(line.p, ':', line.n);
	if (!colon || !slice_is(trim(slice_of(line.p, (size_t)(colon - line.p))), key))
		return false;
	*value = trim(slice_of(colon + 1, (size_t)(line.p + line.n - colon - 1)));
	return true;
}

int topic_id_read(const char *dir, struct uuid *id)
{
	char *bytes;
	size_t n;
	struct slice version, text_id;
	int error = file_read(path_in(dir, TOPIC_ID_FILE).s, TOPIC_ID_FILE_MAX, &bytes, &n);
	if (error)
		return error;
	struct slice text = slice_of(bytes, n);
	bool good = take_line(&text, "version", &version) && slice_is(version, "0") &&
		take_line(&text, "topic_id", &text_id) && uuid_parse(id, text_id) == 0 && !uuid_is_zero(id);
	free(bytes);
	return good ? 0 : -EBADMSG;
}

int topic_id_write(const char *dir, const struct uuid *id)
{
	char text[LINE_MAX_BYTES];
	must(!uuid_is_zero(id));
	int n = snprintf(text, sizeof text, "version: 0\ntopic_id: %s", uuid_format(id).s);
	must(n > 0 && (size_t)n < sizeof text);
	return file_replace(path_in(dir, TOPIC_ID_FILE).s, text, (size_t)n);
}
