/* versions.c - ApiVersions: the promise. Facts: KafkaApis.handleApiVersionsRequest, KIP-511. */
#include "broker/api/api.h"
#include "broker/api/client_info.h"
#include "broker/api/handlers.h"

#include "broker/base/must.h"

#include "api_versions.kmsg.h"

enum { VERSION_NAMES_CLIENT = 3 };

/* [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? */
static bool is_client_text(struct slice s)
{
	for (uint32_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9');
		bool inner = i > 0 && i + 1 < s.n && (c == '-' || c == '.');
		if (!alphanumeric && !inner)
			return false;
	}
	return s.n > 0;
}

static void respond(struct request *req, enum kerr error, const struct api_row *rows, size_t n)
{
	struct api_versions_response out;
	api_versions_response_defaults(&out);
	out.error_code = (int16_t)error;
	out.api_keys = arena_array(&req->arena, n, sizeof *out.api_keys);
	must(out.api_keys != NULL);
	out.n_api_keys = (int32_t)n;
	for (size_t i = 0; i < n; i++)
		out.api_keys[i] = (struct api_versions_response_api_key){ rows[i].key, rows[i].min,
			rows[i].max };
	if (!error)
		out.finalized_features_epoch = 0;
	api_versions_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}

void handle_api_versions(struct request *req)
{
	struct api_versions_request msg;
	if (!request_decode_ok(req, api_versions_request_decode(&req->body, req->version, &msg)))
		return;
	bool bad = req->version >= VERSION_NAMES_CLIENT &&
		   (!is_client_text(msg.client_software_name) ||
		    !is_client_text(msg.client_software_version));
	if (!bad && req->version >= VERSION_NAMES_CLIENT)
		client_info_set(req->core, req->conn, msg.client_software_name,
				msg.client_software_version);
	if (bad)
		respond(req, KERR_INVALID_REQUEST, NULL, 0);
	else
		respond(req, KERR_NONE, api_rows, api_rows_count);
}

void handle_unknown_api_versions(struct request *req)
{
	respond(req, KERR_UNSUPPORTED_VERSION, api_row_find(KAPI_API_VERSIONS), 1);
}
