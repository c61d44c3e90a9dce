/* golden.h - reads tables that Apache Kafka made: tab-separated, a heading in the first line, perhaps under
 * zstd. */
#ifndef SAMSA_TESTS_GOLDEN_H
#define SAMSA_TESTS_GOLDEN_H

#include "tests/unit/ut.h"

#include <stdbool.h>
#include <string.h>
#include <zstd.h>

enum { GOLDEN_COLUMNS = 16, GOLDEN_MAX_BYTES = 64 << 20 };

struct golden {
	char *text, *next;
	size_t columns;
	char *column[GOLDEN_COLUMNS];
};

/* The whole file, zero-terminated. */
static inline char *golden_file(const char *path, size_t *ret_n)
{
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		exit(2);
	}
	char *bytes = mem_alloc(GOLDEN_MAX_BYTES);
	*ret_n = fread(bytes, 1, GOLDEN_MAX_BYTES - 1, f);
	bytes[*ret_n] = 0;
	fclose(f);
	return bytes;
}

static inline struct golden golden_open(const char *relative)
{
	size_t n;
	char *bytes = golden_file(ut_path(relative), &n);
	size_t name = strlen(relative);
	if (name > 4 && strcmp(relative + name - 4, ".zst") == 0) {
		char *text = mem_alloc(GOLDEN_MAX_BYTES);
		n = ZSTD_decompress(text, GOLDEN_MAX_BYTES - 1, bytes, n);
		must(!ZSTD_isError(n));
		text[n] = 0;
		free(bytes);
		bytes = text;
	}
	return (struct golden){ .text = bytes, .next = strchr(bytes, '\n') + 1 };
}

/* The next row, its columns zero-terminated; false at the end. */
static inline bool golden_row(struct golden *g)
{
	if (*g->next == 0)
		return false;
	char *line = g->next, *end = strchr(line, '\n');
	must(end != NULL);
	*end = 0;
	g->next = end + 1;
	for (g->columns = 0; line && g->columns < GOLDEN_COLUMNS;) {
		g->column[g->columns++] = line;
		line = strchr(line, '\t');
		if (line)
			*line++ = 0;
	}
	return true;
}

static inline void golden_close(struct golden *g)
{
	free(g->text);
}

/* Exactly as many bytes as `hex` tells, so that a sanitizer sees a read past them. The caller frees. */
static inline uint8_t *golden_bytes(const char *hex, uint32_t *ret_n)
{
	size_t n = strlen(hex) / 2;
	uint8_t *bytes = mem_alloc(n ? n : 1);
	for (size_t i = 0; i < n; i++) {
		char digits[] = { hex[2 * i], hex[2 * i + 1], 0 };
		bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	*ret_n = (uint32_t)n;
	return bytes;
}

#endif
