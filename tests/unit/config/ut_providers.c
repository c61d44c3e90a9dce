/* ut_providers.c - values that stand elsewhere: where they may stand, and that nothing else can be
 * looked at. */
#include "broker/config/config.h"
#include "tests/unit/ut.h"

#include <errno.h>
#include <string.h>

/* ---- a small world of files ---- */

static const struct {
	const char *path, *text;
} files[] = {
	{ "/secrets/db.properties", "user=alice\npassword: a = b \\u00fc\nempty=\nuser=bob\n" },
	{ "/secrets/broken.properties", "a=\\u12\n" },
	{ "/mnt/k8s/token", "abc\n" },
	{ "/mnt/k8s/zero", "a" }, /* with a zero byte behind it */
	{ "/etc/passwd", "root:x:0:0\n" },
	{ "relative.properties", "key=here\n" },
};

static int reads;

static int read_one(const char *path, size_t max, char **bytes, size_t *n)
{
	reads++;
	if (strcmp(path, "/secrets") == 0 || strcmp(path, "/mnt/k8s/dir") == 0)
		return -EISDIR;
	if (strcmp(path, "/secrets/closed") == 0 || strcmp(path, "/mnt/k8s/closed") == 0)
		return -EACCES;
	for (size_t i = 0; i < countof(files); i++)
		if (strcmp(path, files[i].path) == 0) {
			*n = strlen(files[i].text) + (strstr(path, "zero") != NULL);
			must(*n <= max);
			*bytes = mem_zalloc(*n + 1);
			memcpy(*bytes, files[i].text, strlen(files[i].text));
			return 0;
		}
	return -ENOENT;
}

static bool exists(const char *path)
{
	return strcmp(path, "/secrets") == 0 || strcmp(path, "/mnt/k8s") == 0 || strcmp(path, "/") == 0;
}

static const char *env(const char *name)
{
	return strcmp(name, "HOME") == 0 ? "/home/x" : strcmp(name, "KAFKA_SECRET") == 0 ? "s" : NULL;
}

static const struct provider_reader reader = { read_one, exists, env };

/* ---- providers of a text ---- */

#define OF "org.apache.kafka.common.config.provider."
#define FILES "config.providers=file\nconfig.providers.file.class=" OF "FileConfigProvider\n"
#define DIRECTORIES "config.providers=dir\nconfig.providers.dir.class=" OF "DirectoryConfigProvider\n"
#define ENVIRONMENT "config.providers=env\nconfig.providers.env.class=" OF "EnvVarConfigProvider\n"

static struct arena arena;
static struct problems problems;
static struct properties properties;

static struct providers *make(const char *text)
{
	uint32_t line;
	arena_init(&arena, 16 << 20);
	problems_init(&problems);
	properties = (struct properties){ 0 };
	int wrong = (int)properties_read(&properties, &arena, "test", slice_str(text), &line);
	must(wrong == 0);
	return providers_make(&arena, &properties, &reader, &problems);
}

static void end(void)
{
	properties_free(&properties);
	problems_free(&problems);
	arena_free(&arena);
}

/* `expected` NULL: an error. */
static void gives(const char *settings, const char *value, const char *expected)
{
	struct providers *p = make(settings);
	CU_ASSERT_PTR_NOT_NULL(p);
	const char *got = providers_resolve(p, &arena, "a.key", value, &problems);
	bool same = got && expected ? strcmp(got, expected) == 0 : got == expected;
	if (!same)
		fprintf(stderr, "%s: got [%s], expected [%s]\n", value, got ? got : "(null)",
			expected ? expected : "(null)");
	CU_ASSERT_TRUE(same);
	CU_ASSERT_EQUAL(problems.errors, expected ? 0 : 1);
	end();
}

static void wrong(const char *settings, const char *why)
{
	CU_ASSERT_PTR_NULL(make(settings));
	CU_ASSERT_EQUAL(problems.errors, 1);
	bool said = problems.first && strstr(problems.first->text, why);
	if (!said)
		fprintf(stderr, "%s: %s\n", settings, problems.first ? problems.first->text : "nothing");
	CU_ASSERT_TRUE(said);
	end();
}

/* ---- cases ---- */

static void a_key_of_a_file(void)
{
	gives(FILES, "${file:/secrets/db.properties:user}", "bob");
	gives(FILES, "${file:/secrets/db.properties:password}", "a = b \xc3\xbc");
	gives(FILES, "x${file:/secrets/db.properties:empty}y", "xy");
	gives(FILES, "${file:/secrets/db.properties:user}${file:relative.properties:key}!", "bobhere!");
	gives(FILES, "${file:/secrets/broken.properties:a}", NULL);
	gives(FILES, "${file:/secrets/missing:a}", NULL);
	gives(FILES, "${file:/secrets:a}", NULL);
	gives(FILES, "${file:/secrets/closed:a}", NULL);
}

/* ConfigTransformer: no such key, no path, no such provider, no variable at all. */
static void what_stays(void)
{
	static const char *const texts[] = {
		"${file:/secrets/db.properties:none}", "${file:user}", "${other:/x:y}", "${file}", "${", "$",
		"",
		"}", "${}", "${:}", "${::}", "${a${file:/secrets/db.properties:user}}", "${file:/x:",
		"$ {file:/x:y}",
	};
	for (size_t i = 0; i < countof(texts); i++)
		gives(FILES, texts[i], texts[i]);
	gives(FILES, "${x} ${file:/secrets/db.properties:user} ${", "${x} bob ${");
}

/* A value that was put in is not looked at again. */
static void not_twice(void)
{
	gives(ENVIRONMENT "config.providers.file.class=" OF "FileConfigProvider\n", "${env:HOME}", "/home/x");
	gives(FILES, "${file:/secrets/db.properties:password}}", "a = b \xc3\xbc}");
}

static void a_file_of_a_directory(void)
{
	gives(DIRECTORIES, "${dir:/mnt/k8s:token}", "abc\n");
	gives(DIRECTORIES, "${dir:/mnt/k8s:zero}", NULL);
	gives(DIRECTORIES, "${dir:/mnt/k8s:closed}", NULL);
	static const char *const stay[] = {
		"${dir:/mnt/k8s:none}", "${dir:/mnt/k8s:dir}", "${dir:/mnt/k8s:../../etc/passwd}",
		"${dir:/mnt:k8s/token}", "${dir:/mnt/k8s:}", "${dir:/mnt/k8s:.}", "${dir:/mnt/k8s:..}",
		"${dir:token}",
	};
	for (size_t i = 0; i < countof(stay); i++)
		gives(DIRECTORIES, stay[i], stay[i]);
}

static void the_environment(void)
{
	gives(ENVIRONMENT, "${env:HOME}/${env:KAFKA_SECRET}", "/home/x/s");
	gives(ENVIRONMENT, "${env:NONE}", "${env:NONE}");
	gives(ENVIRONMENT, "${env:path:HOME}", NULL);
	static const char some[] = ENVIRONMENT "config.providers.env.param.allowlist.pattern=KAFKA_.*\n";
	gives(some, "${env:KAFKA_SECRET}", "s");
	gives(some, "${env:HOME}", "${env:HOME}");
	gives(ENVIRONMENT "config.providers.env.param.allowlist.pattern=OM\n", "${env:HOME}", "${env:HOME}");
	/* a pattern that would go on for ever ends */
	gives(ENVIRONMENT "config.providers.env.param.allowlist.pattern=((((a*)*)*)*)*b\n",
		"${env:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}",
		"${env:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}");
}

/* Out of the allowed paths nothing is read, however it is written. */
static void paths_that_are_not_allowed(void)
{
	static const char some[] = FILES "config.providers.file.param.allowed.paths=/mnt/k8s,/secrets/\n";
	static const char *const stay[] = {
		"${file:/etc/passwd:root}",
		"${file:/secrets/../etc/passwd:root}",
		"${file:/secrets/./..//etc/passwd:root}",
		"${file:/secretsx/db.properties:user}",
		"${file:relative.properties:key}",
		"${file:../secrets/db.properties:user}",
		"${file:secrets/db.properties:user}",
		"${file:/../../..:x}",
		"${file:/:x}",
	};
	reads = 0;
	for (size_t i = 0; i < countof(stay); i++)
		gives(some, stay[i], stay[i]);
	CU_ASSERT_EQUAL(reads, 0);
	gives(some, "${file:/secrets/../secrets//./db.properties:user}", "bob");
	gives(FILES "config.providers.file.param.allowed.paths=/\n", "${file:/etc/passwd:root}", "x:0:0");
	gives(FILES "config.providers.file.param.allowed.paths=\n", "${file:/etc/passwd:root}", "x:0:0");
}

static void providers_that_cannot_be(void)
{
	wrong(FILES "config.providers.file.param.allowed.paths=secrets\n", "Path secrets is not absolute");
	wrong(FILES "config.providers.file.param.allowed.paths=/secrets,/none\n",
		"Path /none does not exist");
	wrong(ENVIRONMENT "config.providers.env.param.allowlist.pattern=(\n", "is no pattern");
	wrong("config.providers=v\nconfig.providers.v.class=com.example.Vault\n",
		"Could not load config provider class com.example.Vault");
	CU_ASSERT_PTR_NULL(make("a=${file:/x:y}\n"));
	CU_ASSERT_EQUAL(problems.errors, 0);
	end();
	CU_ASSERT_PTR_NOT_NULL(make("config.providers= , file ,,\n"));
	CU_ASSERT_EQUAL(problems.warnings, 1);
	end();
}

static void limits(void)
{
	char *text = mem_zalloc((PROVIDER_VARIABLES_MAX + 1) * 13 + 1);
	for (int i = 0; i < PROVIDER_VARIABLES_MAX; i++)
		memcpy(text + i * 13, "${env:HOMExx}", 13);
	gives(ENVIRONMENT, text, text);
	memcpy(text + PROVIDER_VARIABLES_MAX * 13, "${env:HOMExx}", 13);
	gives(ENVIRONMENT, text, NULL);
	free(text);
	enum { MANY = 1 << 20 };
	text = mem_zalloc(MANY + 1); /* of beginnings without an end, and of ends without a colon */
	for (int i = 0; i < MANY; i += 2)
		memcpy(text + i, "${", 2);
	gives(FILES, text, text);
	text[MANY - 1] = '}';
	gives(FILES, text, text);
	free(text);
}

/* The configuration itself: values come in before anything is typed, and names stay known. */
static void in_a_configuration(void)
{
	static const char text[] =
		FILES "zookeeper.connect=h:1\nlog.dirs=/d\nnum.partitions=${file:/numbers:n}\n"
		      "ssl.key.password=${file:/secrets/db.properties:user}\nbroker.rack=${none:x}\n";
	struct config_source source = { "test", slice_str(text), &reader };
	problems_init(&problems);
	CU_ASSERT_PTR_NULL(config_load(&source, NULL, 0, &problems));
	CU_ASSERT_TRUE(
		problems.first && strstr(problems.first->text, "num.partitions: ${file:/numbers:n}: No "));
	problems_free(&problems);
	problems_init(&problems);
	const char *overrides[] = { "num.partitions=7" };
	char *fine = mem_strdup(text);
	memset(strstr(fine, "num.partitions"), '#', 1);
	source.text = slice_str(fine);
	struct config *c = config_load(&source, overrides, 1, &problems);
	CU_ASSERT_PTR_NOT_NULL(c);
	if (c) {
		CU_ASSERT_STRING_EQUAL(c->ssl_key_password, "bob");
		CU_ASSERT_STRING_EQUAL(c->broker_rack, "${none:x}");
		CU_ASSERT_EQUAL(c->num_partitions, 7);
		CU_ASSERT_EQUAL(problems.warnings, 0);
	}
	config_free(c);
	problems_free(&problems);
	free(fine);
}

int main(void)
{
	static const struct ut_case cases[] = {
		UT(a_key_of_a_file),
		UT(what_stays),
		UT(not_twice),
		UT(a_file_of_a_directory),
		UT(the_environment),
		UT(paths_that_are_not_allowed),
		UT(providers_that_cannot_be),
		UT(limits),
		UT(in_a_configuration),
	};
	return ut_run("providers", cases, countof(cases));
}
