/* dump.c - .log files, and which file is what; see dump.h */
#include "tools/dump.h"

#include "broker/base/must.h"
#include "broker/reactor/sys.h"
#include "broker/storage/file.h"
#include "broker/storage/scan.h"
#include "tools/dump_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void dump_init(struct dump *d, const struct dump_options *options, const char *cwd,
	void (*emit)(void *arg, bool error, struct slice text), void *arg)
{
	must(options->max_bytes >= 0);
	*d = (struct dump){ .magic = DUMP_MAGIC, .options = *options, .cwd = cwd, .emit = emit, .arg = arg,
		.codecs = codecs_new() };
}

void dump_free(struct dump *d)
{
	CHECK_OBJ_NOTNULL(d, DUMP_MAGIC);
	struct text *texts[] = { &d->out, &d->index_faults, &d->timestamps, &d->disorder, &d->missing,
		&d->gaps };
	for (size_t i = 0; i < countof(texts); i++)
		text_free(texts[i]);
	codecs_free(&d->codecs);
	decoded_free(&d->decoded);
	d->magic = 0;
}

void dump_flush(struct dump *d)
{
	if (d->out.n)
		d->emit(d->arg, false, text_slice(&d->out));
	text_clear(&d->out);
}

static void flush_when_much(struct dump *d)
{
	if (d->out.n >= DUMP_FLUSH_BYTES)
		dump_flush(d);
}

__attribute__((format(printf, 2, 0)))
static void say_wrong(struct dump *d, const char *format, va_list ap)
{
	char words[FILE_PATH_MAX + 512];
	int n = vsnprintf(words, sizeof words, format, ap);
	dump_flush(d);
	d->emit(d->arg, true, slice_of(words, min_of((size_t)n, sizeof words - 1)));
}

void dump_fail(struct dump *d, const char *format, ...)
{
	CHECK_OBJ_NOTNULL(d, DUMP_MAGIC);
	va_list ap;
	va_start(ap, format);
	say_wrong(d, format, ap);
	va_end(ap);
	d->failed = true;
}

void dump_absolute(const struct dump *d, struct text *out, const char *path)
{
	text_add(out, path[0] == '/' ? "%s%s" : "%s/%s", path[0] == '/' ? "" : d->cwd, path);
}

/* ---- .log ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

bool dump_log_open(struct dump *d, struct dump_log *l, const char *path)
{
	*l = (struct dump_log){ .path = path, .last_offset = -1, .fd = sys_open(path, SYS_READ) };
	if (d->options.notice)
		text_add(&d->out, "%s\n", d->options.notice);
	if (!d->options.json)
		text_add(&d->out, "Log starting offset: %lld\n", strtoll(base_name(path), NULL, 10));
	if (l->fd < 0)
		dump_fail(d, "%s: %s\n", path, strerror(-l->fd));
	return l->fd >= 0;
}

int64_t dump_log_size(const struct dump *d, const struct dump_log *l)
{
	struct sys_stat st;
	int error = sys_fstat(l->fd, &st);
	return error ? error : min_of(st.size, (int64_t)d->options.max_bytes == INT32_MAX ? INT64_MAX :
		(int64_t)d->options.max_bytes);
}

/* Kafka lists the newest first. */
static void note_gap(struct dump_log *l, int64_t offset)
{
	struct text older = l->faults;
	l->faults = (struct text){ 0 };
	text_add(&l->faults, "  %" PRId64 " is followed by %" PRId64 "\n", l->last_offset, offset);
	text_bytes(&l->faults, text_slice(&older));
	text_free(&older);
}

/* NULL, or why the record cannot be shown. */
static const char *show_record(struct dump *d, const struct dump_log *l, const struct batch *b,
	struct record *r)
{
	const struct dump_options *o = &d->options;
	struct decoded *k = &d->decoded;
	const char *why = NULL;
	bool contents = o->print && !batch_is_control(b);
	if (contents && !decode_record(k, r, o->key, o->value, &why))
		return why;
	if (o->json) {
		dump_record_json(&d->out, b, r, l->path, contents && k->has_key ? text_slice(&k->key) :
			SLICE_NULL,
			contents && k->has_value ? text_slice(&k->value) : SLICE_NULL);
		return NULL;
	}
	if (!o->skip_metadata && !dump_record_text(&d->out, b, r))
		why = "a control record is damaged";
	if (contents && k->has_key) {
		text_add(&d->out, o->skip_metadata ? "| key: " : " key: ");
		text_bytes(&d->out, text_slice(&k->key));
	}
	if (contents && k->has_value) {
		text_add(&d->out, " payload: ");
		text_bytes(&d->out, text_slice(&k->value));
	}
	text_add(&d->out, "\n");
	return why;
}

static const char *show_records(struct dump *d, struct dump_log *l, const struct batch *b)
{
	struct records records;
	struct record r;
	const char *why = NULL;
	records_open(&records, b, d->codecs, DUMP_INFLATED_MAX);
	while (!why && records_next(&records, &r)) {
		if (l->last_offset != -1 && r.offset != (int64_t)((uint64_t)l->last_offset + 1))
			note_gap(l, r.offset);
		l->last_offset = r.offset;
		why = show_record(d, l, b, &r);
		flush_when_much(d);
	}
	if (records.error != KERR_NONE)
		why = records.why;
	records_close(&records);
	return why;
}

/* One batch, its contents told to be wrong where they are: the next follows. */
static void show_batch(struct dump *d, struct dump_log *l, const struct scanned *found)
{
	if (d->options.json)
		dump_batch_json(&d->out, &found->b, l->path, found->position);
	else
		dump_batch_text(&d->out, &found->b, found->position);
	const char *why = d->options.deep ? show_records(d, l, &found->b) : NULL;
	if (why)
		dump_fail(d, "%s: position %" PRId64 ": %s\n", l->path, found->position, why);
	flush_when_much(d);
}

bool dump_log_up_to(struct dump *d, struct dump_log *l, int64_t end)
{
	CHECK_OBJ_NOTNULL(d, DUMP_MAGIC);
	must(l->position <= end);
	struct scan scan;
	struct scanned found;
	int error;
	scan_open(&scan, l->fd, l->position, end);
	while ((error = scan_next(&scan, &found)) > 0 && (error = scan_whole(&scan, &found)) == 0)
		show_batch(d, l, &found);
	l->position = scan.position;
	if (error < 0)
		dump_fail(d, "%s: position %" PRId64 ": %s\n", l->path, l->position,
			error == -EBADMSG ? scan.why : strerror(-error));
	scan_close(&scan);
	return error >= 0;
}

void dump_log_close(struct dump *d, struct dump_log *l)
{
	if (l->fd >= 0)
		sys_close(l->fd);
	if (l->faults.n) {
		text_add(&d->gaps, "Non-consecutive offsets in ");
		dump_absolute(d, &d->gaps, l->path);
		text_add(&d->gaps, "\n");
		text_bytes(&d->gaps, text_slice(&l->faults));
	}
	text_free(&l->faults);
}

static void dump_log_file(struct dump *d, const char *path)
{
	struct dump_log l;
	if (dump_log_open(d, &l, path)) {
		int64_t end = dump_log_size(d, &l);
		if (end < 0)
			dump_fail(d, "%s: %s\n", path, strerror((int)-end));
		else if (dump_log_up_to(d, &l, end) && l.position < end &&
			d->options.max_bytes == INT32_MAX &&
			!d->options.json)
			text_add(&d->out, "Found %" PRId64 " invalid bytes at the end of %s\n",
				end - l.position,
				base_name(path));
	}
	dump_log_close(d, &l);
}

/* ---- any file ---- */

void dump_file(struct dump *d, const char *path)
{
	static const struct { const char *suffix; void (*show)(struct dump *d,
		const char *path); } kinds[] = {
		{ LOG_SUFFIX, dump_log_file }, { INDEX_SUFFIX, dump_index },
		{ TIME_INDEX_SUFFIX, dump_time_index }, { SNAPSHOT_SUFFIX, dump_snapshot },
		{ TXN_INDEX_SUFFIX, dump_txn_index },
	};
	CHECK_OBJ_NOTNULL(d, DUMP_MAGIC);
	if (!d->options.json)
		text_add(&d->out, "Dumping %s\n", path);
	const char *suffix = strrchr(base_name(path), '.');
	for (size_t i = 0; suffix && i < countof(kinds); i++) {
		if (strcmp(suffix, kinds[i].suffix) == 0) {
			kinds[i].show(d, path);
			dump_flush(d);
			return;
		}
	}
	bool failed = d->failed;
	dump_fail(d, "Ignoring unknown file %s\n", path);
	d->failed = failed;
}

void dump_end(struct dump *d)
{
	CHECK_OBJ_NOTNULL(d, DUMP_MAGIC);
	const struct text *told[] = { &d->index_faults, &d->timestamps, &d->disorder, &d->missing, &d->gaps };
	dump_flush(d);
	for (size_t i = 0; i < countof(told); i++) {
		if (told[i]->n)
			d->emit(d->arg, true, text_slice(told[i]));
	}
}
