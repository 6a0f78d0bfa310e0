#include "amivirt/domain/platform.hpp"

#include <gtest/gtest.h>

#include "amivirt/domain/type_architecture.hpp"

namespace amivirt {
namespace {

TEST(Architecture, RoundTrips) {
    for (const auto value : {Architecture::i386, Architecture::x86_64, Architecture::arm64}) {
        ASSERT_TRUE(parse_architecture(to_string(value)));
        EXPECT_EQ(*parse_architecture(to_string(value)), value);
    }
    EXPECT_EQ(to_string(Architecture::x86_64), "x86_64");
}

TEST(Architecture, RefusesOtherSpellingsAndSaysTheRightOne) {
    for (const auto& [bad, right] :
         {std::pair("amd64", "x86_64"), {"x86-64", "x86_64"}, {"X86_64", "x86_64"}, {"aarch64", "arm64"}, {"i686", "i386"}}) {
        const auto parsed = parse_architecture(bad);
        ASSERT_FALSE(parsed) << bad;
        EXPECT_EQ(parsed.error().code, Code::invalid_parameter_value);
        EXPECT_EQ(parsed.error().message, std::string("Invalid architecture \"") + bad + "\" (expecting i386 | x86_64 | arm64)");
        EXPECT_EQ(parsed.error().hint, std::string("Did you mean \"") + right + "\"?");
    }
    ASSERT_FALSE(parse_architecture(""));
    EXPECT_EQ(parse_architecture("mips").error().hint, "");
}

TEST(Architecture, OnlyX86RunsAnother) {
    using enum Architecture;
    for (const auto host : {i386, x86_64, arm64}) {
        for (const auto guest : {i386, x86_64, arm64}) {
            EXPECT_EQ(can_run(host, guest), host == guest || (host == x86_64 && guest == i386))
                << to_string(host) << ' ' << to_string(guest);
        }
    }
}

TEST(Architecture, OfAnInstanceType) {
    for (const std::string_view type :
         {"a1.large", "t4g.nano", "m6gd.large", "c6gn.xlarge", "im4gn.large", "is4gen.medium", "hpc7g.4xlarge", "g5g.xlarge"}) {
        EXPECT_EQ(architecture_of_type(type), Architecture::arm64) << type;
        EXPECT_FALSE(check_type_fits(type, Architecture::x86_64)) << type;
        EXPECT_TRUE(check_type_fits(type, Architecture::arm64)) << type;
    }
    for (const std::string_view type :
         {"m1.small", "t3.nano", "t3a.large", "g4dn.xlarge", "c5d.large", "lab.big", "lab2big.large", "big", ""}) {
        EXPECT_EQ(architecture_of_type(type), Architecture::x86_64) << type;
        EXPECT_TRUE(check_type_fits(type, Architecture::x86_64)) << type;
        EXPECT_TRUE(check_type_fits(type, Architecture::arm64)) << type;
    }
}

TEST(BootMode, RoundTripsAndRefuses) {
    EXPECT_EQ(to_string(BootMode::legacy_bios), "legacy-bios");
    EXPECT_EQ(to_string(BootMode::uefi), "uefi");
    EXPECT_EQ(to_string(BootMode::uefi_preferred), "uefi-preferred");
    for (const auto value : {BootMode::legacy_bios, BootMode::uefi, BootMode::uefi_preferred}) {
        EXPECT_EQ(*parse_boot_mode(to_string(value)), value);
    }
    for (const auto* bad : {"", "bios", "UEFI", "uefi_preferred"}) {
        ASSERT_FALSE(parse_boot_mode(bad)) << bad;
        EXPECT_EQ(parse_boot_mode(bad).error().code, Code::invalid_parameter_value);
    }
    EXPECT_EQ(parse_boot_mode("uefi_preferred").error().hint, "Did you mean \"uefi-preferred\"?");
}

TEST(Firmware, IsSpeltAsEc2sCurrentBootMode) {
    EXPECT_EQ(to_string(Firmware::bios), "legacy-bios");
    EXPECT_EQ(to_string(Firmware::uefi), "uefi");
}

TEST(Accelerator, ParsesItsRequests) {
    EXPECT_EQ(*parse_accelerator("auto"), AcceleratorRequest::automatic);
    EXPECT_EQ(*parse_accelerator("kvm"), AcceleratorRequest::kvm);
    EXPECT_EQ(*parse_accelerator("tcg"), AcceleratorRequest::tcg);
    for (const auto* bad : {"", "KVM", "hvf", "automatic"}) {
        ASSERT_FALSE(parse_accelerator(bad)) << bad;
        EXPECT_EQ(parse_accelerator(bad).error().message, std::string("Invalid accelerator \"") + bad + "\" (expecting auto | kvm | tcg)");
    }
    EXPECT_EQ(to_string(Accelerator::kvm), "kvm");
    EXPECT_EQ(to_string(Accelerator::tcg), "tcg");
}

}  // namespace
}  // namespace amivirt
