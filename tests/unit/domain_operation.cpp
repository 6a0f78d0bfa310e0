#include "amivirt/domain/operation.hpp"

#include <gtest/gtest.h>

#include <set>

#include "domain_samples.hpp"

namespace amivirt {
namespace {

TEST(OperationKind, RoundTripsInEc2sActionNames) {
    using enum OperationKind;
    std::set<std::string_view> names;
    for (const auto kind : {import_image, run_instances, start_instances, stop_instances, reboot_instances, terminate_instances,
                            modify_instance, collect_layers}) {
        EXPECT_TRUE(names.insert(to_string(kind)).second) << to_string(kind);
        ASSERT_TRUE(parse_operation_kind(to_string(kind)));
        EXPECT_EQ(*parse_operation_kind(to_string(kind)), kind);
    }
    EXPECT_TRUE(names.contains("RunInstances"));
    EXPECT_TRUE(names.contains("ImportImage"));
    EXPECT_FALSE(parse_operation_kind("run_instances"));
}

TEST(BusyError, NamesTheActionTheObjectAndTheProcess) {
    const std::string object = samples::id<InstanceId>(1).str();
    const Operation holder{samples::id<OperationId>(1), OperationKind::stop_instances, {object}, 4711, {}};
    const Error error = busy_error(holder, object);
    EXPECT_EQ(error.code, Code::busy);
    EXPECT_EQ(error.message, "busy running StopInstances on \"i-00000000000000001\" (pid 4711)");
}

}  // namespace
}  // namespace amivirt
