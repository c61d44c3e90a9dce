/* table.c - see table.h */
#include "tools/table.h"

#include "broker/base/must.h"
#include "tools/human.h"

#include <string.h>

enum { ROWS_FIRST = 16, GAP = 2 };

void table_row(struct table *t, const char *const *cells)
{
	must(t->n_columns > 0 && t->n_columns <= TABLE_COLUMNS_MAX);
	if (t->n_rows == t->room) {
		unsigned room = max_of(t->room * 2, (unsigned)ROWS_FIRST);
		const char **more = arena_alloc(t->arena, (size_t)room * t->n_columns * sizeof *more);
		must(more != NULL);
		if (t->n_rows)
			memcpy(more, t->cells, (size_t)t->n_rows * t->n_columns * sizeof *more);
		t->cells = more;
		t->room = room;
	}
	const char **row = t->cells + (size_t)t->n_rows++ * t->n_columns;
	for (unsigned i = 0; i < t->n_columns; i++)
		row[i] = cells[i] ? cells[i] : "-";
}

void table_init(struct table *t, struct arena *a, const char *const *headings)
{
	const char *row[TABLE_COLUMNS_MAX];
	*t = (struct table){ .arena = a };
	for (; headings[t->n_columns]; t->n_columns++) {
		must(t->n_columns < TABLE_COLUMNS_MAX);
		bool right = headings[t->n_columns][0] == '>';
		row[t->n_columns] = headings[t->n_columns] + right;
		t->right |= (uint32_t)right << t->n_columns;
	}
	table_row(t, row);
}

static void spaces(struct text *out, unsigned n)
{
	text_add(out, "%*s", (int)n, "");
}

void table_text(const struct table *t, unsigned indent, struct text *out)
{
	unsigned widths[TABLE_COLUMNS_MAX] = { 0 };
	for (unsigned i = 0; i < t->n_rows * t->n_columns; i++)
		widths[i % t->n_columns] = max_of(widths[i % t->n_columns], human_width(t->cells[i]));
	for (unsigned r = 0; r < t->n_rows; r++) {
		spaces(out, indent);
		for (unsigned c = 0; c < t->n_columns; c++) {
			const char *cell = t->cells[r * t->n_columns + c];
			unsigned pad = widths[c] - human_width(cell);
			bool right = t->right >> c & 1, last = c + 1 == t->n_columns;
			if (right)
				spaces(out, pad);
			text_bytes(out, slice_str(cell));
			if (!last)
				spaces(out, (right ? 0 : pad) + GAP);
		}
		text_add(out, "\n");
	}
}

void table_sentence(struct text *out, const char *lead, unsigned indent, const char *words)
{
	unsigned column = human_width(lead);
	bool first = true;
	text_bytes(out, slice_str(lead));
	while (*words) {
		size_t n = strcspn(words, " ");
		struct slice word = slice_of(words, n);
		unsigned width = 0;
		for (size_t i = 0; i < n; i++)
			width += ((unsigned char)words[i] & 0xc0) != 0x80;
		if (!first && column + 1 + width > TABLE_LINE_COLUMNS) {
			text_add(out, "\n");
			spaces(out, indent);
			column = indent;
			first = true;
		}
		if (!first)
			text_add(out, " ");
		column += width + !first;
		first = false;
		text_bytes(out, word);
		words += n;
		while (*words == ' ')
			words++;
	}
	text_add(out, "\n");
}
