/* subject_priv.h - a certificate's subject as Java's X500Principal.getName() tells it. */
#ifndef SAMSA_NET_SUBJECT_PRIV_H
#define SAMSA_NET_SUBJECT_PRIV_H

#include <stdbool.h>
#include <stddef.h>

struct x509_st; /* OpenSSL's X509 */

/* RFC 2253: "CN=alice,OU=tests,O=Samsa". False when it does not fit, and `out` holds as much as does. */
bool subject_text(const struct x509_st *certificate, char *out, size_t n);

#endif
