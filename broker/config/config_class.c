/* config_class.c - Java class names in the configuration. */
#include "broker/base/must.h"
#include "broker/config/check_priv.h"

#define NO_ACLS                                                                                          \
	"access control lists are not enforced yet, and without them everybody may do everything; take " \
	"authorizer.class.name out if that is what you want"

enum class_verdict { CLASS_BUILT_IN, CLASS_REFUSED };

static const struct class_row {
	enum config_key key;
	const char *name;
	enum class_verdict verdict;
	const char *line;
} classes[] = {
#define X(field, name, verdict, line) { CK_##field, name, CLASS_##verdict, line },
#include "broker/config/classes.tbl"
#undef X
};

static const char *class_of(const struct config *c, enum config_key key)
{
	return c->given[key].text;
}

/* "a, b" of what the key may be; the arena is the configuration's. */
static const char *built_in(const struct config *c, enum config_key key)
{
	const char *text = "";
	for (size_t i = 0; i < countof(classes); i++)
		if (classes[i].key == key && classes[i].verdict == CLASS_BUILT_IN && *classes[i].name)
			text = arena_printf(c->arena, "%s%s%s", text, *text ? ", " : "", classes[i].name);
	return *text ? text : "none";
}

static void check_class(const struct config *c, enum config_key key, struct problems *problems)
{
	const char *name = class_of(c, key);
	for (size_t i = 0; i < countof(classes); i++) {
		if (classes[i].key != key || strcmp(classes[i].name, name) != 0)
			continue;
		if (classes[i].verdict == CLASS_REFUSED)
			value_error(c, key, problems, "%s", classes[i].line);
		return;
	}
	value_error(c, key, problems, "Java classes cannot run in Samsa; the ones that it replaces here: %s",
		built_in(c, key));
}

void config_check_classes(const struct config *c, struct problems *problems)
{
	for (size_t i = 0; i < countof(classes); i++) {
		enum config_key key = classes[i].key;
		bool first = i == 0 || classes[i - 1].key != key;
		if (first && config_is_set(c, key) && class_of(c, key))
			check_class(c, key, problems);
	}
}
