/* fuzz_dump.c - any bytes as the files of a partition, shown and checked: whatever they hold does no harm.
 *
 * Input: how they are shown, which decoder, the bytes. They are the .log, .txnindex and .snapshot; their last
 * ones are the indexes.
 */
#include "tests/fuzz/fuzz_records.h"

#include "broker/base/must.h"
#include "tools/dump.h"
#include "tools/dump_check.h"

#include <stdio.h>
#include <unistd.h>

enum {
	DECODERS = DECODER_TXNS + 1,
	INDEX_BYTES = 48,

	SHOW_PRINT = 0x01,
	SHOW_JSON = 0x02,
	SHOW_SANITY = 0x04,
	SHOW_CHECK = 0x08,
	SHOW_SKIP = 0x10,
};

static char in_memory[] = "/dev/shm/fuzz_dump.XXXXXX", on_disk[] = "/tmp/fuzz_dump.XXXXXX";
static const char *folder;
static const char *const suffixes[] = { "log", "txnindex", "snapshot", "index", "timeindex" };

static void path_of(char *out, size_t n, const char *suffix)
{
	snprintf(out, n, "%s/00000000000000000000.%s", folder, suffix);
}

static void clean(void)
{
	char path[100];
	for (size_t i = 0; i < countof(suffixes); i++) {
		path_of(path, sizeof path, suffixes[i]);
		unlink(path);
	}
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	folder = mkdtemp(in_memory);
	if (!folder)
		folder = mkdtemp(on_disk);
	must(folder != NULL);
	must(atexit(clean) == 0);
	return 0;
}

static void emit(void *arg, bool error, struct slice text)
{
	(void)error;
	*(size_t *)arg += text.n;
}

static void write_files(const uint8_t *bytes, size_t n)
{
	char path[100];
	for (size_t i = 0; i < countof(suffixes); i++) {
		size_t part = i < 3 || n < INDEX_BYTES ? n : INDEX_BYTES;
		path_of(path, sizeof path, suffixes[i]);
		FILE *f = fopen(path, "wb");
		must(f && fwrite(bytes + n - part, 1, part, f) == part && fclose(f) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct dump_options o = { .max_bytes = INT32_MAX, .max_message_bytes = DUMP_MAX_MESSAGE_BYTES };
	struct dump d;
	struct check c;
	char path[100];
	size_t printed = 0;

	if (n < FUZZ_HEAD_BYTES)
		return 0;
	if (!folder)
		LLVMFuzzerInitialize(NULL, NULL);
	uint8_t how = input[0];
	o.print = o.deep = how & SHOW_PRINT;
	o.json = how & SHOW_JSON;
	o.sanity_only = how & SHOW_SANITY;
	o.skip_metadata = how & SHOW_SKIP;
	o.check = o.verify_only = how & SHOW_CHECK;
	o.key = o.value = (enum decoder_kind)(input[1] % DECODERS);
	write_files(input + FUZZ_HEAD_BYTES, n - FUZZ_HEAD_BYTES);
	dump_init(&d, &o, "", emit, &printed);
	check_init(&c, &d);
	for (size_t i = 0; i < countof(suffixes); i++) {
		path_of(path, sizeof path, suffixes[i]);
		if (o.check)
			check_file(&c, path);
		else
			dump_file(&d, path);
	}
	dump_end(&d);
	dump_free(&d);
	return 0;
}

size_t fuzz_input_of(const uint8_t *batch, size_t n, uint8_t *out)
{
	out[0] = SHOW_PRINT;
	out[1] = (uint8_t)(n % DECODERS);
	memcpy(out + FUZZ_HEAD_BYTES, batch, n);
	return n + FUZZ_HEAD_BYTES;
}
