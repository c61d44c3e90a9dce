/* kafka_words.c - see kafka_words.h */
#include "tools/kafka_words.h"

#include "broker/reactor/sys.h"
#include "tools/client_config.h"
#include "tools/in.h"
#include "tools/out.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

void words_put(struct tool *t, struct properties *p, const char *name, const char *value)
{
	properties_remove(p, name);
	properties_add(p, &t->arena, name, value, "", 0);
}

const char *words_get(const struct properties *p, const char *name)
{
	const struct property *found = properties_find(p, name);
	return found ? found->value : NULL;
}

bool words_truth(const struct properties *p, const char *name, bool fallback)
{
	const char *value = words_get(p, name);
	while (value && isspace((unsigned char)*value))
		value++;
	return value ? strncasecmp(value, "true", 4) == 0 && value[4 + strspn(value + 4, " \t")] == 0 :
		fallback;
}

int words_file(struct tool *t, struct properties *p, unsigned opt)
{
	struct properties file;
	if (!args_has(&t->args, opt))
		return 0;
	if (client_properties(t, args_text(&t->args, opt), &file) < 0)
		return -1;
	for (uint32_t i = 0; i < file.n; i++)
		words_put(t, p, file.v[i].name, file.v[i].value);
	properties_free(&file);
	return 0;
}

void words_list(struct tool *t, struct properties *p, unsigned opt)
{
	const char *word;
	for (unsigned i = 0; (word = args_nth(&t->args, opt, i)); i++) {
		size_t n = strcspn(word, "=");
		words_put(t, p, tool_text(t, slice_of(word, n)), word[n] ? word + n + 1 : "");
	}
}

void words_merge(struct tool *t, struct properties *p, const char *name, unsigned opt)
{
	if (args_text(&t->args, opt) && (args_has(&t->args, opt) || !words_get(p, name)))
		words_put(t, p, name, args_text(&t->args, opt));
}

bool words_hosts(const char *list)
{
	while (*list) {
		size_t n = strcspn(list, ","), digits = 0;
		while (digits < n && isdigit((unsigned char)list[n - 1 - digits]))
			digits++;
		if (digits == 0 || digits == n || list[n - 1 - digits] != ':')
			return false;
		list += n + (list[n] == ',');
	}
	return true;
}

void words_log(const char *level, const char *format, ...)
{
	char words[2048];
	struct tm tm;
	int64_t now = sys_wall_ms();
	va_list ap;
	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	in_local_time(now, &tm);
	complain("[%04d-%02d-%02d %02d:%02d:%02d,%03d] %s %s\n", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now % 1000), level, words);
}
