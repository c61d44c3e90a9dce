/* providers.c - see providers.h. */
#include "broker/config/providers.h"

#include "broker/base/must.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#define SETTING "config.providers"

enum { PATTERN_STEPS_MAX = 1000 * 1000 };

enum provider_kind { PROVIDER_FILE, PROVIDER_DIRECTORY, PROVIDER_ENV, PROVIDER_KINDS };

static const char *const classes[PROVIDER_KINDS] = {
	[PROVIDER_FILE] = "org.apache.kafka.common.config.provider.FileConfigProvider",
	[PROVIDER_DIRECTORY] = "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
	[PROVIDER_ENV] = "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
};

struct provider {
	const char *name;
	enum provider_kind kind;
	const char *allowed; /* paths, or for the environment a pattern; NULL: all */
};

struct providers {
	const struct provider_reader *reader;
	struct provider v[PROVIDERS_MAX];
	int n;
};

bool providers_is_setting(const char *name)
{
	size_t n = sizeof SETTING - 1;
	return strncmp(name, SETTING, n) == 0 && (name[n] == 0 || name[n] == '.');
}

/* ---- paths ---- */

/* Without ".", "..", doubled slashes and one at the end, as the name alone tells; false: it is too long. */
static bool normalize(const char *path, char out[PROVIDER_PATH_BYTES])
{
	size_t at = 0, n;
	if (strlen(path) >= PROVIDER_PATH_BYTES)
		return false;
	for (const char *p = path; *p; p += n) {
		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.'))
			continue;
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			while (at > 0 && out[--at] != '/')
				;
			continue;
		}
		out[at++] = '/';
		memcpy(out + at, p, n);
		at += n;
	}
	if (at == 0)
		out[at++] = '/';
	out[at] = 0;
	return true;
}

static bool lies_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	if (strcmp(dir, "/") == 0)
		return true;
	return strncmp(path, dir, n) == 0 && (path[n] == 0 || path[n] == '/');
}

/* Takes the next of "path,path" off, normalized; false at the end. */
static bool next_path(const char **list, char out[PROVIDER_PATH_BYTES])
{
	char one[PROVIDER_PATH_BYTES];
	size_t n = strcspn(*list, ",");
	if (!**list || n >= sizeof one)
		return false;
	memcpy(one, *list, n);
	one[n] = 0;
	*list += n + ((*list)[n] == ',');
	return normalize(one, out);
}

/* Where a provider may look for `path`; false when it may not. */
static bool allowed_path(const struct provider *p, const char *path, char out[PROVIDER_PATH_BYTES])
{
	char dir[PROVIDER_PATH_BYTES];
	const char *list = p->allowed;
	if (!list || !*list) {
		bool fits = strlen(path) < PROVIDER_PATH_BYTES;
		if (fits)
			memcpy(out, path, strlen(path) + 1);
		return fits;
	}
	if (path[0] != '/' || !normalize(path, out))
		return false;
	while (next_path(&list, dir))
		if (lies_in(out, dir))
			return true;
	return false;
}

/* ---- making ---- */

static const char *param(struct arena *a, const struct properties *all, const char *name, const char *what)
{
	const char *key = arena_printf(a, SETTING ".%s.%s", name, what);
	const struct property *p = key ? properties_find(all, key) : NULL;
	return p ? p->value : NULL;
}

static pcre2_code *compile(const char *pattern)
{
	int error;
	PCRE2_SIZE at;
	return pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
		PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error, &at, NULL);
}

static void check_pattern(const struct provider *p, struct problems *problems)
{
	pcre2_code *code = p->allowed ? compile(p->allowed) : NULL;
	if (p->allowed && !code)
		problem_error(problems, SETTING ".%s.param.allowlist.pattern: %s is no pattern", p->name,
			p->allowed);
	pcre2_code_free(code);
}

static void check_paths(const struct provider *p, const struct provider_reader *reader,
	struct problems *problems)
{
	char dir[PROVIDER_PATH_BYTES];
	const char *list = p->allowed;
	while (list && *list) {
		const char *begin = list;
		int n = (int)strcspn(list, ",");
		const char *wrong = !next_path(&list, dir)       ? "is too long"
				    : *begin != '/'              ? "is not absolute"
				    : reader && !reader->exists(dir) ? "does not exist"
								     : NULL;
		if (wrong)
			problem_error(problems, SETTING ".%s.param.allowed.paths: Path %.*s %s", p->name, n,
				begin, wrong);
		if (list == begin)
			return;
	}
}

/* One that has no class is left aside, as in Kafka. */
static void make_one(struct providers *out, struct arena *a, const struct properties *all, const char *name,
	struct problems *problems)
{
	const char *class = param(a, all, name, "class");
	struct provider p = { .name = name, .kind = PROVIDER_FILE };
	while (class && p.kind < PROVIDER_KINDS && strcmp(class, classes[p.kind]) != 0)
		p.kind++;
	if (!class) {
		problem_warning(problems, SETTING ": %s has no effect without " SETTING ".%s.class", name,
			name);
	} else if (p.kind == PROVIDER_KINDS) {
		problem_error(problems, SETTING ".%s.class: Could not load config provider class %s: Java "
			"classes cannot run here; allowed: FileConfigProvider, DirectoryConfigProvider and "
			"EnvVarConfigProvider of org.apache.kafka.common.config.provider", name, class);
	} else if (out->n == PROVIDERS_MAX) {
		problem_error(problems, SETTING ": more than %d providers", PROVIDERS_MAX);
	} else {
		bool env = p.kind == PROVIDER_ENV;
		p.allowed = param(a, all, name, env ? "param.allowlist.pattern" : "param.allowed.paths");
		if (env)
			check_pattern(&p, problems);
		else
			check_paths(&p, out->reader, problems);
		out->v[out->n++] = p;
	}
}

struct providers *providers_make(struct arena *a, const struct properties *p,
	const struct provider_reader *reader, struct problems *problems)
{
	const struct property *names = properties_find(p, SETTING);
	struct providers *out = names ? arena_alloc(a, sizeof *out) : NULL;
	uint32_t errors_before = problems->errors;
	if (!out)
		return NULL;
	out->reader = reader;
	for (const char *at = names->value; *at;) {
		at += strspn(at, ", \t");
		size_t n = strcspn(at, ", \t");
		if (n > 0)
			make_one(out, a, p, arena_strdup(a, slice_of(at, n)), problems);
		at += n;
	}
	return problems->errors == errors_before ? out : NULL;
}

/* ---- looking up ---- */

struct variable {
	struct slice all;  /* "${file:/path:key}" */
	struct slice provider, path, key;
};

/* The next variable at or behind `at`. Facts: ConfigTransformer.DEFAULT_PATTERN. */
static bool find_variable(const char *at, struct variable *v)
{
	for (const char *begin; (begin = strstr(at, "${")) != NULL;) {
		const char *provider = begin + 2, *end = strchr(provider, '}');
		const char *colon = end ? memchr(provider, ':', (size_t)(end - provider)) : NULL;
		if (!end)
			return false;
		at = end; /* nor has one that begins before it a colon */
		if (!colon)
			continue;
		const char *second = memchr(colon + 1, ':', (size_t)(end - colon - 1));
		const char *key = second ? second + 1 : colon + 1;
		*v = (struct variable){
			.all = slice_of(begin, (size_t)(end + 1 - begin)),
			.provider = slice_of(provider, (size_t)(colon - provider)),
			.path = slice_of(colon + 1, second ? (size_t)(second - colon - 1) : 0),
			.key = slice_of(key, (size_t)(end - key)),
		};
		return true;
	}
	return false;
}

/* One look-up: what it may say, and where what is wrong with it goes. */
struct lookup {
	struct arena *arena;
	const struct providers *providers;
	const struct provider *provider;
	const char *what, *path, *key;
	struct problems *problems;
	bool failed;
};

static const char *fail(struct lookup *l, const char *why)
{
	problem_error(l->problems, "%s: ${%s:%s%s%s}: %s", l->what, l->provider->name, l->path,
		*l->path ? ":" : "", l->key, why);
	l->failed = true;
	return NULL;
}

/* A file's bytes, on the heap; NULL when they cannot be had. */
static char *read_whole(struct lookup *l, const char *path, size_t *n, int *error)
{
	char *bytes;
	*error = l->providers->reader->read(path, PROVIDER_FILE_BYTES, &bytes, n);
	return *error ? NULL : bytes;
}

static const char *in_file(struct lookup *l, const char *path)
{
	size_t n;
	int error;
	uint32_t line;
	struct arena scratch;
	struct properties all = { 0 };
	char *bytes = read_whole(l, path, &n, &error);
	if (!bytes)
		return fail(l, strerror(-error));
	arena_init(&scratch, 8 * PROVIDER_FILE_BYTES);
	enum properties_error wrong = properties_read(&all, &scratch, path, slice_of(bytes, n), &line);
	const struct property *p = properties_find(&all, l->key);
	const char *value = p && !wrong ? arena_strdup(l->arena, slice_str(p->value)) : NULL;
	properties_free(&all);
	arena_free(&scratch);
	free(bytes);
	return wrong ? fail(l, properties_error_text(wrong)) : value;
}

/* A file right in the directory; its name is the key, and it holds nothing but the value. */
static const char *in_directory(struct lookup *l, const char *dir)
{
	size_t n;
	int error;
	char path[PROVIDER_PATH_BYTES];
	bool is_name = *l->key && !strchr(l->key, '/') && strcmp(l->key, ".") != 0 &&
		       strcmp(l->key, "..") != 0;
	if (!is_name || snprintf(path, sizeof path, "%s/%s", dir, l->key) >= (int)sizeof path)
		return NULL;
	char *bytes = read_whole(l, path, &n, &error);
	if (error == -ENOENT || error == -EISDIR || error == -ENOTDIR)
		return NULL;
	if (error)
		return fail(l, strerror(-error));
	const char *value = memchr(bytes, 0, n) ? fail(l, "the file holds a zero byte")
						: arena_strdup(l->arena, slice_of(bytes, n));
	free(bytes);
	return value;
}

static bool is_listed(const struct provider *p, const char *name)
{
	pcre2_code *code = p->allowed ? compile(p->allowed) : NULL;
	if (!code)
		return !p->allowed;
	pcre2_match_data *found = pcre2_match_data_create_from_pattern(code, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	pcre2_set_match_limit(context, PATTERN_STEPS_MAX);
	int rc = pcre2_match(code, (PCRE2_SPTR)name, PCRE2_ZERO_TERMINATED, 0, 0, found, context);
	pcre2_match_context_free(context);
	pcre2_match_data_free(found);
	pcre2_code_free(code);
	return rc > 0;
}

static const char *in_environment(struct lookup *l)
{
	if (*l->path)
		return fail(l, "a variable of the environment has no path");
	return is_listed(l->provider, l->key) ? l->providers->reader->env(l->key) : NULL;
}

/* The value; NULL when there is none, or it failed. */
static const char *look_up(struct lookup *l)
{
	char path[PROVIDER_PATH_BYTES];
	if (!l->providers->reader)
		return NULL;
	if (l->provider->kind == PROVIDER_ENV)
		return in_environment(l);
	if (!*l->path || !allowed_path(l->provider, l->path, path))
		return NULL;
	return l->provider->kind == PROVIDER_FILE ? in_file(l, path) : in_directory(l, path);
}

static const struct provider *find_provider(const struct providers *all, struct slice name)
{
	for (int i = 0; i < all->n; i++)
		if (slice_is(name, all->v[i].name))
			return &all->v[i];
	return NULL;
}

/* ---- replacing ---- */

/* What stands for a variable; its own text where that stays, and NULL when it failed. */
static const char *replacement(const struct providers *all, struct arena *a, const struct variable *v,
	const char *what, struct problems *problems)
{
	const char *own = arena_strdup(a, v->all);
	struct lookup l = { .arena = a, .providers = all, .what = what, .problems = problems,
		.provider = find_provider(all, v->provider), .path = arena_strdup(a, v->path),
		.key = arena_strdup(a, v->key) };
	if (!l.provider || arena_overflowed(a))
		return own;
	const char *text = look_up(&l);
	if (!text && !l.failed && all->reader)
		problem_warning(problems, "%s: %s is nothing that may be looked at, and stays as it is", what,
			own);
	return text || l.failed ? text : own;
}

const char *providers_resolve(const struct providers *providers, struct arena *a, const char *what,
	const char *value, struct problems *problems)
{
	struct variable v;
	const char *out = NULL, *at = value;
	if (!providers || !find_variable(value, &v))
		return value;
	for (int count = 1; find_variable(at, &v); count++) {
		if (count > PROVIDER_VARIABLES_MAX) {
			problem_error(problems, "%s: more than %d variables", what, PROVIDER_VARIABLES_MAX);
			return NULL;
		}
		const char *text = replacement(providers, a, &v, what, problems);
		if (!text)
			return NULL;
		int before = (int)((const char *)v.all.p - at);
		out = arena_printf(a, "%s%.*s%s", out ? out : "", before, at, text);
		at = (const char *)v.all.p + v.all.n;
	}
	out = arena_printf(a, "%s%s", out ? out : "", at);
	if (!out)
		problem_error(problems, "%s: the value is too large", what);
	return out;
}
