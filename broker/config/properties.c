/* properties.c - see properties.h. */
#include "broker/config/properties.h"

#include "broker/base/must.h"

/* The text, byte by byte. A logical line is read as java.util.Properties.LineReader sees it: comments and
 * blank lines are gone, a continuation and the white space behind it are nothing. */
struct cursor {
	const uint8_t *p, *end;
	uint32_t line; /* the natural line that p is on */
};

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\f';
}

static bool is_line_end(int c)
{
	return c == '\n' || c == '\r';
}

static int peek(const struct cursor *c)
{
	return c->p < c->end ? *c->p : -1;
}

static void skip_blanks(struct cursor *c)
{
	while (is_blank(peek(c)))
		c->p++;
}

/* Steps over one \n, \r or \r\n. */
static void skip_line_end(struct cursor *c)
{
	if (peek(c) == '\r') {
		c->p++;
		if (peek(c) == '\n')
			c->p++;
	} else if (peek(c) == '\n') {
		c->p++;
	} else {
		return;
	}
	c->line++;
}

/* To the first byte of a line that says something; false at the end of the text. */
static bool next_line(struct cursor *c)
{
	for (;;) {
		skip_blanks(c);
		int first = peek(c);
		if (first < 0)
			return false;
		if (first == '#' || first == '!')
			while (c->p < c->end && !is_line_end(*c->p))
				c->p++;
		else if (!is_line_end(first))
			return true;
		skip_line_end(c);
	}
}

/* A backslash that ends the natural line joins the next one. */
static bool skip_continuation(struct cursor *c)
{
	if (peek(c) != '\\' || c->p + 1 >= c->end || !is_line_end(c->p[1]))
		return false;
	c->p++;
	skip_line_end(c);
	skip_blanks(c);
	return true;
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits behind \u; -1 when they are not there. */
static int32_t read_unit(struct cursor *c)
{
	int32_t unit = 0;
	if (c->end - c->p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(c->p[i]);
		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	c->p += 4;
	return unit;
}

static size_t put_utf8(uint32_t code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* Behind \u: a code point of one unit or, as Java writes those above U+FFFF, of two. */
static enum properties_error read_unicode(struct cursor *c, char *out, size_t *n)
{
	int32_t high = read_unit(c);
	if (high < 0)
		return PROPERTIES_BAD_ESCAPE;
	if (high == 0)
		return PROPERTIES_NUL;
	uint32_t code = (uint32_t)high;
	if (high >= 0xd800 && high < 0xdc00 && c->end - c->p >= 6 && c->p[0] == '\\' && c->p[1] == 'u') {
		struct cursor ahead = { c->p + 2, c->end, c->line };
		int32_t low = read_unit(&ahead);
		if (low >= 0xdc00 && low < 0xe000) {
			code = 0x10000 + ((code - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
			c->p = ahead.p;
		}
	}
	*n += put_utf8(code, out + *n);
	return PROPERTIES_OK;
}

/* Behind a backslash that does not end the line. */
static enum properties_error read_escape(struct cursor *c, char *out, size_t *n)
{
	int escaped = peek(c);
	if (escaped < 0) /* a backslash at the very end says nothing */
		return PROPERTIES_OK;
	if (escaped == 0)
		return PROPERTIES_NUL;
	c->p++;
	switch (escaped) {
	case 'u':
		return read_unicode(c, out, n);
	case 't':
		escaped = '\t';
		break;
	case 'n':
		escaped = '\n';
		break;
	case 'r':
		escaped = '\r';
		break;
	case 'f':
		escaped = '\f';
		break;
	default:
		break;
	}
	out[(*n)++] = (char)escaped;
	return PROPERTIES_OK;
}

/* Reads a key (up to a separator) or a value (up to the end of the line) into `out`, zero-terminated. An
 * escape never grows, so `out` needs one byte more than what is left of the text. */
static enum properties_error read_part(struct cursor *c, bool is_key, char *out)
{
	size_t n = 0;
	for (;;) {
		if (skip_continuation(c))
			continue;
		int byte = peek(c);
		if (byte < 0 || is_line_end(byte))
			break;
		if (is_key && (byte == '=' || byte == ':' || is_blank(byte)))
			break;
		if (byte == 0)
			return PROPERTIES_NUL;
		c->p++;
		if (byte != '\\') {
			out[n++] = (char)byte;
			continue;
		}
		enum properties_error e = read_escape(c, out, &n);
		if (e)
			return e;
	}
	out[n] = '\0';
	return PROPERTIES_OK;
}

/* Blanks, at most one '=' or ':', blanks; continuations may stand between. */
static void skip_separator(struct cursor *c)
{
	bool seen = false;
	for (;;) {
		int byte = peek(c);
		if (is_blank(byte)) {
			c->p++;
		} else if (!seen && (byte == '=' || byte == ':')) {
			seen = true;
			c->p++;
		} else if (!skip_continuation(c)) {
			return;
		}
	}
}

static void append(struct properties *p, const struct property *one)
{
	if (p->n == p->room) {
		p->room = p->room ? p->room * 2 : 64;
		p->v = mem_realloc(p->v, p->room * sizeof *p->v);
	}
	p->v[p->n++] = *one;
}

/* One logical line; *scratch has room for all that is left of the text. */
static enum properties_error read_line(struct properties *p, struct arena *a, const char *file,
	struct cursor *c, char *scratch)
{
	struct property one = { .file = file, .line = c->line };
	enum properties_error e = read_part(c, true, scratch);
	if (e)
		return e;
	one.name = arena_strdup(a, slice_str(scratch));
	skip_separator(c);
	e = read_part(c, false, scratch);
	if (e)
		return e;
	one.value = arena_strdup(a, slice_str(scratch));
	if (!one.name || !one.value || p->n >= PROPERTIES_MAX)
		return PROPERTIES_TOO_LARGE;
	append(p, &one);
	return PROPERTIES_OK;
}

enum properties_error properties_read(struct properties *p, struct arena *a, const char *file,
	struct slice text, uint32_t *line)
{
	struct cursor c = { text.p, text.p + text.n, 1 };
	enum properties_error e = PROPERTIES_OK;
	char *scratch = mem_alloc((size_t)text.n + 1);
	while (!e && next_line(&c))
		e = read_line(p, a, file, &c, scratch);
	free(scratch);
	*line = c.line;
	return e;
}

void properties_add(struct properties *p, struct arena *a, const char *name, const char *value,
	const char *file, uint32_t line)
{
	struct property one = {
		.name = arena_strdup(a, slice_str(name)),
		.value = arena_strdup(a, slice_str(value)),
		.file = file,
		.line = line,
	};
	must(one.name && one.value);
	append(p, &one);
}

void properties_remove(struct properties *p, const char *name)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i].name, name) != 0)
			p->v[kept++] = p->v[i];
	p->n = kept;
}

const struct property *properties_find(const struct properties *p, const char *name)
{
	for (uint32_t i = p->n; i > 0; i--)
		if (strcmp(p->v[i - 1].name, name) == 0)
			return &p->v[i - 1];
	return NULL;
}

void properties_free(struct properties *p)
{
	free(p->v);
	*p = (struct properties){ 0 };
}

const char *properties_error_text(enum properties_error e)
{
	switch (e) {
	case PROPERTIES_BAD_ESCAPE:
		return "\\u must be followed by four hexadecimal digits; write a backslash itself as \\\\";
	case PROPERTIES_NUL:
		return "a zero byte cannot be part of a setting; is this a properties file?";
	case PROPERTIES_TOO_LARGE:
		return "the file has too many settings";
	case PROPERTIES_OK:
	default:
		return "no error";
	}
}
