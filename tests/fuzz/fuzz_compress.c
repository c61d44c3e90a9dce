/* fuzz_compress.c - any bytes as a stream of any codec: it ends, keeps its cap, and is the same in steps of
 * any size.
 *
 * Input: codec, magic and step, the stream.
 */
#include "tests/fuzz/fuzz_records.h"

#include "broker/base/compress.h"
#include "broker/base/crc32c.h"
#include "broker/base/must.h"
#include "broker/protocol/batch.h"

enum { CAP = 128 << 10, STEP_MAX = 128 };

/* Kept from one input to the next, as a core keeps it. */
static struct codecs *codecs;

struct outcome {
	size_t total;
	uint32_t crc;
	int error;
};

static struct outcome drain(enum codec codec, int magic, struct slice in, size_t step)
{
	struct decompress *d = decompress_open(codecs, codec, magic, in, CAP);
	struct outcome o = { 0 };
	const uint8_t *p;
	size_t n;

	while ((n = decompress_peek(d, step, &p)) > 0) {
		n = min_of(n, step);
		o.crc = crc32c_more(o.crc, p, n);
		o.total += n;
		decompress_skip(d, n);
	}
	o.error = decompress_error(d);
	must(o.total <= CAP);
	decompress_close(&d);
	return o;
}

/* What is packed comes back. */
static void there_and_back(enum codec codec, struct slice in)
{
	size_t room = codec_bound(codec, in.n);
	uint8_t *packed = mem_alloc(room);
	int64_t n = codec_compress(codecs, codec, CODEC_LEVEL_DEFAULT, in, packed, room);

	must(n >= 0);
	struct outcome o = drain(codec, 2, slice_of(packed, (size_t)n), CAP);
	must(o.error == 0 && o.total == in.n && o.crc == crc32c(in.p, in.n));
	free(packed);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	if (n < FUZZ_HEAD_BYTES || n > CAP)
		return 0;
	if (!codecs)
		codecs = codecs_new();
	enum codec codec = (enum codec)(input[0] % CODEC_COUNT);
	struct slice in = slice_of(input + FUZZ_HEAD_BYTES, n - FUZZ_HEAD_BYTES);
	int magic = input[1] % 2 * 2;
	struct outcome whole = drain(codec, magic, in, CAP);
	struct outcome steps = drain(codec, magic, in, 1 + input[1] / 2 % STEP_MAX);
	must(whole.error == steps.error);
	must(whole.error != 0 || (whole.total == steps.total && whole.crc == steps.crc));
	there_and_back(codec, in);
	return 0;
}

size_t fuzz_input_of(const uint8_t *batch, size_t n, uint8_t *out)
{
	if (n <= BATCH_HEADER_BYTES || batch[BATCH_MAGIC_AT] != 2)
		return 0;
	out[0] = batch[BATCH_ATTRIBUTES_AT + 1] & BATCH_CODEC_MASK;
	out[1] = 1;
	memcpy(out + FUZZ_HEAD_BYTES, batch + BATCH_HEADER_BYTES, n - BATCH_HEADER_BYTES);
	return n - BATCH_HEADER_BYTES + FUZZ_HEAD_BYTES;
}
