/* features.c - UpdateFeatures, in a fiber of the control reactor.
 *
 * A broker with ZooKeeper knows no feature, so that none can be finalized or taken back: this says why not,
 * in 3.9's words. Facts: KafkaController.validateFeatureUpdate of 3.9. */
#include "broker/api/api.h"
#include "broker/api/handlers.h"

#include "update_features.kmsg.h"

enum { UPGRADE = 1, DOWNGRADE_SAFE = 2, DOWNGRADE_UNSAFE = 3, VERSION_SAYS_TYPE = 1 };

static const char *problem(
	struct arena *a, const struct update_features_request_feature_update *u, int version)
{
	bool known = version < VERSION_SAYS_TYPE ||
		     (u->upgrade_type >= UPGRADE && u->upgrade_type <= DOWNGRADE_UNSAFE);
	bool may_delete = version < VERSION_SAYS_TYPE ? u->allow_downgrade : u->upgrade_type != UPGRADE;
	if (u->feature.n == 0)
		return "Feature name can not be empty.";
	if (!known)
		return "Received unknown upgrade type.";
	if (u->max_version_level >= 1)
		return "Could not apply finalized feature update because the provided feature is not "
		       "supported.";
	if (may_delete)
		return "Can not delete non-existing finalized feature.";
	return arena_printf(a, "Can not provide versionLevel: %d less than 1 without setting the SAFE "
			    "downgradeType in the request.", u->max_version_level);
}

void handle_update_features(struct request *req)
{
	struct update_features_request msg;
	struct update_features_response out;
	if (!request_decode_ok(req, update_features_request_decode(&req->body, req->version, &msg)))
		return;
	update_features_response_defaults(&out);
	out.error_message = SLICE_NULL;
	out.results = arena_array(&req->arena, (size_t)msg.n_feature_updates, sizeof *out.results);
	if (!out.results) {
		request_refuse_large(req);
		return;
	}
	if (!controller_is_active(req->core->api->controller))
		out.error_code = KERR_NOT_CONTROLLER;
	for (int32_t i = 0; !out.error_code && i < msg.n_feature_updates; i++) {
		const struct update_features_request_feature_update *u = &msg.feature_updates[i];
		out.results[out.n_results++] = (struct update_features_response_result){
			u->feature, KERR_INVALID_REQUEST,
			slice_str(problem(&req->arena, u, req->version)) };
	}
	update_features_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}
