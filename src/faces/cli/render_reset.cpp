#include "faces/cli/render_reset.hpp"

#include "faces/cli/json_fields.hpp"

namespace amivirt::cli {

Document reset_document(const ResetReport& report) {
    Json terminated = Json::array();
    for (const InstanceId& id : report.terminated) {
        terminated.push_back({{"InstanceId", id.str()}});
    }
    return document(
        {{"TerminatingInstances", std::move(terminated)},
         {"Deleted",
          {{"Images", report.images}, {"Snapshots", report.snapshots}, {"Volumes", report.volumes}, {"KeyPairs", report.key_pairs}}}});
}

}  // namespace amivirt::cli
