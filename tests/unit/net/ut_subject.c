/* ut_subject.c - subjects as Java's X500Principal.getName() tells them. */
#include "broker/net/subject_priv.h"
#include "tests/unit/ut.h"

#include <openssl/x509.h>
#include <string.h>

struct attribute {
	const char *name, *text;
	int set; /* 0: of its own; -1: together with the one before */
};

static void is_told(const struct attribute *attributes, int n, const char *expected)
{
	char out[256], little[8];
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	for (int i = 0; i < n; i++)
		CU_ASSERT(X509_NAME_add_entry_by_txt(name, attributes[i].name, MBSTRING_UTF8,
						     (const unsigned char *)attributes[i].text, -1, -1,
						     attributes[i].set));
	CU_ASSERT(subject_text(x, out, sizeof out));
	CU_ASSERT_STRING_EQUAL(out, expected);
	CU_ASSERT_EQUAL(subject_text(x, little, sizeof little), strlen(expected) < sizeof little);
	CU_ASSERT(strncmp(little, expected, strlen(little)) == 0);
	X509_free(x);
}

static void last_attribute_first(void)
{
	static const struct attribute duke[] = {
		{ "C", "US", 0 }, { "ST", "MD", 0 }, { "L", "Fulton", 0 }, { "O", "mycp", 0 },
		{ "OU", "SME", 0 }, { "CN", "Duke", 0 },
	};
	static const struct attribute others[] = { { "DC", "com", 0 }, { "street", "1 Way", 0 },
						   { "UID", "d", 0 } };
	is_told(duke, countof(duke), "CN=Duke,OU=SME,O=mycp,L=Fulton,ST=MD,C=US");
	is_told(others, countof(others), "UID=d,STREET=1 Way,DC=com");
	is_told(NULL, 0, "");
}

static void several_in_one_set(void)
{
	static const struct attribute both[] = { { "O", "a", 0 }, { "CN", "b", 0 }, { "UID", "c", -1 } };
	is_told(both, countof(both), "UID=c+CN=b,O=a");
}

static void what_is_not_plain(void)
{
	static const struct attribute odd[] = { { "O", "a, b+c", 0 }, { "CN", "J\xc3\xbcrgen \"x\"", 0 } };
	static const struct attribute mail[] = { { "emailAddress", "a@b", 0 }, { "CN", "c", 0 } };
	is_told(odd, countof(odd), "CN=J\xc3\xbcrgen \\\"x\\\",O=a\\, b\\+c");
	is_told(mail, countof(mail), "CN=c,1.2.840.113549.1.9.1=#1603614062");
}

static const struct ut_case cases[] = {
	UT(last_attribute_first), UT(several_in_one_set), UT(what_is_not_plain),
};

int main(void)
{
	return ut_run("net/subject", cases, countof(cases));
}
