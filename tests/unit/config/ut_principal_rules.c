/* ut_principal_rules.c - names of certificates become names of one's own, as Kafka's rules say. */
#include "broker/config/principal_rules.h"
#include "tests/unit/ut.h"

#include <errno.h>
#include <string.h>

static char why[PRINCIPAL_WHY_BYTES];

static struct principal_rules *parse(const char *text)
{
	struct principal_rules *rules = principal_rules_parse(text, why);
	if (!rules)
		printf("%s: %s\n", text, why);
	CU_ASSERT(rules != NULL);
	return rules;
}

static void becomes(const char *text, const char *dn, const char *name)
{
	char out[PRINCIPAL_NAME_BYTES];
	struct principal_rules *rules = parse(text);
	CU_ASSERT_EQUAL(principal_rules_apply(rules, dn, out), name ? 0 : -ENOENT);
	if (name)
		CU_ASSERT_STRING_EQUAL(out, name);
	principal_rules_free(&rules);
}

/* The names and rules of KIP-371. */
static void the_first_that_fits(void)
{
	static const char rules[] = "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/, "
		"RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/L, "
		"RULE:^cn=(.*?),ou=(.*?),dc=(.*?),dc=(.*?)$/$1@$2/U, "
		"RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/U, DEFAULT";
	becomes(rules, "CN=Duke,OU=ServiceUsers,O=Org,C=US", "Duke");
	becomes(rules, "CN=Duke,OU=SME,O=mycp,L=Fulton,ST=MD,C=US", "duke@sme");
	becomes(rules, "cn=duke,ou=sme,dc=mycp,dc=com", "DUKE@SME");
	becomes(rules, "cN=duke,OU=JavaSoft,O=Sun Microsystems", "DUKE");
	becomes(rules, "OU=JavaSoft,O=Sun Microsystems,C=US", "OU=JavaSoft,O=Sun Microsystems,C=US");
}

static void a_name_that_no_rule_fits(void)
{
	becomes("RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/", "CN=Duke,OU=SME", NULL);
	becomes("RULE:CN=Duke/x/", "CN=Duke,OU=SME", NULL); /* a pattern fits the whole or not at all */
	becomes("DEFAULT", "CN=\xff\xfe", "CN=\xff\xfe");
	becomes("RULE:.*/x/", "CN=\xff\xfe", NULL); /* no text */
}

/* As Java's String.replaceAll: each match, groups by the longest number there is, backslashes taken off. */
static void replacing(void)
{
	becomes("RULE:([A-Z]+)=(\\w+)/$2-$1/", "CN=Duke", "Duke-CN");
	becomes("RULE:CN=(.*)/$1$12/", "CN=a", "aa2");
	becomes("RULE:CN=(.*)/$2$1/", "CN=a", "$2a");
	becomes("RULE:CN=(.*)/\\$1$1/", "CN=a", "$1a");
	becomes("RULE:CN=(.*?)/<$1>/", "CN=ab", "<>ab"); /* found anew, a lazy group takes nothing */
	becomes("RULE:(CN=x)?(CN=y)?/[$1$2]/", "CN=y", "[CN=y][]"); /* nothing fits at the end, too */
	becomes("RULE:CN=a\\/b,O=(.*)/$1\\/c/", "CN=a/b,O=d", "d/c");
}

static void what_is_no_rule(void)
{
	static const char *const wrong[] = {
		"", "INVALID", "RULE:", "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1", "RULE:a/b/X", "RULE:a/b/LU",
		"DEFAULT/L", "DEFAULT DEFAULT", "RULE:(/x/", "RULE:a/b/,,DEFAULT",
	};
	for (size_t i = 0; i < countof(wrong); i++) {
		struct principal_rules *rules = principal_rules_parse(wrong[i], why);
		if (rules)
			printf("taken: %s\n", wrong[i]);
		CU_ASSERT(rules == NULL && strlen(why) > 0);
		principal_rules_free(&rules);
	}
}

/* A pattern that a name can make run for ages gives up; a name that grows too long is refused. */
static void has_limits(void)
{
	char out[PRINCIPAL_NAME_BYTES], dn[PRINCIPAL_NAME_BYTES] = "CN=";
	memset(dn + 3, 'a', 600);
	struct principal_rules *rules = parse("RULE:CN=(a+)+b/x/");
	CU_ASSERT_EQUAL(principal_rules_apply(rules, dn, out), -ENOENT);
	principal_rules_free(&rules);
	rules = parse("RULE:CN=(.*)/$1$1/");
	CU_ASSERT_EQUAL(principal_rules_apply(rules, dn, out), -ENAMETOOLONG);
	principal_rules_free(&rules);
}

static const struct ut_case cases[] = {
	UT(the_first_that_fits), UT(a_name_that_no_rule_fits), UT(replacing), UT(what_is_no_rule),
	UT(has_limits),
};

int main(void)
{
	return ut_run("config/principal_rules", cases, countof(cases));
}
