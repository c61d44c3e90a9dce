/* mkkeys.c - writes the manual page of all configuration keys from the tables of broker/config. */
#include "broker/base/must.h"
#include "broker/config/topic_config.h"
#include "doc/man/roff.h"

#include <stdio.h>

/* The keys of kraft.tbl begin where those of config.tbl end. */
static const enum config_key kraft[] = {
#define X(type, field, ...) CK_##field,
#include "broker/config/kraft.tbl"
#undef X
};

static const char *type_words(enum config_type type)
{
	static const char *const words[] = {
		[CONFIG_UNKNOWN] = "",
		[CONFIG_BOOLEAN] = "true or false",
		[CONFIG_STRING] = "text",
		[CONFIG_INT] = "number",
		[CONFIG_SHORT] = "number",
		[CONFIG_LONG] = "number",
		[CONFIG_DOUBLE] = "fraction",
		[CONFIG_LIST] = "list",
		[CONFIG_CLASS] = "Java class",
		[CONFIG_PASSWORD] = "secret",
	};
	return words[type];
}

/* The largest number of a type means that there is no limit; nobody reads nineteen digits. */
static const char *default_words(const char *text)
{
	if (!text)
		return "unset";
	if (!*text)
		return "empty";
	if (strcmp(text, "9223372036854775807") == 0 || strcmp(text, "2147483647") == 0)
		return "no limit";
	return text;
}

/* "number, 1 or more; default 8" */
static void put_facts(enum config_type type, const struct config_limit *limit, const char *default_text)
{
	struct arena a;
	arena_init(&a, 1 << 16);
	put(type_words(type));
	if (limit->kind == LIMIT_IBP)
		put(", a release such as 3.9 or a version such as 3.9-IV0");
	else if (*config_limit_text(&a, limit))
		printf(", "), put(config_limit_text(&a, limit));
	printf("; default ");
	put(default_words(default_text));
	arena_free(&a);
}

static void put_status(enum config_status status, const char *meaning)
{
	if (status == STATUS_HONOURED)
		return;
	printf("\n.br\n.I %s\n",
		status == STATUS_KNOWN ? "Accepted without effect:" : "Only the default is possible:");
	put(meaning);
	putchar('.');
}

static void put_key(enum config_key key)
{
	static const char *const scopes[] = { [SCOPE_READ_ONLY] = "",
		[SCOPE_PER_BROKER] = "; dynamic, by broker",
		[SCOPE_CLUSTER_WIDE] = "; dynamic" };
	const struct config_desc *d = &config_descs[key];
	printf(".TP\n.B ");
	put(d->name);
	putchar('\n');
	put(d->doc);
	printf("\n.br\n(");
	put_facts(d->type, &d->limit, d->default_text);
	printf("%s%s)", scopes[d->scope], d->origin == ORIGIN_DYNAMIC ? " only, never in the file" : "");
	put_status(d->status, d->meaning);
	putchar('\n');
}

static void put_topic_key(const struct topic_desc *d)
{
	printf(".TP\n.B ");
	put(d->name);
	putchar('\n');
	put(d->doc);
	printf("\n.br\n(");
	put_facts(d->type, &d->limit, d->default_text);
	if (d->broker_key != CK_NONE) {
		printf("; from the broker's ");
		put(config_descs[d->broker_key].name);
	}
	putchar(')');
	put_status(d->status, d->meaning);
	putchar('\n');
}

/* Class names that a key may hold (classes.tbl). */
static void put_classes(void)
{
	static const struct {
		enum config_key key;
		const char *name, *line;
	} classes[] = {
#define NO_ACLS "refused: access control lists are not enforced yet"
#define X(field, name, verdict, line) { CK_##field, name, line },
#include "broker/config/classes.tbl"
#undef X
	};
	puts("Samsa runs no Java. These classes have their like in it; others are refused where they stand.");
	for (size_t i = 0; i < countof(classes); i++) {
		if (!*classes[i].name)
			continue;
		printf(".TP\n.B ");
		put(config_descs[classes[i].key].name);
		putchar('\n');
		put(classes[i].name);
		if (classes[i].line)
			printf("\n.br\n"), put(classes[i].line);
		putchar('\n');
	}
}

static void put_head(void)
{
	fputs(".TH SAMSA\\-BROKER.PROPERTIES 5 \"\" \"Samsa\" \"Samsa\"\n"
	      ".SH NAME\n"
	      "samsa\\-broker.properties \\- all settings of samsa\\-broker(8) and of topics\n"
	      ".SH DESCRIPTION\n"
	      "The file is an Apache Kafka 3.9 server.properties: one key=value a line, # begins a comment, "
	      "a\n"
	      "backslash at the end of a line joins the next one, \\eu and four hexadecimal digits are a "
	      "character.\n"
	      "The last line of a key counts, and \\-\\-override on the command line counts before the "
	      "file.\n"
	      "An unknown key is a warning. A value that is not possible is an error; all errors are told at "
	      "once.\n"
	      ".PP\n"
	      "Each key of Kafka 3.9 is here. One that Samsa does not honour says so, and the broker says it "
	      "again\n"
	      "at start when the key is set. A key that would be unsafe to leave out has one possible "
	      "value.\n"
	      ".PP\n"
	      "A key may be set for one listener: listener.name.NAME.KEY, with the listener\\(aqs name in "
	      "lower\n"
	      "case. That is meant for ssl.*, max.connections and max.connection.creation.rate.\n"
	      ".PP\n"
	      "Behind each key stand its type, the values that are possible, and the default.\n"
	      ".PP\n"
	      "A key that is called dynamic may be changed while the broker runs, with kafka\\-configs: for "
	      "all\n"
	      "brokers or for one, and where it says \"by broker\" for one only. It takes effect at once, "
	      "and\n"
	      "wins over the file, at the next start too. Key and trust stores are changed of a listener\n"
	      "(listener.name.NAME.ssl.keystore.location); new connections get them. A number of threads may "
	      "at most\n"
	      "be doubled or halved. Where several keys cannot go together nothing changes, and the log says "
	      "why.\n",
		stdout);
}

static void put_providers(void)
{
	fputs(".SH VALUES THAT STAND ELSEWHERE\n"
	      "A value, or a part of one, may be ${file:PATH:KEY}, of a file in this format;\n"
	      "${dir:PATH:FILE}, what is\n"
	      "in a file of a directory; or ${env:NAME}, a variable of the environment. config.providers "
	      "names who\n"
	      "looks it up, here file, dir and env; config.providers.NAME.class says which of Kafka\\(aqs "
	      "three it is\n"
	      "(FileConfigProvider, DirectoryConfigProvider, EnvVarConfigProvider of "
	      "org.apache.kafka.common.config.provider).\n"
	      "config.providers.NAME.param.allowed.paths are the only paths that it looks at, and\n"
	      "config.providers.NAME.param.allowlist.pattern fits the only variables. What cannot be had "
	      "so stays as it\n"
	      "is written, with a warning; a file that cannot be read is an error.\n"
	      ".PP\n"
	      "What is set with kafka\\-configs may have such values, too. Only this file names providers: "
	      "who may\n"
	      "change settings may not for that look at files.\n",
		stdout);
}

int main(void)
{
	put_head();
	put_providers();
	puts(".SH KEYS OF SAMSA");
	for (int key = 0; key < CONFIG_KEYS; key++)
		if (config_descs[key].origin == ORIGIN_SAMSA)
			put_key((enum config_key)key);
	puts(".SH KEYS OF KAFKA");
	for (int key = 0; key < (int)kraft[0]; key++)
		if (config_descs[key].origin != ORIGIN_SAMSA)
			put_key((enum config_key)key);
	puts(".SH KEYS OF KAFKA THAT ARE FOR KRAFT");
	for (size_t i = 0; i < countof(kraft); i++)
		put_key(kraft[i]);
	puts(".SH SETTINGS OF TOPICS\nThey are given when a topic is created, and kept in ZooKeeper.");
	for (int key = 0; key < TOPIC_KEYS; key++)
		put_topic_key(&topic_descs[key]);
	puts(".SH JAVA CLASSES");
	put_classes();
	puts(".SH SEE ALSO\n.BR samsa\\-broker (8)");
	return ferror(stdout) || fflush(stdout) != 0;
}
