/* password.c - see password.h. */
#include "broker/config/password.h"

#include "broker/base/must.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

enum {
	KEY_BYTES_MAX = 32,
	DES_KEY_BYTES = 8,
	TAG_BYTES = 16, /* of GCM */
	GCM_IV_BYTES = 12,
	CIPHER_NAME_BYTES = 64,
};

static bool say(char why[PASSWORD_WHY_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool say(char why[PASSWORD_WHY_BYTES], const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(why, PASSWORD_WHY_BYTES, format, args);
	va_end(args);
	return false;
}

/* ---- algorithms ---- */

struct algorithm {
	const EVP_MD *digest;
	EVP_CIPHER *cipher;
	int key_bytes, block_bytes, iv_bytes;
	bool pads;         /* PKCS5Padding */
	bool is_gcm;
	bool is_des;       /* DES is DESede with one key thrice */
};

static void algorithm_free(struct algorithm *x)
{
	EVP_CIPHER_free(x->cipher);
	x->cipher = NULL;
}

static bool find_digest(struct algorithm *x, const char *keyfactory, char why[PASSWORD_WHY_BYTES])
{
	static const struct {
		const char *name;
		const EVP_MD *(*digest)(void);
	} known[] = {
		{ "PBKDF2WithHmacSHA512", EVP_sha512 }, { "PBKDF2WithHmacSHA384", EVP_sha384 },
		{ "PBKDF2WithHmacSHA256", EVP_sha256 }, { "PBKDF2WithHmacSHA224", EVP_sha224 },
		{ "PBKDF2WithHmacSHA1", EVP_sha1 },
	};
	for (size_t i = 0; i < countof(known); i++)
		if (!keyfactory || strcasecmp(keyfactory, known[i].name) == 0) {
			x->digest = known[i].digest();
			return true;
		}
	return say(why, "the key factory algorithm %s is not possible; allowed: PBKDF2WithHmacSHA1, SHA224, "
			"SHA256, SHA384, SHA512", keyfactory);
}

/* The part of "AES/CBC/PKCS5Padding" in front of the next slash; false when there is none or it is long. */
static bool take_part(const char **at, char out[CIPHER_NAME_BYTES])
{
	size_t n = strcspn(*at, "/");
	if (n == 0 || n >= CIPHER_NAME_BYTES)
		return false;
	memcpy(out, *at, n);
	out[n] = 0;
	*at += n + ((*at)[n] == '/');
	return true;
}

/* OpenSSL's name for a Java cipher; false when there is none. */
static bool cipher_name(struct algorithm *x, const char *java, int key_length, char out[CIPHER_NAME_BYTES])
{
	char family[CIPHER_NAME_BYTES], mode[CIPHER_NAME_BYTES], padding[CIPHER_NAME_BYTES];
	static const char *const modes[] = { "CBC", "CFB", "OFB", "CTR", "GCM" };
	const char *at = java, *known = NULL;
	if (!take_part(&at, family) || !take_part(&at, mode) || !take_part(&at, padding) || *at)
		return false;
	for (size_t i = 0; i < countof(modes); i++)
		if (strcasecmp(mode, modes[i]) == 0)
			known = modes[i];
	bool is_aes = strcasecmp(family, "AES") == 0;
	x->is_des = strcasecmp(family, "DES") == 0;
	x->is_gcm = known && strcmp(known, "GCM") == 0;
	x->pads = strcasecmp(padding, "PKCS5Padding") == 0;
	if (!known || (!x->pads && strcasecmp(padding, "NoPadding") != 0) || (x->is_gcm && x->pads))
		return false;
	if (is_aes && (key_length == 128 || key_length == 192 || key_length == 256)) {
		snprintf(out, CIPHER_NAME_BYTES, "AES-%d-%s", key_length, known);
		return true;
	}
	bool is_triple = strcasecmp(family, "DESede") == 0 && key_length == 8 * 3 * DES_KEY_BYTES;
	snprintf(out, CIPHER_NAME_BYTES, "DES-EDE3-%s", known);
	return is_triple || (x->is_des && key_length == 8 * DES_KEY_BYTES);
}

static bool find_cipher(struct algorithm *x, const char *java, int key_length, char why[PASSWORD_WHY_BYTES])
{
	char name[CIPHER_NAME_BYTES];
	if (cipher_name(x, java, key_length, name))
		x->cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	ERR_clear_error();
	if (!x->cipher)
		return say(why, "the cipher algorithm %.80s with a key of %d bits is not possible; allowed: "
			   "AES/CBC/PKCS5Padding, AES/GCM/NoPadding and their like with 128, 192 or 256 bits",
			   java, key_length);
	x->key_bytes = key_length / 8;
	x->block_bytes = strncasecmp(java, "AES", 3) == 0 ? 16 : 8;
	x->iv_bytes = x->is_gcm ? GCM_IV_BYTES : x->block_bytes;
	return true;
}

static bool algorithm_find(struct algorithm *x, const char *keyfactory, const char *cipher, int key_length,
	char why[PASSWORD_WHY_BYTES])
{
	*x = (struct algorithm){ .cipher = NULL };
	return find_digest(x, keyfactory, why) && find_cipher(x, cipher, key_length, why);
}

bool password_encoder_check(const struct password_encoder *e, char why[PASSWORD_WHY_BYTES])
{
	struct algorithm x;
	bool fine = algorithm_find(&x, e->keyfactory, e->cipher, e->key_length, why);
	algorithm_free(&x);
	if (fine && (e->iterations < 1 || e->iterations > PASSWORD_ITERATIONS_MAX))
		return say(why, "%d iterations are not possible; allowed: 1 to %d", e->iterations,
			   PASSWORD_ITERATIONS_MAX);
	return fine;
}

/* ---- the cipher ---- */

struct sealed {
	struct slice salt, iv;
	int iterations;
};

static bool derive(const struct algorithm *x, const char *secret, const struct sealed *s,
	uint8_t key[KEY_BYTES_MAX])
{
	must(x->key_bytes <= KEY_BYTES_MAX);
	bool fine = PKCS5_PBKDF2_HMAC(secret, (int)strlen(secret), s->salt.p, (int)s->salt.n, s->iterations,
				      x->digest, x->key_bytes, key) == 1;
	if (x->is_des) {
		memcpy(key + DES_KEY_BYTES, key, DES_KEY_BYTES);
		memcpy(key + 2 * DES_KEY_BYTES, key, DES_KEY_BYTES);
	}
	return fine;
}

/* Runs `n` bytes through; in GCM the tag at `tag` is made or checked. */
static bool run_cipher(const struct algorithm *x, bool encrypts, const uint8_t *key, struct slice iv,
	const uint8_t *in, size_t n, uint8_t *out, uint8_t *tag)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int done = 0, rest = 0;
	must(ctx != NULL);
	bool fine = EVP_CipherInit_ex(ctx, x->cipher, NULL, key, iv.p, encrypts) == 1;
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	if (fine && x->is_gcm && !encrypts)
		fine = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1;
	fine = fine && EVP_CipherUpdate(ctx, out, &done, in, (int)n) == 1 &&
	       EVP_CipherFinal_ex(ctx, out + done, &rest) == 1 && (size_t)(done + rest) == n;
	if (fine && x->is_gcm && encrypts)
		fine = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1;
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return fine;
}

static bool seal(const struct algorithm *x, const char *secret, const struct sealed *s, bool encrypts,
	const uint8_t *in, size_t n, uint8_t *out, uint8_t *tag)
{
	uint8_t key[KEY_BYTES_MAX];
	bool fine = derive(x, secret, s, key) && run_cipher(x, encrypts, key, s->iv, in, n, out, tag);
	OPENSSL_cleanse(key, sizeof key);
	return fine;
}

/* ---- text ---- */

static const char *base64(struct arena *a, struct slice s)
{
	char *text = arena_alloc(a, 4 * ((size_t)s.n + 2) / 3 + 4);
	if (text)
		EVP_EncodeBlock((unsigned char *)text, s.p, (int)s.n);
	return text;
}

static bool base64_read(struct arena *a, struct slice text, struct slice *out)
{
	uint8_t *bytes = arena_alloc(a, text.n + 1);
	int n = bytes && text.n % 4 == 0 ? EVP_DecodeBlock(bytes, text.p, (int)text.n) : -1;
	for (uint32_t i = text.n; n > 0 && i > 0 && text.n - i < 2 && text.p[i - 1] == '='; i--)
		n--;
	ERR_clear_error();
	*out = n < 0 ? SLICE_NULL : slice_of(bytes, (size_t)n);
	return n >= 0;
}

/* String.length() of a Java string: one for each code point, two for those beyond the first 65536. */
static int java_length(const char *text)
{
	int n = 0;
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		n += (*p & 0xc0) != 0x80 ? 1 + (*p >= 0xf0) : 0;
	return n;
}

/* In the order of Java's HashMap, which is Kafka's. */
static const char *write_fields(struct arena *a, const struct password_encoder *e,
	const struct algorithm *x, const struct sealed *s, struct slice encrypted, int length)
{
	const char *iv = base64(a, s->iv), *salt = base64(a, s->salt), *bytes = base64(a, encrypted);
	if (arena_overflowed(a))
		return NULL;
	return arena_printf(a, "initializationVector:%s,keyLength:%d,salt:%s,keyFactoryAlgorithm:%s,"
			    "cipherAlgorithm:%s%s,iterations:%d,passwordLength:%d,encryptedPassword:%s",
			    iv, e->key_length, salt, e->keyfactory ? e->keyfactory : "PBKDF2WithHmacSHA512",
			    e->cipher, x->is_gcm ? ",authenticationTagLength:128" : "", e->iterations, length,
			    bytes);
}

static const char *encode_with(struct arena *a, const struct password_encoder *e, const struct algorithm *x,
	const struct password_random *random, const char *password, char why[PASSWORD_WHY_BYTES])
{
	size_t n = strlen(password), block = (size_t)x->block_bytes;
	size_t padding = x->pads ? block - n % block : 0;
	struct sealed s = { slice_of(random->salt, PASSWORD_SALT_BYTES),
			    slice_of(random->iv, (size_t)x->iv_bytes), e->iterations };
	uint8_t *in = arena_alloc(a, n + padding + 1), *out = arena_alloc(a, n + padding + TAG_BYTES);
	if (n > PASSWORD_BYTES_MAX || !in || !out) {
		say(why, "the password is too long");
		return NULL;
	}
	memcpy(in, password, n);
	memset(in + n, (int)padding, padding);
	n += padding;
	bool fine = seal(x, e->secret, &s, true, in, n, out, out + n);
	OPENSSL_cleanse(in, n);
	if (!fine) {
		say(why, "%s cannot encrypt a password of this length", e->cipher);
		return NULL;
	}
	struct slice encrypted = slice_of(out, n + (x->is_gcm ? TAG_BYTES : 0));
	return write_fields(a, e, x, &s, encrypted, java_length(password));
}

const char *password_encode(struct arena *a, const struct password_encoder *e,
	const struct password_random *random, const char *password, char why[PASSWORD_WHY_BYTES])
{
	struct algorithm x;
	must(e->secret && password);
	if (!password_encoder_check(e, why) ||
		!algorithm_find(&x, e->keyfactory, e->cipher, e->key_length, why))
		return NULL;
	const char *text = encode_with(a, e, &x, random, password, why);
	algorithm_free(&x);
	return text;
}

/* ---- reading ---- */

static struct slice trimmed(struct slice s)
{
	while (s.n && s.p[0] <= ' ')
		s.p++, s.n--;
	while (s.n && s.p[s.n - 1] <= ' ')
		s.n--;
	return s;
}

/* The value of `key` in "key:value,key:value"; a null slice when it is missing. */
static struct slice field(const char *text, const char *key)
{
	struct slice found = SLICE_NULL;
	while (*text) {
		size_t n = strcspn(text, ",");
		const char *colon = memchr(text, ':', n);
		if (colon && slice_is(trimmed(slice_of(text, (size_t)(colon - text))), key))
			found = trimmed(slice_of(colon + 1, n - (size_t)(colon + 1 - text)));
		text += n + (text[n] == ',');
	}
	return found;
}

static bool number_field(const char *text, const char *key, int most, int *out, char why[PASSWORD_WHY_BYTES])
{
	struct slice s = field(text, key);
	int64_t value = 0;
	bool fine = s.n > 0 && s.n < 10;
	for (uint32_t i = 0; fine && i < s.n; i++) {
		fine = s.p[i] >= '0' && s.p[i] <= '9';
		value = value * 10 + (s.p[i] - '0');
	}
	*out = (int)value;
	return (fine && value <= most) || say(why, "%s is missing or cannot be", key);
}

static bool bytes_field(struct arena *a, const char *text, const char *key, struct slice *out,
	char why[PASSWORD_WHY_BYTES])
{
	struct slice s = field(text, key);
	return (s.p && base64_read(a, s, out)) || say(why, "%s is missing or no base64", key);
}

static const char *text_field(struct arena *a, const char *text, const char *key)
{
	return arena_strdup(a, field(text, key));
}

/* Takes PKCS5's padding off; false when there is none. */
static bool unpad(const struct algorithm *x, const uint8_t *p, size_t *n)
{
	if (!x->pads)
		return true;
	size_t last = *n ? p[*n - 1] : 0;
	if (last == 0 || last > (size_t)x->block_bytes || last > *n)
		return false;
	for (size_t i = 1; i <= last; i++)
		if (p[*n - i] != last)
			return false;
	*n -= last;
	return true;
}

static const char *decode_with(struct arena *a, const char *secret, const struct algorithm *x,
	const struct sealed *s, struct slice encrypted, int length, char why[PASSWORD_WHY_BYTES])
{
	static const char wrong[] =
		"Password could not be decoded: it was encoded by another secret, or is damaged";
	size_t tag_bytes = x->is_gcm ? TAG_BYTES : 0;
	uint8_t tag[TAG_BYTES];
	if ((int)s->iv.n != x->iv_bytes || encrypted.n < tag_bytes || encrypted.n > PASSWORD_BYTES_MAX) {
		say(why, "the initialization vector or the password has not the length it must have");
		return NULL;
	}
	size_t n = encrypted.n - tag_bytes;
	uint8_t *out = arena_alloc(a, n + KEY_BYTES_MAX);
	memcpy(tag, encrypted.p + n, tag_bytes);
	if (!out || !seal(x, secret, s, false, encrypted.p, n, out, tag) || !unpad(x, out, &n)) {
		say(why, "%s", wrong);
		return NULL;
	}
	out[n] = 0;
	if (memchr(out, 0, n) || java_length((const char *)out) != length) {
		say(why, "%s", wrong);
		return NULL;
	}
	return (const char *)out;
}

const char *password_decode(struct arena *a, const char *secret, const char *encoded,
	char why[PASSWORD_WHY_BYTES])
{
	struct algorithm x;
	struct sealed s;
	struct slice encrypted;
	int key_length, length, tag_bits = 8 * TAG_BYTES;
	must(secret && encoded);
	const char *keyfactory = text_field(a, encoded, "keyFactoryAlgorithm");
	const char *cipher = text_field(a, encoded, "cipherAlgorithm");
	if (!keyfactory || !cipher) {
		say(why, "it is not an encoded password");
		return NULL;
	}
	if (!number_field(encoded, "keyLength", 8 * KEY_BYTES_MAX, &key_length, why) ||
		!number_field(encoded, "iterations", PASSWORD_ITERATIONS_MAX, &s.iterations, why) ||
		!number_field(encoded, "passwordLength", PASSWORD_BYTES_MAX, &length, why) ||
		!bytes_field(a, encoded, "salt", &s.salt, why) ||
		!bytes_field(a, encoded, "initializationVector", &s.iv, why) ||
		!bytes_field(a, encoded, "encryptedPassword", &encrypted, why))
		return NULL;
	bool found = algorithm_find(&x, keyfactory, cipher, key_length, why);
	if (found && x.is_gcm)
		found = number_field(encoded, "authenticationTagLength", 8 * TAG_BYTES, &tag_bits, why);
	if (found && (tag_bits != 8 * TAG_BYTES || s.iterations < 1))
		found = say(why, "authenticationTagLength is not 128, or iterations is 0");
	const char *password =
		found ? decode_with(a, secret, &x, &s, encrypted, length, why) : NULL;
	algorithm_free(&x);
	return password;
}
