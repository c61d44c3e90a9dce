/* golden_records.c - see golden_records.h. */
#include "tests/unit/protocol/golden_records.h"

#include "tests/unit/ut.h"

#include <zstd.h>

static _Noreturn void give_up(const char *what, const char *about)
{
	fprintf(stderr, "%s: %s\n", about, what);
	exit(2);
}

static void *read_whole(const char *path, size_t *n)
{
	enum { FILE_BYTES_MAX = 4 << 20 };
	FILE *f = fopen(path, "rb");
	char *bytes = mem_alloc(FILE_BYTES_MAX);

	if (!f)
		give_up("cannot be opened", path);
	*n = fread(bytes, 1, FILE_BYTES_MAX, f);
	fclose(f);
	return bytes;
}

void golden_open(struct golden *g, const char *name)
{
	char relative[256];
	size_t n, size;

	snprintf(relative, sizeof relative, "tests/golden/records/%s", name);
	void *packed = read_whole(ut_path(relative), &n);
	unsigned long long inflated = ZSTD_getFrameContentSize(packed, n);
	if (inflated > GOLDEN_INFLATED_MAX)
		give_up("is no zstd file that tells its size", name);
	g->text = mem_alloc((size_t)inflated + 1);
	size = ZSTD_decompress(g->text, (size_t)inflated, packed, n);
	if (ZSTD_isError(size))
		give_up("cannot be decompressed", name);
	g->text[size] = '\0';
	g->at = strchr(g->text, '\n') + 1;
	free(packed);
}

bool golden_row(struct golden *g, char *columns[GOLDEN_COLUMNS_MAX])
{
	static char nothing[1];
	char *end;

	for (int i = 0; i < GOLDEN_COLUMNS_MAX; i++)
		columns[i] = nothing;
	if (*g->at == '\0')
		return false;
	end = strchr(g->at, '\n');
	*end = '\0';
	for (int i = 0; i < GOLDEN_COLUMNS_MAX && g->at; i++) {
		columns[i] = strsep(&g->at, "\t");
	}
	g->at = end + 1;
	return true;
}

void golden_close(struct golden *g)
{
	free(g->text);
}

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

struct slice golden_hex(char *hex)
{
	uint8_t *out = (uint8_t *)hex;
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
	return slice_of(out, n);
}

static unsigned base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = strchr(digits, c);

	if (!at || c == '\0')
		give_up("is no base64", "a byte string");
	return (unsigned)(at - digits);
}

struct slice golden_base64(json_t *string)
{
	const char *text = json_string_value(string);
	uint8_t *out = (uint8_t *)(uintptr_t)text;
	size_t n = 0, bits = 0;
	unsigned group = 0;

	if (!text)
		return SLICE_NULL;
	for (; *text && *text != '='; text++) {
		group = (group << 6 | base64_digit(*text)) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (uint8_t)(group >> bits);
		}
	}
	return slice_of(out, n);
}

json_t *golden_json(const char *text)
{
	json_error_t error;
	json_t *json = json_loads(text, JSON_ALLOW_NUL, &error);

	if (!json)
		give_up(error.text, "a column of JSON");
	return json;
}

int64_t golden_int(json_t *object, const char *key, int64_t otherwise)
{
	json_t *value = json_object_get(object, key);

	if (json_is_boolean(value))
		return json_is_true(value);
	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

const char *golden_string(json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	return value ? value : "";
}

bool golden_is_listed(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(name, *list) == 0)
			return true;
	return false;
}
