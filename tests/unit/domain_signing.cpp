// Which restored images a region lets be launched.
#include <gtest/gtest.h>

#include "amivirt/domain/signing.hpp"

namespace amivirt {
namespace {

TEST(Signing, OnlyRestoredImagesNeedATrustedSignerAndOnlyOnDemand) {
    RegionPolicy policy;
    policy.signers = {{"aaaa", "anna", "PEM"}};
    struct Case {
        const char* signer;
        bool launched_on_demand;
    };
    for (const auto& [signer, launched] : {Case{"", true}, Case{"aaaa", true}, Case{"bbbb", false}, Case{"unsigned", false}}) {
        Image image;
        image.id = *ImageId::parse("ami-0123456789abcdef0");
        image.signer = signer;
        policy.demand_signature = false;
        EXPECT_TRUE(check_signer(policy, image)) << signer;
        policy.demand_signature = true;
        const auto checked = check_signer(policy, image);
        EXPECT_EQ(checked.has_value(), launched) << signer;
        if (!checked) {
            EXPECT_EQ(checked.error().code, Code::operation_not_permitted);
            EXPECT_NE(checked.error().message.find(image.id.str()), std::string::npos);
        }
    }
    EXPECT_EQ(find_signer(policy, "aaaa")->name, "anna");
    EXPECT_EQ(find_signer(policy, "anna"), nullptr);
}

}  // namespace
}  // namespace amivirt
