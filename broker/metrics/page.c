/* page.c - see page.h. The format: prometheus.io/docs/instrumenting/exposition_formats, text-based. */
#include "broker/metrics/page.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PAGE_FIRST_BYTES = 16 * 1024, NUMBER_BYTES = 32 };

void page_init(struct page *p)
{
	*p = (struct page){ 0 };
}

void page_free(struct page *p)
{
	free(p->text);
	page_init(p);
}

/* Room for `n` bytes more and a zero. */
static bool reserve(struct page *p, size_t n)
{
	size_t need = p->n + n + 1;
	if (p->overflowed || need > PAGE_MAX_BYTES) {
		p->overflowed = true;
		return false;
	}
	if (need > p->room) {
		p->room = max_of(max_of(p->room * 2, need), (size_t)PAGE_FIRST_BYTES);
		p->text = mem_realloc(p->text, p->room);
	}
	return true;
}

static void put(struct page *p, const char *s, size_t n)
{
	if (!reserve(p, n))
		return;
	memcpy(p->text + p->n, s, n);
	p->n += n;
	p->text[p->n] = 0;
}

static void put_text(struct page *p, const char *s)
{
	put(p, s, strlen(s));
}

void page_printf(struct page *p, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	must(n >= 0);
	if (reserve(p, (size_t)n)) {
		vsnprintf(p->text + p->n, (size_t)n + 1, format, again);
		p->n += (size_t)n;
	}
	va_end(again);
	va_end(args);
}

/* ---- labels ---- */

/* How many bytes of UTF-8 begin here; 0 where it is none: Prometheus refuses a whole page for it. */
static size_t utf8_bytes(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;
	if (n == 4 && (s[0] < 0xf0 || s[0] > 0xf4))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
	bool not_a_character = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
	return overlong || not_a_character ? 0 : n;
}

/* A backslash, a line's end and, in a label's value, a quote are written with a backslash. */
static void put_escaped(struct page *p, const char *s, bool quoted)
{
	while (*s) {
		size_t n = utf8_bytes(s);
		if (n == 0)
			put_text(p, "\xef\xbf\xbd");
		else if (*s == '\n')
			put_text(p, "\\n");
		else if (*s == '\\' || (*s == '"' && quoted))
			put(p, (char[]){ '\\', *s }, 2);
		else
			put(p, s, n);
		s += n ? n : 1;
	}
}

static void put_label(struct page *p, char opening, const char *name, size_t n, const char *value)
{
	put(p, &opening, 1);
	put(p, name, n);
	put_text(p, "=\"");
	put_escaped(p, value, true);
	put_text(p, "\"");
}

/* {topic="a",partition="0"}, and the one label more that a summary has. Nothing when there is none. */
static void put_labels(struct page *p, const char *names, const char *const *values, const char *quantile)
{
	char opening = '{';
	for (; *values; values++) {
		size_t n = strcspn(names, ",");
		must(n > 0); /* a value has a name */
		put_label(p, opening, names, n, *values);
		names += n + (names[n] == ',');
		opening = ',';
	}
	if (quantile) {
		put_label(p, opening, "quantile", strlen("quantile"), quantile);
		opening = ',';
	}
	if (opening == ',')
		put_text(p, "}");
}

/* ---- samples ---- */

void page_head(struct page *p, enum metric metric)
{
	static const char *const kinds[] = {
		[METRIC_IS_COUNTER] = "counter",
		[METRIC_IS_GAUGE] = "gauge",
		[METRIC_IS_SUMMARY] = "summary",
	};
	must(metric < METRICS);
	const struct metric_desc *d = &metric_descs[metric];
	page_printf(p, "# HELP %s ", d->name);
	put_escaped(p, d->help, false);
	page_printf(p, "\n# TYPE %s %s\n", d->name, kinds[d->kind]);
}

/* No more digits than give the same number again; 17 always do. */
static void put_real(struct page *p, double value)
{
	static const int digits[] = { 6, 9, 12, 15, 17 };
	char text[NUMBER_BYTES];
	if (isnan(value)) {
		put_text(p, "NaN");
		return;
	}
	for (size_t i = 0; i < countof(digits); i++) {
		snprintf(text, sizeof text, "%.*g", digits[i], value);
		if (strtod(text, NULL) == value)
			break;
	}
	put_text(p, text);
}

void page_whole(struct page *p, enum metric metric, const char *const *labels, uint64_t value)
{
	must(metric < METRICS && metric_descs[metric].kind != METRIC_IS_SUMMARY);
	put_text(p, metric_descs[metric].name);
	put_labels(p, metric_descs[metric].labels, labels, NULL);
	page_printf(p, " %llu\n", (unsigned long long)value);
}

void page_real(struct page *p, enum metric metric, const char *const *labels, double value)
{
	must(metric < METRICS && metric_descs[metric].kind != METRIC_IS_SUMMARY);
	put_text(p, metric_descs[metric].name);
	put_labels(p, metric_descs[metric].labels, labels, NULL);
	put_text(p, " ");
	put_real(p, value);
	put_text(p, "\n");
}

void page_summary(struct page *p, enum metric metric, const char *const *labels,
		  const struct page_quantile *quantiles, size_t n, uint64_t count, double sum)
{
	must(metric < METRICS && metric_descs[metric].kind == METRIC_IS_SUMMARY);
	const struct metric_desc *d = &metric_descs[metric];
	for (size_t i = 0; i < n; i++) {
		put_text(p, d->name);
		put_labels(p, d->labels, labels, quantiles[i].q);
		put_text(p, " ");
		put_real(p, quantiles[i].value);
		put_text(p, "\n");
	}
	page_printf(p, "%s_sum", d->name);
	put_labels(p, d->labels, labels, NULL);
	put_text(p, " ");
	put_real(p, sum);
	page_printf(p, "\n%s_count", d->name);
	put_labels(p, d->labels, labels, NULL);
	page_printf(p, " %llu\n", (unsigned long long)count);
}
