/* configs_quota.c - samsa-configs for users, clients and addresses: quotas and SCRAM credentials. */
#include "alter_client_quotas.kmsg.h"
#include "alter_user_scram_credentials.kmsg.h"
#include "broker/base/kerr.h"
#include "broker/base/must.h"
#include "broker/base/order.h"
#include "describe_client_quotas.kmsg.h"
#include "describe_user_scram_credentials.kmsg.h"
#include "tools/configs_priv.h"
#include "tools/out.h"

#include <jansson.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MATCH_EXACT, MATCH_DEFAULT, MATCH_ANY };
enum { SCRAM_ITERATIONS = 4096, SALT_BYTES = 32, HASH_MAX = 64, DIGITS_MAX = 17 };

static const char *const client_quotas[] = { "producer_byte_rate", "consumer_byte_rate", "request_percentage",
	"controller_mutation_rate" };
static const char *const ip_quotas[] = { "connection_creation_rate" };
static const char *const scram_names[] = { "SCRAM-SHA-256", "SCRAM-SHA-512" }; /* from type 1 on */

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

bool is_client_quota(const char *name)
{
	return is_one_of(name, client_quotas, countof(client_quotas));
}

bool is_scram(const char *name)
{
	return is_one_of(name, scram_names, countof(scram_names));
}

/* As java.lang.Double.toString: the fewest digits that are this number again, with a point in them, and an
 * exponent outside of 1e-3 to 1e7. */
static const char *java_double(struct tool *t, double x)
{
	char digits[64];
	int precision = 1;
	double size = fabs(x);
	if (isnan(x))
		return "NaN";
	if (size > 1e308 * 10)
		return x > 0 ? "Infinity" : "-Infinity";
	do
		snprintf(digits, sizeof digits, "%.*e", precision, x);
	while (strtod(digits, NULL) != x && ++precision < DIGITS_MAX);
	int exponent = (int)strtol(strchr(digits, 'e') + 1, NULL, 10);
	if (size == 0 || (size >= 1e-3 && size < 1e7)) {
		snprintf(digits, sizeof digits, "%.*f", max_of(precision - exponent, 1), x);
	} else {
		char *e = strchr(digits, 'e');
		*e = '\0';
		while (e[-1] == '0' && e[-2] != '.')
			*--e = '\0';
		return tool_printf(t, "%sE%d", digits, exponent);
	}
	char *end = digits + strlen(digits);
	while (end[-1] == '0' && end[-2] != '.')
		*--end = '\0';
	return tool_printf(t, "%s", digits);
}

/* ---- describe ---- */

static const char *entity_of_type(const char *type)
{
	return strcmp(type, "users") == 0 ? "user" : strcmp(type, "clients") == 0 ? "client-id" : "ip";
}

static int fetch(struct tool *t, struct admin *a, const struct entities *e,
	struct describe_client_quotas_response *out)
{
	struct describe_client_quotas_request request = { .strict = true,
		.n_components = (int32_t)e->n_types };
	if (e->n_names > e->n_types)
		return refuse(t, "More entity names specified than entity types");
	request.components = tool_alloc(t, e->n_types * sizeof *request.components);
	for (unsigned i = 0; i < e->n_types; i++) {
		const char *name = i < e->n_names ? e->names[i] : NULL;
		request.components[i] = (struct describe_client_quotas_request_component){
			.entity_type = slice_str(entity_of_type(e->types[i])),
			.match_type = !name ? MATCH_ANY
				: name[0]   ? MATCH_EXACT
					    : MATCH_DEFAULT,
			.match = name && name[0] ? slice_str(name) : SLICE_NULL,
		};
	}
	admin_begin(a, "describeClientQuotas", 0);
	if (admin_call(a, ADMIN_ANY, KAPI_DESCRIBE_CLIENT_QUOTAS, &request, out) < 0)
		return -1;
	return out->error_code ? tool_fail_code(t, out->error_code, out->error_message) : 0;
}

/* "user-principal 'bob', client-id 'c'", whatever the order of the answer. */
static const char *said_of(struct tool *t, const struct describe_client_quotas_response_entry *entry)
{
	static const char *const types[][2] = { { "user", "user-principal" }, { "client-id", "client-id" },
		{ "ip", "ip" } };
	const char *all = "";
	for (size_t i = 0; i < countof(types); i++)
		for (int32_t k = 0; k < entry->n_entity; k++) {
			const struct describe_client_quotas_response_entity *x = &entry->entity[k];
			const char *between = all[0] ? ", " : "";
			if (!slice_is(x->entity_type, types[i][0]))
				continue;
			if (slice_is_null(x->entity_name))
				all = tool_printf(t, "%s%sthe default %s", all, between, types[i][1]);
			else
				all = tool_printf(t, "%s%s%s '%.*s'", all, between, types[i][1],
					SLICE_ARGS(x->entity_name));
		}
	return all;
}

static void json_quotas(const struct describe_client_quotas_response_entry *entry)
{
	json_t *entity = json_object(), *quotas = json_object();
	for (int32_t i = 0; i < entry->n_entity; i++) {
		const struct describe_client_quotas_response_entity *x = &entry->entity[i];
		json_object_setn_new(entity, (const char *)x->entity_type.p, x->entity_type.n,
			slice_is_null(x->entity_name)
				? json_null()
				: json_stringn((const char *)x->entity_name.p, x->entity_name.n));
	}
	for (int32_t i = 0; i < entry->n_values; i++)
		json_object_setn_new(quotas, (const char *)entry->values[i].key.p, entry->values[i].key.n,
			json_real(entry->values[i].value));
	out_json(json_pack("{s:o, s:o}", "entity", entity, "quotas", quotas));
}

static int by_key(const void *a, const void *b)
{
	const struct describe_client_quotas_response_value *x = a, *y = b;
	return slice_compare(x->key, y->key);
}

static void print_quotas(struct tool *t, struct describe_client_quotas_response_entry *entry)
{
	if (entry->n_values > 1)
		order_sort(entry->values, (size_t)entry->n_values, sizeof *entry->values, by_key);
	say("Quota configs for %s are ", said_of(t, entry));
	for (int32_t i = 0; i < entry->n_values; i++)
		say("%s%.*s=%s", i ? ", " : "", SLICE_ARGS(entry->values[i].key),
			java_double(t, entry->values[i].value));
	say("\n");
}

static void print_scram(struct tool *t, const struct describe_user_scram_credentials_response_result *r)
{
	if (args_has(&t->args, JSON)) {
		json_t *all = json_array();
		for (int32_t i = 0; i < r->n_credential_infos; i++)
			json_array_append_new(all,
				json_pack("{s:i, s:i}", "mechanism", r->credential_infos[i].mechanism,
					"iterations", r->credential_infos[i].iterations));
		out_json(json_pack("{s:s%, s:o}", "user", r->user.p, (size_t)r->user.n, "scram", all));
		return;
	}
	if (r->error_code) {
		struct failure f = failure_of_code(t, r->error_code, r->error_message);
		say("Error retrieving SCRAM credential configs for user-principal '%.*s': "
		    "ExecutionException: %s\n",
			SLICE_ARGS(r->user), failure_text(t, &f));
		return;
	}
	say("SCRAM credential configs for user-principal '%.*s' are ", SLICE_ARGS(r->user));
	for (int32_t i = 0; i < r->n_credential_infos; i++) {
		int type = r->credential_infos[i].mechanism;
		say("%s%s=iterations=%d", i ? ", " : "",
			type >= 1 && type <= (int)countof(scram_names) ? scram_names[type - 1] : "UNKNOWN",
			r->credential_infos[i].iterations);
	}
	say("\n");
}

static int describe_scram(struct tool *t, struct admin *a, const struct entities *e)
{
	struct describe_user_scram_credentials_request request = { .n_users = -1 };
	struct describe_user_scram_credentials_response m;
	struct describe_user_scram_credentials_request_user users[ENTITIES_MAX];
	for (unsigned i = 0; i < e->n_names; i++)
		users[i].name = slice_str(e->names[i]);
	if (e->n_names)
		request = (struct describe_user_scram_credentials_request){ users, (int32_t)e->n_names };
	admin_begin(a, "describeUserScramCredentials", 0);
	if (admin_call(a, ADMIN_ANY, KAPI_DESCRIBE_USER_SCRAM_CREDENTIALS, &request, &m) < 0)
		return -1;
	if (m.error_code)
		return tool_fail_code(t, m.error_code, m.error_message);
	for (int32_t i = 0; i < m.n_results; i++)
		if (m.results[i].error_code != KERR_RESOURCE_NOT_FOUND)
			print_scram(t, &m.results[i]);
	return 0;
}

int quota_describe(struct tool *t, struct admin *a, const struct entities *e)
{
	struct describe_client_quotas_response m;
	bool scram = strcmp(e->types[0], "ips") != 0;
	if (fetch(t, a, e, &m) < 0)
		return -1;
	for (int32_t i = 0; i < m.n_entries; i++) {
		if (args_has(&t->args, JSON))
			json_quotas(&m.entries[i]);
		else
			print_quotas(t, &m.entries[i]);
	}
	for (unsigned i = 0; i < e->n_types; i++)
		scram &= strcmp(e->types[i], "clients") != 0;
	for (unsigned i = 0; i < e->n_names; i++)
		scram &= e->names[i][0] != '\0';
	return scram ? describe_scram(t, a, e) : 0;
}

/* ---- alter ---- */

static bool has_quota(const struct describe_client_quotas_response *m, const char *name)
{
	for (int32_t i = 0; m->n_entries > 0 && i < m->entries[0].n_values; i++)
		if (slice_is(m->entries[0].values[i].key, name))
			return true;
	return false;
}

static int fill_ops(struct tool *t, const struct changes *c, struct alter_client_quotas_request_entry *entry)
{
	entry->ops = tool_alloc(t, (c->n_add + c->n_remove) * sizeof *entry->ops);
	for (unsigned i = 0; i < c->n_add; i++) {
		char *end;
		double value = strtod(c->add[i].value, &end);
		if (end == c->add[i].value || *end)
			return refuse(t, "Cannot parse quota configuration value for %s: %s", c->add[i].name,
				c->add[i].value);
		entry->ops[entry->n_ops++] =
			(struct alter_client_quotas_request_op){ slice_str(c->add[i].name), value, false };
	}
	for (unsigned i = 0; i < c->n_remove; i++)
		entry->ops[entry->n_ops++] = (struct alter_client_quotas_request_op){ slice_str(c->remove[i]),
			0, true };
	return 0;
}

static int alter_quotas(struct tool *t, struct admin *a, const struct entities *e, const struct changes *c)
{
	struct describe_client_quotas_response now;
	struct alter_client_quotas_request_entity entity[ENTITIES_MAX];
	struct alter_client_quotas_request_entry entry = { .entity = entity,
		.n_entity = (int32_t)e->n_types };
	struct alter_client_quotas_request request = { .entries = &entry, .n_entries = 1 };
	struct alter_client_quotas_response m;
	const char *missing = NULL;
	if (fetch(t, a, e, &now) < 0)
		return -1;
	for (unsigned i = 0; i < c->n_remove; i++)
		if (!has_quota(&now, c->remove[i]))
			missing = missing ? tool_printf(t, "%s,%s", missing, c->remove[i]) : c->remove[i];
	if (missing)
		return refuse(t, "Invalid config(s): %s", missing);
	for (unsigned i = 0; i < e->n_types; i++)
		entity[i] = (struct alter_client_quotas_request_entity){ slice_str(
										 entity_of_type(e->types[i])),
			e->names[i][0] ? slice_str(e->names[i]) : SLICE_NULL };
	if (fill_ops(t, c, &entry) < 0)
		return -1;
	admin_begin(a, "alterClientQuotas", 0);
	do {
		if (admin_call(a, ADMIN_CONTROLLER, KAPI_ALTER_CLIENT_QUOTAS, &request, &m) < 0)
			return -1;
		if (m.n_entries != 1)
			return tool_fail_code(t, KERR_UNKNOWN_SERVER_ERROR, SLICE_NULL);
	} while (admin_moved(a, m.entries[0].error_code));
	int code = m.entries[0].error_code;
	return code ? tool_fail_code(t, code, m.entries[0].error_message) : 0;
}

/* Java's name of the mechanism is an enum's. */
static const char *mechanism_name(struct tool *t, const struct pair *p)
{
	char *name = tool_text(t, slice_str(p->name));
	for (char *c = name; *c; c++)
		if (*c == '-')
			*c = '_';
	return name;
}

int scram_read(struct tool *t, const struct pair *p, enum scram_default d, struct scram_words *out)
{
	const char *text = p->value;
	char *end;
	*out = (struct scram_words){ SCRAM_ITERATIONS, NULL };
	if (strncmp(text, "iterations=", 11) == 0) {
		long asked = strtol(text + 11, &end, 10);
		bool empty = end == text + 11, minus = text[11] == '-' && d == SCRAM_NO_DEFAULT;
		if (*end != ',' || minus)
			return refuse(t, "Invalid credential property %s=%s", mechanism_name(t, p), p->value);
		out->iterations = asked == -1 || empty ? SCRAM_ITERATIONS : asked;
		text = end + 1;
	}
	if (strncmp(text, "password=", 9) != 0)
		return refuse(t, "Invalid credential property %s=%s", mechanism_name(t, p), p->value);
	if (out->iterations < SCRAM_ITERATIONS || out->iterations > INT32_MAX)
		return refuse(t, "Iterations %ld is less than the minimum %d required for %s",
			out->iterations, SCRAM_ITERATIONS,
			d == SCRAM_DEFAULT ? p->name : mechanism_name(t, p));
	out->password = text + 9;
	return 0;
}

/* The password itself never leaves this process. */
static int salt(struct tool *t, const struct pair *p, const char *user,
	struct alter_user_scram_credentials_request_upsertion *out)
{
	bool is_512 = strcmp(p->name, scram_names[1]) == 0;
	struct scram_words words;
	if (scram_read(t, p, SCRAM_DEFAULT, &words) < 0)
		return -1;
	uint8_t *hash = tool_alloc(t, HASH_MAX), *bytes = tool_alloc(t, SALT_BYTES);
	int n = is_512 ? 64 : 32;
	sys_random(bytes, SALT_BYTES);
	if (PKCS5_PBKDF2_HMAC(words.password, (int)strlen(words.password), bytes, SALT_BYTES,
		    (int)words.iterations, is_512 ? EVP_sha512() : EVP_sha256(), n, hash) != 1)
		return tool_fail(t, "KafkaException", "the password could not be salted");
	*out = (struct alter_user_scram_credentials_request_upsertion){ .name = slice_str(user),
		.mechanism = is_512 ? 2 : 1,
		.iterations = (int32_t)words.iterations,
		.salt = slice_of(bytes, SALT_BYTES),
		.salted_password = slice_of(hash, (size_t)n) };
	return 0;
}

static int alter_scram(struct tool *t, struct admin *a, const char *user, const struct changes *c)
{
	struct alter_user_scram_credentials_request request = { .n_deletions = (int32_t)c->n_remove };
	struct alter_user_scram_credentials_response m;
	request.deletions = tool_alloc(t, c->n_remove * sizeof *request.deletions);
	request.upsertions = tool_alloc(t, c->n_add * sizeof *request.upsertions);
	for (unsigned i = 0; i < c->n_remove; i++)
		request.deletions[i] = (struct alter_user_scram_credentials_request_deletion){
			slice_str(user), strcmp(c->remove[i], scram_names[1]) == 0 ? 2 : 1
		};
	for (unsigned i = 0; i < c->n_add; i++)
		if (salt(t, &c->add[i], user, &request.upsertions[request.n_upsertions++]) < 0)
			return -1;
	admin_begin(a, "alterUserScramCredentials", 0);
	do {
		if (admin_call(a, ADMIN_CONTROLLER, KAPI_ALTER_USER_SCRAM_CREDENTIALS, &request, &m) < 0)
			return -1;
		if (m.n_results != 1)
			return tool_fail_code(t, KERR_UNKNOWN_SERVER_ERROR, SLICE_NULL);
	} while (admin_moved(a, m.results[0].error_code));
	return m.results[0].error_code
		? tool_fail_code(t, m.results[0].error_code, m.results[0].error_message)
		: 0;
}

/* What is asked for in one of the two lists that is neither a quota nor, where it may be, a credential. */
struct sorted_names {
	const char *unknown;
	unsigned quotas, scram;
};

static struct sorted_names sort_names(
	struct tool *t, const char *const *names, unsigned n, bool scram_is_known)
{
	struct sorted_names s = { NULL, 0, 0 };
	for (unsigned i = 0; i < n; i++) {
		bool quota = is_client_quota(names[i]), scram = is_scram(names[i]);
		s.quotas += quota;
		s.scram += scram;
		if (!quota && !(scram && scram_is_known))
			s.unknown = s.unknown ? tool_printf(t, "%s, %s", s.unknown, names[i]) : names[i];
	}
	return s;
}

static int alter_user_or_client(
	struct tool *t, struct admin *a, const struct entities *e, const struct changes *c)
{
	bool client = strcmp(e->types[0], "clients") == 0 || e->n_types == 2;
	const char **added = tool_alloc(t, c->n_add * sizeof *added);
	for (unsigned i = 0; i < c->n_add; i++)
		added[i] = c->add[i].name;
	struct sorted_names add = sort_names(t, added, c->n_add, !client);
	struct sorted_names remove = sort_names(t, c->remove, c->n_remove, !client);
	const char *what = client ? "Only quota configs" : "Only quota and SCRAM credential configs";
	const char *type = client ? "clients" : "users";
	if (add.unknown)
		return refuse(t,
			"%s can be added for '%s' using --bootstrap-server. Unexpected config names: Set(%s)",
			what, type, add.unknown);
	if (remove.unknown)
		return refuse(t,
			"%s can be deleted for '%s' using --bootstrap-server. Unexpected config names: "
			"ArrayBuffer(%s)",
			what, type, remove.unknown);
	bool quotas = add.quotas || remove.quotas, scram = add.scram || remove.scram;
	if (scram && !e->names[0][0])
		return refuse(t,
			"The use of --entity-default or --user-defaults is not allowed with User SCRAM "
			"Credentials "
			"using --bootstrap-server.");
	if (scram && quotas)
		return refuse(t,
			"Cannot alter both quota and SCRAM credential configs simultaneously for 'users' "
			"using "
			"--bootstrap-server.");
	return scram ? alter_scram(t, a, e->names[0], c) : alter_quotas(t, a, e, c);
}

int quota_alter(struct tool *t, struct admin *a, const struct entities *e, const struct changes *c)
{
	const char *unknown = NULL;
	if (strcmp(e->types[0], "ips") != 0)
		return alter_user_or_client(t, a, e, c);
	for (unsigned i = 0; i < c->n_add + c->n_remove; i++) {
		const char *name = i < c->n_add ? c->add[i].name : c->remove[i - c->n_add];
		if (!is_one_of(name, ip_quotas, countof(ip_quotas)))
			unknown = unknown ? tool_printf(t, "%s,%s", unknown, name) : name;
	}
	if (unknown)
		return refuse(t,
			"Only connection quota configs can be added for 'ips' using --bootstrap-server. "
			"Unexpected "
			"config names: %s",
			unknown);
	return alter_quotas(t, a, e, c);
}
