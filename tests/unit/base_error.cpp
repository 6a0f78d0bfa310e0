#include "amivirt/base/error.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "amivirt/base/result.hpp"

namespace amivirt {
namespace {

constexpr auto k_last = Code::usage;

TEST(CodeTable, HasEachCodeOnceInDeclarationOrder) {
    const auto& table = all_code_facts();
    ASSERT_EQ(table.size(), static_cast<std::size_t>(k_last) + 1);
    for (std::size_t i = 0; i < table.size(); ++i) {
        EXPECT_EQ(static_cast<std::size_t>(table[i].code), i) << table[i].name;
        EXPECT_EQ(&facts(table[i].code), &table[i]);
    }
}

TEST(CodeTable, NamesAreUniqueAndSpeltLikeEc2s) {
    std::set<std::string_view> names;
    for (const CodeFacts& row : all_code_facts()) {
        EXPECT_TRUE(names.insert(row.name).second) << row.name;
        ASSERT_FALSE(row.name.empty());
        EXPECT_TRUE(row.name.front() >= 'A' && row.name.front() <= 'Z') << row.name;
        EXPECT_EQ(row.name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789."), std::string_view::npos)
            << row.name;
    }
}

TEST(CodeTable, StatusesAreInRange) {
    const std::set<int> http{400, 401, 403, 412, 500, 503};
    for (const CodeFacts& row : all_code_facts()) {
        EXPECT_TRUE(http.contains(row.http_status)) << row.name << ' ' << row.http_status;
        EXPECT_GE(row.exit_status, 0) << row.name;
        EXPECT_LE(row.exit_status, 7) << row.name;
        EXPECT_EQ(row.exit_status == 0, row.code == Code::dry_run_operation) << row.name;
    }
}

TEST(CodeTable, ExitStatusFollowsTheKindOfCode) {
    for (const CodeFacts& row : all_code_facts()) {
        if (row.name.ends_with(".NotFound")) {
            EXPECT_EQ(row.exit_status, 3) << row.name;
        }
        if (row.name.ends_with(".Malformed") || row.name.starts_with("InvalidParameter")) {
            EXPECT_EQ(row.exit_status, 2) << row.name;
        }
        if (row.name.starts_with("Hypervisor") || row.name.starts_with("Tool")) {
            EXPECT_EQ(row.exit_status, 7) << row.name;
        }
    }
}

TEST(CodeTable, ScriptsCanRelyOnTheseNumbers) {
    const std::map<Code, std::tuple<std::string_view, int, int>> expected{
        {Code::auth_failure, {"AuthFailure", 401, 4}},
        {Code::unauthorized_operation, {"UnauthorizedOperation", 403, 4}},
        {Code::operation_not_permitted, {"OperationNotPermitted", 400, 4}},
        {Code::resource_not_found, {"ResourceNotFoundException", 400, 3}},
        {Code::dry_run_operation, {"DryRunOperation", 412, 0}},
        {Code::internal_error, {"InternalError", 500, 1}},
        {Code::invalid_ami_id_not_found, {"InvalidAMIID.NotFound", 400, 3}},
        {Code::invalid_ami_id_unavailable, {"InvalidAMIID.Unavailable", 400, 5}},
        {Code::invalid_ami_name_duplicate, {"InvalidAMIName.Duplicate", 400, 2}},
        {Code::invalid_key_pair_not_found, {"InvalidKeyPair.NotFound", 400, 3}},
        {Code::invalid_key_pair_duplicate, {"InvalidKeyPair.Duplicate", 400, 2}},
        {Code::invalid_key_format, {"InvalidKey.Format", 400, 2}},
        {Code::invalid_block_device_mapping, {"InvalidBlockDeviceMapping", 400, 2}},
        {Code::missing_parameter, {"MissingParameter", 400, 2}},
        {Code::unknown_parameter, {"UnknownParameter", 400, 2}},
        {Code::incorrect_instance_state, {"IncorrectInstanceState", 400, 5}},
        {Code::volume_in_use, {"VolumeInUse", 400, 5}},
        {Code::busy, {"Busy", 503, 5}},
        {Code::timed_out, {"TimedOut", 503, 6}},
        {Code::lock_timeout, {"LockTimeout", 503, 6}},
        {Code::login_failed, {"LoginFailed", 500, 1}},
        {Code::hypervisor_unavailable, {"HypervisorUnavailable", 503, 7}},
        {Code::tool_missing, {"ToolMissing", 503, 7}},
        {Code::checksum_mismatch, {"ChecksumMismatch", 400, 1}},
        {Code::store_full, {"StoreFull", 503, 1}},
        {Code::invalid_disk_image, {"InvalidDiskImage", 400, 2}},
        {Code::invalid_manifest, {"InvalidManifest", 400, 2}},
        {Code::usage, {"Usage", 400, 2}},
    };
    for (const auto& [code, want] : expected) {
        const CodeFacts& row = facts(code);
        EXPECT_EQ(std::tuple(row.name, row.http_status, row.exit_status), want) << row.name;
    }
}

TEST(Error, DescribesItselfWithItsCode) {
    EXPECT_EQ(describe(Error(Code::invalid_ami_id_not_found, "image \"debain-12\" not found", "a hint")),
              "image \"debain-12\" not found (InvalidAMIID.NotFound)");
    EXPECT_EQ(describe(Error(Code::invalid_parameter_value, "this volume has 2 faults:\n  one\n  two")),
              "this volume has 2 faults (InvalidParameterValue):\n  one\n  two");
    EXPECT_EQ(describe(Error(Code::hypervisor_failed, "internal error: QEMU says\nnothing")),
              "internal error: QEMU says\nnothing (HypervisorFailed)");
}

TEST(Error, KeepsTheWayUpInnermostFirst) {
    const auto inner = []() -> Result<int> { return Error(Code::io_error, "cannot read \"x\""); };
    const auto middle = [&]() -> Result<int> { return AMIVIRT_TRY_CONTEXT(inner(), "reading the manifest") + 1; };
    const auto outer = [&]() -> Result<void> {
        AMIVIRT_TRY_CONTEXT(middle(), "registering \"tiny\"");
        return {};
    };
    const auto result = outer();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::io_error);
    EXPECT_EQ(result.error().message, "cannot read \"x\"");
    EXPECT_EQ(result.error().context, (std::vector<std::string>{"reading the manifest", "registering \"tiny\""}));
}

TEST(Result, TryHandsOverMoveOnlyValues) {
    const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
    const auto use = [&]() -> Result<int> {
        const std::unique_ptr<int> owned = AMIVIRT_TRY(make());
        return *owned;
    };
    ASSERT_TRUE(use());
    EXPECT_EQ(*use(), 7);
}

}  // namespace
}  // namespace amivirt
