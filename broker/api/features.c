/* features.c - UpdateFeatures, in a fiber of the control reactor.
 *
 * A broker with ZooKeeper knows no feature, so that none can be finalized or taken back. 3.9 answers that all
 * went well and does nothing; this says why not. Facts: KafkaController.validateFeatureUpdate of 3.9. */
#include "broker/api/api.h"
#include "broker/api/handlers.h"

#include "update_features.kmsg.h"

enum { UPGRADE = 1, DOWNGRADE_SAFE = 2, DOWNGRADE_UNSAFE = 3, VERSION_SAYS_TYPE = 1 };

static const char *problem(const struct update_features_request_feature_update *u, int version)
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
	return may_delete ? "Can not delete non-existing finalized feature."
			  : "A feature is deleted by a level below 1 and the leave to downgrade only.";
}

void handle_update_features(struct request *req)
{
	struct update_features_request msg;
	struct update_features_response out;
	if (!request_decode_ok(req, update_features_request_decode(&req->body, req->version, &msg)))
		return;
	update_features_response_defaults(&out);
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
			u->feature, KERR_INVALID_REQUEST, slice_str(problem(u, req->version)) };
	}
	update_features_response_encode(response_begin(req), req->version, &out);
	response_send(req);
}
