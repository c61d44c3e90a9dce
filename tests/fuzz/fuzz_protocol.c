/* fuzz_protocol.c - any bytes as any message: what is read must be written back, and read again as the same.
 *
 * Input: the number of the message in kmsgs, the version above its least, the frame.
 *	tests/fuzz/replay_protocol --seeds CORPUS; tests/fuzz/fuzz_protocol CORPUS
 *	tests/fuzz/fuzz_protocol --message=FetchRequest CORPUS       that message alone
 */
#include "tests/fuzz/fuzz.h"

#include "broker/protocol/kapi.h"

enum {
	HEAD_BYTES = 2,
	LARGEST_MESSAGE = 1024,   /* bytes of the largest struct; asserted */
	ARENA_CAP = 64 << 20,
	MEMORY_PER_BYTE = 256,    /* no struct is so many times larger than it is least in a frame */
	MEMORY_AT_LEAST = 1024,   /* structs that are there though absent */
	ENCODED_MAX = 16 << 20,
};

static const struct kmsg *only; /* --message */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char option[] = "--message=";
	for (int i = 1; i < *argc; i++)
		if (strncmp((*argv)[i], option, sizeof option - 1) == 0) {
			only = kmsg_find((*argv)[i] + sizeof option - 1);
			must(only != NULL);
		}
	return 0;
}

static struct buf *write_message(const struct kmsg *kmsg, int version, const void *m)
{
	struct kenc e;
	kenc_init(&e, NULL, ENCODED_MAX);
	kmsg->encode(&e, version, m);
	struct buf *b = kenc_finish_buf(&e);
	must(b != NULL);
	return b;
}

static char *show_message(const struct kmsg *kmsg, int version, const void *m)
{
	struct kdump k;
	kdump_init(&k, KDUMP_MAX_BYTES);
	k.whole_records = k.secrets = true;
	kmsg->dump(&k, version, m);
	return k.text;
}

/* The first writing is the measure: unknown tags are gone, and known ones that had their default. */
static void check_written(const struct kmsg *kmsg, int version, const void *m)
{
	_Alignas(16) uint8_t memory[LARGEST_MESSAGE];
	struct arena arena;
	struct kdec d;
	struct buf *first = write_message(kmsg, version, m);
	char *shown = show_message(kmsg, version, m);
	arena_init(&arena, ARENA_CAP);
	kdec_init(&d, slice_of(first->bytes, first->used), &arena);
	must(kmsg->decode(&d, version, memory) == KDEC_OK && d.p == d.end);
	struct buf *second = write_message(kmsg, version, memory);
	char *shown_again = show_message(kmsg, version, memory);
	must(first->used == second->used && memcmp(first->bytes, second->bytes, first->used) == 0);
	must(strcmp(shown, shown_again) == 0);
	buf_put(first);
	buf_put(second);
	free(shown);
	free(shown_again);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	_Alignas(16) uint8_t memory[LARGEST_MESSAGE];
	struct arena arena;
	struct kdec d;
	if (n < HEAD_BYTES)
		return 0;
	const struct kmsg *kmsg = only ? only : &kmsgs[input[0] % kmsgs_count];
	int version = kmsg->min + input[1] % (kmsg->max - kmsg->min + 1);
	must(kmsg->size <= sizeof memory);
	arena_init(&arena, ARENA_CAP);
	kdec_init(&d, slice_of(input + HEAD_BYTES, n - HEAD_BYTES), &arena);
	if (kmsg->decode(&d, version, memory) == KDEC_OK)
		check_written(kmsg, version, memory);
	must(arena.used <= n * MEMORY_PER_BYTE + MEMORY_AT_LEAST);
	arena_free(&arena);
	return 0;
}
