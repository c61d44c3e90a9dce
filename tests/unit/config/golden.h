/* golden.h - golden files for the tests of this room: whole, or line by line in columns. */
#ifndef SAMSA_TESTS_CONFIG_GOLDEN_H
#define SAMSA_TESTS_CONFIG_GOLDEN_H

#include "broker/base/slice.h"
#include "tests/unit/ut.h"

#include <string.h>

enum { GOLDEN_COLUMNS = 12 };

/* The file, zero-terminated; the caller frees it. */
static inline char *golden_read(const char *path, size_t *n)
{
	FILE *f = fopen(ut_path(path), "rb");
	if (!f) {
		fprintf(stderr, "cannot read %s\n", ut_path(path));
		exit(2);
	}
	size_t room = 1 << 20;
	char *text = mem_zalloc(room + 1);
	*n = fread(text, 1, room, f);
	must(*n < room);
	fclose(f);
	return text;
}

/* Cuts the next line off and into columns at tabs (missing ones are ""); false at the end. */
static inline bool golden_line(char **rest, char *columns[GOLDEN_COLUMNS])
{
	static char empty[1];
	if (!**rest)
		return false;
	char *line = *rest, *end = strchr(line, '\n');
	*rest = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	for (int i = 0; i < GOLDEN_COLUMNS; i++) {
		columns[i] = line ? line : empty;
		char *tab = line ? strchr(line, '\t') : NULL;
		if (tab)
			*tab = '\0';
		line = tab ? tab + 1 : NULL;
	}
	return true;
}

/* Says what differs, once for the reader and once for CUnit. */
static inline void same_text(const char *what, const char *got, const char *expected)
{
	bool same = got && expected ? strcmp(got, expected) == 0 : got == expected;
	if (!same)
		fprintf(stderr, "%s: got [%s], expected [%s]\n", what, got ? got : "(null)",
			expected ? expected : "(null)");
	CU_ASSERT_TRUE(same);
}

#endif
