/* kapi.c - see kapi.h. */
#include "broker/protocol/kapi.h"

/* Keys are dense but for the APIs of KRaft, so a key stands at most where its number says. */
const struct kapi *kapi_find(int key)
{
	if (key < 0)
		return NULL;
	for (size_t i = min_of((size_t)key + 1, kapis_count); i-- > 0 && kapis[i].key >= key;)
		if (kapis[i].key == key)
			return &kapis[i];
	return NULL;
}

const struct kmsg *kmsg_find(const char *name)
{
	must(name != NULL);
	for (size_t i = 0; i < kmsgs_count; i++)
		if (strcmp(kmsgs[i].name, name) == 0)
			return &kmsgs[i];
	return NULL;
}

int kapi_request_header(const struct kapi *api, int version)
{
	must(api != NULL);
	if (version <= api->bare_request)
		return 0;
	return version >= api->first_flexible ? 2 : 1;
}

int kapi_response_header(const struct kapi *api, int version)
{
	must(api != NULL);
	return version >= api->first_flexible && version > api->bare_response ? 1 : 0;
}
