/* table.h - rows in columns as wide as what stands in them, and sentences that end before the line does. */
#ifndef SAMSA_TOOLS_TABLE_H
#define SAMSA_TOOLS_TABLE_H

#include "broker/base/arena.h"
#include "tools/text.h"

enum { TABLE_COLUMNS_MAX = 16, TABLE_LINE_COLUMNS = 110 };

struct table {
	struct arena *arena;
	unsigned n_columns, n_rows, room;
	const char **cells; /* row after row, the heading first */
	uint32_t right;     /* a bit for each column of numbers */
};

/* The headings, NULL-terminated; one that begins with '>' stands on the right. */
void table_init(struct table *t, struct arena *a, const char *const *headings);
/* As many cells as there are columns; NULL is "-". They live as long as the table. */
void table_row(struct table *t, const char *const *cells);
void table_text(const struct table *t, unsigned indent, struct text *out);
/* `lead` and behind it the words, in lines of at most TABLE_LINE_COLUMNS, the later ones indented by as
 * much. */
void table_sentence(struct text *out, const char *lead, unsigned indent, const char *words);

#endif
