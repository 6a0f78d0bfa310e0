#include "amivirt/domain/image_access.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "domain_samples.hpp"
#include "image_access_table.hpp"

namespace amivirt {
namespace {

using namespace std::chrono_literals;
using samples::Condition;
using samples::Principal;

constexpr TimePoint k_now{Duration{1795325400000}};

class ImageAccess : public ::testing::Test {
protected:
    const AccountId owner_ = samples::account(1);
    const AccountId friend_ = samples::account(2);
    const AccountId stranger_ = samples::account(3);

    Image image_in(Condition condition) const {
        Image image;
        image.id = samples::id<ImageId>(1);
        image.owner = owner_;
        image.name = "golden";
        image.created = k_now - 24h;
        image.state = condition == Condition::disabled       ? ImageState::disabled
                      : condition == Condition::deregistered ? ImageState::deregistered
                                                             : ImageState::available;
        if (condition == Condition::deprecated) {
            image.deprecated = k_now - 1min;
        }
        return image;
    }
    /// The image with that permission, and who asks.
    std::pair<Image, AccountId> shared(Image image, Principal principal) const {
        image.permissions.everyone = principal == Principal::everyone;
        if (principal == Principal::listed) {
            image.permissions.accounts = {friend_};
        }
        return {std::move(image), principal == Principal::owner ? owner_ : friend_};
    }
};

TEST_F(ImageAccess, IsAsTheTableSays) {
    for (const auto& row : samples::k_access) {
        std::string answers;
        for (const auto principal : samples::k_principals) {
            const auto [image, caller] = shared(image_in(row.condition), principal);
            answers += samples::letter_of(authorize(row.action, image, caller, k_now));
        }
        EXPECT_EQ(answers, row.answers) << row.name << ' ' << to_string(row.action);
    }
}

TEST_F(ImageAccess, WhatIsNotThereYetIsOfNoUse) {
    for (const auto state : {ImageState::pending, ImageState::failed}) {
        Image image = image_in(Condition::available);
        image.state = state;
        EXPECT_TRUE(authorize(ImageAction::describe, image, owner_, k_now));
        for (const auto action :
             {ImageAction::run, ImageAction::copy, ImageAction::export_image, ImageAction::deregister, ImageAction::modify}) {
            if (state == ImageState::failed && action == ImageAction::deregister) {
                EXPECT_TRUE(authorize(action, image, owner_, k_now));
                continue;
            }
            const auto refused = authorize(action, image, owner_, k_now);
            ASSERT_FALSE(refused) << to_string(action);
            EXPECT_EQ(refused.error().code, Code::invalid_ami_id_unavailable);
            EXPECT_NE(refused.error().message.find(to_string(state)), std::string::npos) << refused.error().message;
        }
    }
}

TEST_F(ImageAccess, RefusalsUseEc2sWordsAndNameTheImage) {
    const Image image = image_in(Condition::available);
    EXPECT_EQ(authorize(ImageAction::run, image, friend_, k_now).error().message, "Not authorized for images: [ami-00000000000000001]");
    EXPECT_EQ(authorize(ImageAction::describe, image, friend_, k_now).error().message, "image \"ami-00000000000000001\" not found");
    Image kept = image_in(Condition::deregistered);
    kept.bin = BinStay{k_now - 1h, k_now + 1h};
    EXPECT_NE(authorize(ImageAction::run, kept, owner_, k_now).error().hint.find("restore-from-bin"), std::string::npos);
}

TEST_F(ImageAccess, DescribeShowsWhatOneMayLaunch) {
    const Include all{true, true};
    const auto shown = [&](Condition condition, Principal principal, const Include& include) {
        const auto [image, caller] = shared(image_in(condition), principal);
        return visible_to(image, caller, k_now, include);
    };
    for (const auto principal : {Principal::owner, Principal::listed, Principal::everyone}) {
        EXPECT_TRUE(shown(Condition::available, principal, {}));
        EXPECT_TRUE(shown(Condition::deprecated, principal, {true, false}));
        EXPECT_EQ(shown(Condition::deprecated, principal, {}), principal == Principal::owner);
        EXPECT_FALSE(shown(Condition::disabled, principal, {}));
        EXPECT_EQ(shown(Condition::disabled, principal, all), principal == Principal::owner);
        EXPECT_FALSE(shown(Condition::deregistered, principal, all));
    }
    for (const auto condition : {Condition::available, Condition::deprecated, Condition::disabled, Condition::deregistered}) {
        EXPECT_FALSE(shown(condition, Principal::stranger, all));
    }
}

TEST_F(ImageAccess, DeprecationComesWithItsMinute) {
    Image image = image_in(Condition::available);
    image.permissions.everyone = true;
    image.deprecated = k_now;
    EXPECT_TRUE(visible_to(image, friend_, k_now - 1ms, {}));
    EXPECT_FALSE(visible_to(image, friend_, k_now, {}));
}

TEST_F(ImageAccess, ProtectionKeepsAnImageFromBeingDeregistered) {
    Image image = image_in(Condition::available);
    for (const auto protection : {DeregistrationProtection::enabled, DeregistrationProtection::enabled_with_cooldown}) {
        image.protection = protection;
        const auto refused = authorize(ImageAction::deregister, image, owner_, k_now);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Code::operation_not_permitted);
        EXPECT_NE(refused.error().hint.find("unprotect"), std::string::npos);
        EXPECT_TRUE(authorize(ImageAction::modify, image, owner_, k_now));
        // Others learn nothing of it.
        EXPECT_EQ(authorize(ImageAction::deregister, image, friend_, k_now).error().code, Code::invalid_ami_id_not_found);
    }
    image.protection = DeregistrationProtection::disabled;
    image.protected_until = k_now + 1h;
    EXPECT_NE(authorize(ImageAction::deregister, image, owner_, k_now).error().message.find("2026-11-22T06:30:00.000Z"), std::string::npos);
    EXPECT_TRUE(authorize(ImageAction::deregister, image, owner_, k_now + 1h));
}

TEST_F(ImageAccess, ADeprecationTimeIsRoundedAndBounded) {
    Image image = image_in(Condition::available);
    EXPECT_EQ(deprecation_time(image, k_now + 89s, k_now), k_now + 1min);
    EXPECT_EQ(deprecation_time(image, k_now + 91s, k_now), k_now + 2min);
    for (const auto past : {k_now, k_now - 1ms, k_now - 24h}) {
        EXPECT_EQ(deprecation_time(image, past, k_now).error().code, Code::invalid_parameter_value);
    }
    EXPECT_TRUE(deprecation_time(image, k_now + std::chrono::years(10), k_now));
    EXPECT_FALSE(deprecation_time(image, k_now + std::chrono::years(10) + 1min, k_now));
    image.permissions.everyone = true;
    EXPECT_TRUE(deprecation_time(image, image.created + std::chrono::years(2), k_now));
    EXPECT_EQ(deprecation_time(image, image.created + std::chrono::years(2) + 1min, k_now).error().code, Code::invalid_parameter_value);
}

TEST_F(ImageAccess, CriteriaAreAlternativesAndEachIsMetAsAWhole) {
    const Image image = image_in(Condition::available);
    const auto allowed = [&](std::vector<ImageCriterion> criteria, const Image& of) {
        return meets_criteria(of, criteria, friend_, k_now);
    };
    EXPECT_TRUE(allowed({}, image));
    const ImageCriterion by_owner{{"000000000001"}, {}, {}, {}};
    const ImageCriterion of_own{{"self"}, {}, {}, {}};
    const ImageCriterion by_name{{}, {"web-*", "gold?n"}, {}, {}};
    const ImageCriterion fresh{{}, {}, 1, {}};
    const ImageCriterion fresher{{}, {}, 0, {}};
    EXPECT_TRUE(allowed({by_owner}, image));
    EXPECT_FALSE(allowed({of_own}, image));
    EXPECT_TRUE(meets_criteria(image, {of_own}, owner_, k_now));
    EXPECT_TRUE(allowed({by_name}, image));
    EXPECT_TRUE(allowed({fresh}, image));
    EXPECT_FALSE(meets_criteria(image, {fresh}, friend_, k_now + 1ms));
    EXPECT_FALSE(allowed({fresher}, image));
    EXPECT_TRUE(allowed({fresher, by_owner}, image));
    const ImageCriterion both{{"000000000001"}, {"web-*"}, {}, {}};
    EXPECT_FALSE(allowed({both}, image));
    EXPECT_FALSE(allowed({{{"amazon"}, {}, {}, {}}}, image)) << "no image here is Amazon's";
}

TEST_F(ImageAccess, ACriterionMayBoundTheTimeSinceDeprecation) {
    Image image = image_in(Condition::deprecated);
    image.deprecated = k_now - std::chrono::days(3);
    const auto allowed = [&](unsigned days) { return meets_criteria(image, {{{}, {}, {}, days}}, owner_, k_now); };
    EXPECT_FALSE(allowed(0));
    EXPECT_FALSE(allowed(2));
    EXPECT_TRUE(allowed(3));
    image.deprecated = k_now;
    EXPECT_FALSE(allowed(0)) << "0 excludes all that are deprecated";
    image.deprecated = k_now + 1min;
    EXPECT_TRUE(allowed(0));
}

TEST_F(ImageAccess, CriteriaHaveLimits) {
    const auto refused = [](const std::vector<ImageCriterion>& criteria) {
        const auto checked = check_criteria(criteria);
        return !checked && checked.error().code == Code::invalid_parameter_value;
    };
    EXPECT_TRUE(check_criteria({}));
    EXPECT_TRUE(check_criteria({{{"self", "amazon", "111122223333"}, {"d*", "*", "debian-1?", "tiny"}, 0, 0}}));
    EXPECT_TRUE(refused({{}}));
    EXPECT_TRUE(refused({{{"me"}, {}, {}, {}}}));
    EXPECT_TRUE(refused({{{}, {"a:b"}, {}, {}}}));
    EXPECT_TRUE(refused({{{}, {"ab"}, {}, {}}})) << "no image has a name of two characters";
    EXPECT_TRUE(refused({{{}, {std::string(129, '*')}, {}, {}}}));
    EXPECT_TRUE(refused({{{}, std::vector<std::string>(51, "abc"), {}, {}}}));
    EXPECT_TRUE(refused(std::vector<ImageCriterion>(11, {{"self"}, {}, {}, {}})));
}

}  // namespace
}  // namespace amivirt
