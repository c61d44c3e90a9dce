/* subject.c - see subject_priv.h.
 *
 * As RFC 2253 has it: last attribute first, and letters only for the attributes that it names; what has no
 * letters is a dotted number with its bytes in hexadecimal. Text above ASCII stays text, which OpenSSL's own
 * printing in this form would escape.
 */
#include "broker/net/subject_priv.h"

#include "broker/base/must.h"

#include <openssl/bio.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

enum { OID_BYTES = 128, TEXT_FLAGS = ASN1_STRFLGS_RFC2253 & ~ASN1_STRFLGS_ESC_MSB };

static const char *letters_of(int nid)
{
	static const struct {
		int nid;
		const char *letters;
	} named[] = {
		{ NID_commonName, "CN" }, { NID_countryName, "C" }, { NID_organizationName, "O" },
		{ NID_organizationalUnitName, "OU" }, { NID_localityName, "L" },
		{ NID_stateOrProvinceName, "ST" }, { NID_streetAddress, "STREET" },
		{ NID_domainComponent, "DC" }, { NID_userId, "UID" },
	};
	for (size_t i = 0; i < countof(named); i++)
		if (named[i].nid == nid)
			return named[i].letters;
	return NULL;
}

static void print_hex(BIO *out, const ASN1_STRING *value)
{
	unsigned char *der = NULL;
	int n = i2d_ASN1_TYPE(&(ASN1_TYPE){ .type = ASN1_STRING_type(value),
					    .value.asn1_string = (ASN1_STRING *)(uintptr_t)value }, &der);
	for (int i = 0; i < n; i++)
		BIO_printf(out, "%02x", der[i]);
	OPENSSL_free(der);
}

static void print_attribute(BIO *out, const X509_NAME_ENTRY *entry)
{
	const ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(entry);
	const char *letters = letters_of(OBJ_obj2nid(object));
	char oid[OID_BYTES];
	if (letters) {
		BIO_printf(out, "%s=", letters);
		ASN1_STRING_print_ex(out, X509_NAME_ENTRY_get_data(entry), TEXT_FLAGS);
	} else {
		OBJ_obj2txt(oid, sizeof oid, object, 1);
		BIO_printf(out, "%s=#", oid);
		print_hex(out, X509_NAME_ENTRY_get_data(entry));
	}
}

bool subject_text(const struct x509_st *certificate, char *out, size_t n)
{
	const X509_NAME *name = X509_get_subject_name(certificate);
	BIO *bio = BIO_new(BIO_s_mem());
	must(bio != NULL && n > 0);
	int last = X509_NAME_entry_count(name) - 1;
	for (int i = last; i >= 0; i--) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		bool same_set = i < last && X509_NAME_ENTRY_set(X509_NAME_get_entry(name, i + 1)) ==
						    X509_NAME_ENTRY_set(entry);
		if (i < last)
			BIO_printf(bio, "%s", same_set ? "+" : ",");
		print_attribute(bio, entry);
	}
	bool fits = BIO_pending(bio) < (int)n;
	int k = BIO_read(bio, out, (int)n - 1);
	out[max_of(k, 0)] = 0;
	BIO_free(bio);
	return fits;
}
