/* ut_password.c - passwords that Kafka encoded are read, and what is written is what Kafka would have
 * written. */
#include "broker/config/password.h"
#include "tests/unit/config/golden.h"
#include "tests/unit/ut.h"

#include <openssl/evp.h>

enum { ARENA_BYTES = 64 << 20 };

static char why[PASSWORD_WHY_BYTES];

static const struct password_random zeros;

/* Columns of passwords.tsv. */
enum { SECRET, PASSWORD, KEYFACTORY, CIPHER, KEY_LENGTH, ITERATIONS, ENCODED };

static struct password_encoder encoder_of(char *const row[])
{
	return (struct password_encoder){
		.secret = row[SECRET],
		.keyfactory = strcmp(row[KEYFACTORY], "null") == 0 ? NULL : row[KEYFACTORY],
		.cipher = row[CIPHER],
		.key_length = atoi(row[KEY_LENGTH]),
		.iterations = atoi(row[ITERATIONS]),
	};
}

static void reads_one(char *const row[])
{
	struct arena a;
	arena_init(&a, ARENA_BYTES);
	struct password_encoder e = encoder_of(row);
	bool possible = password_encoder_check(&e, why);
	CU_ASSERT_EQUAL(possible, *row[ENCODED] != '!' && strncmp(row[CIPHER], "Blowfish", 8) != 0);
	if (possible) {
		same_text(row[CIPHER], password_decode(&a, row[SECRET], row[ENCODED], why), row[PASSWORD]);
		const char *again = password_encode(&a, &e, &zeros, row[PASSWORD], why);
		CU_ASSERT_PTR_NOT_NULL(again);
		same_text("again", again ? password_decode(&a, row[SECRET], again, why) : NULL,
			row[PASSWORD]);
		CU_ASSERT_PTR_NULL(password_decode(&a, "another", row[ENCODED], why));
	}
	arena_free(&a);
}

/* Every form that a Java broker writes, and the forms that it cannot. */
static void what_kafka_encoded(void)
{
	size_t n;
	char *text = golden_read("tests/golden/config/passwords.tsv", &n), *rest = text;
	char *row[GOLDEN_COLUMNS];
	int rows = 0;
	for (; golden_line(&rest, row); rows++)
		reads_one(row);
	CU_ASSERT_EQUAL(rows, 27);
	free(text);
}

/* The bytes of a field of an encoded password. */
static void field_bytes(const char *encoded, const char *key, uint8_t *out, size_t room)
{
	const char *at = strstr(encoded, key) + strlen(key);
	size_t n = strcspn(at, ",");
	unsigned char bytes[512];
	must(n < sizeof bytes);
	int got = EVP_DecodeBlock(bytes, (const unsigned char *)at, (int)n);
	must(got > 0);
	memcpy(out, bytes, min_of((size_t)got, room));
}

/* With Kafka's own salt and initialization vector the text is Kafka's, byte for byte. */
static void what_kafka_would_write(void)
{
	struct arena a;
	size_t n;
	char *text = golden_read("tests/golden/config/passwords.tsv", &n), *rest = text;
	char *row[GOLDEN_COLUMNS];
	arena_init(&a, ARENA_BYTES);
	while (golden_line(&rest, row)) {
		struct password_encoder e = encoder_of(row);
		struct password_random random = zeros;
		if (!password_encoder_check(&e, why))
			continue;
		field_bytes(row[ENCODED], "initializationVector:", random.iv, sizeof random.iv);
		field_bytes(row[ENCODED], "salt:", random.salt, sizeof random.salt);
		same_text(row[CIPHER], password_encode(&a, &e, &random, row[PASSWORD], why), row[ENCODED]);
	}
	arena_free(&a);
	free(text);
}

static const char plain[] =
	"initializationVector:AAAAAAAAAAAAAAAAAAAAAA==,keyLength:128,salt:AAAA,keyFactoryAlgorithm:"
	"PBKDF2WithHmacSHA512,cipherAlgorithm:AES/CBC/PKCS5Padding,iterations:1024,passwordLength:8,"
	"encryptedPassword:AAAAAAAAAAAAAAAAAAAAAA==";

static void refused(const char *encoded)
{
	struct arena a;
	arena_init(&a, ARENA_BYTES);
	*why = 0;
	CU_ASSERT_PTR_NULL(password_decode(&a, "secret", encoded, why));
	CU_ASSERT_NOT_EQUAL(*why, 0);
	arena_free(&a);
}

/* `plain` with other words in one place. */
static void refused_with(const char *old, const char *new)
{
	char text[1024];
	const char *at = strstr(plain, old);
	must(at);
	snprintf(text, sizeof text, "%.*s%s%s", (int)(at - plain), plain, new, at + strlen(old));
	refused(text);
}

/* Whoever can write to ZooKeeper can write anything. */
static void what_is_no_password(void)
{
	refused("");
	refused(":");
	refused(",,,");
	refused("a password in the clear");
	refused(plain);
	refused_with("iterations:1024", "iterations:2147483647");
	refused_with("iterations:1024", "iterations:0");
	refused_with("iterations:1024", "iterations:-1");
	refused_with("iterations:1024", "iterations:");
	refused_with("iterations:1024", "i:1024");
	refused_with("keyLength:128", "keyLength:100");
	refused_with("keyLength:128", "keyLength:99999999999999999999");
	refused_with("SHA512", "SHA3");
	refused_with("AES/CBC", "AES/ECB");
	refused_with("AES/CBC/PKCS5Padding", "AES");
	refused_with("AES/CBC/PKCS5Padding", "AES/CBC/PKCS5Padding/x");
	refused_with("AES/CBC/PKCS5Padding", "AES/GCM/NoPadding");
	refused_with("AES/CBC", "DES/GCM");
	refused_with("salt:AAAA", "salt:A");
	refused_with("salt:AAAA", "salt:\x80\x80\x80\x80");
	refused_with("initializationVector:AAAA", "initializationVector:");
	refused_with("encryptedPassword:AAAAAAAAAAAAAAAAAAAAAA==", "encryptedPassword:");
	refused_with("encryptedPassword:AAAAAAAAAAAAAAAAAAAAAA==", "encryptedPassword:AAAA");
	refused_with("encryptedPassword:AAAAAAAAAAAAAAAAAAAAAA==", "encryptedPassword:====");
}

/* Each byte of one that is right, changed: refused or read as something, and nothing worse. */
static void damaged(void)
{
	struct password_encoder e = { "secret", NULL, "AES/GCM/NoPadding", 128, 1 };
	struct arena a;
	arena_init(&a, ARENA_BYTES);
	char *text = mem_strdup(password_encode(&a, &e, &zeros, "password", why));
	arena_reset(&a);
	for (size_t i = 0; text[i]; i++) {
		char was = text[i];
		text[i] = was == 'A' ? 'B' : 'A';
		const char *read = password_decode(&a, "secret", text, why);
		CU_ASSERT_TRUE(!read || strcmp(read, "password") == 0);
		arena_reset(&a);
		text[i] = was;
	}
	free(text);
	arena_free(&a);
}

int main(void)
{
	static const struct ut_case cases[] = {
		UT(what_kafka_encoded),
		UT(what_kafka_would_write),
		UT(what_is_no_password),
		UT(damaged),
	};
	return ut_run("password", cases, countof(cases));
}
